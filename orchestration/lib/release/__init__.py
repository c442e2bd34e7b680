"""Writes, publishes, lists and takes back releases; see docs/release.md."""
