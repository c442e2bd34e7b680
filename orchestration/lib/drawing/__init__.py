"""Draws what no chart library has: the subway map, flows between phases, sparklines, for pages, digests and docs."""
