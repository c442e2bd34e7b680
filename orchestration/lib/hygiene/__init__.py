"""Checks at two gates: what landed, before anything is built on it, and what was built, before it is published."""
