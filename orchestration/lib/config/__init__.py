"""Configuration that people write: seeds, contracts of source tables, matching. Pydantic checks it."""
