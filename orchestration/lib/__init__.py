"""How the warehouse works, importable without a manifest, a network or a clock."""
