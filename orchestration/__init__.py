"""Dagster code of Journey Warehouse: `defs/` declares what exists, `lib/` holds how it works."""
