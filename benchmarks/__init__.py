"""Measures what a refresh costs: seconds and memory per stage, beside the least that any program would have to do."""
