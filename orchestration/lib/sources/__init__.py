"""Sources outside the project: the folder that JOURNEYS_SOURCES names, and what dbt reads of it.

Start at `resolve_sources`; `staging_models` writes the models of tables whose YAML maps their columns, `new_source` a
first contract from a sample.
"""
