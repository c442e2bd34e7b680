"""Measures what a refresh costs: seconds and memory per stage, next to the least that any program has to do."""
