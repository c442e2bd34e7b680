"""Runs dbt as a subprocess, and reads what it compiles."""
