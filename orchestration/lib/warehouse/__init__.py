"""The warehouse file: how it is opened, and how dbt builds in it."""
