"""How much an assistant gets at once, and how long it may take."""

from __future__ import annotations

# Rows of one answer: what is given unless asked otherwise, and at most.
ROWS = 100
MOST_ROWS = 1_000
# Characters of one value, and of all rows written as JSON.
VALUE_CHARACTERS = 2_000
MOST_CHARACTERS = 200_000
# A query is interrupted after this time, and its process killed if that doesn't end it.
QUERY_SECONDS = 20.0
SECONDS_TO_END = 5.0
# Memory of DuckDB in that process, and address space of all that a query takes: DuckDB doesn't count values of text.
MEMORY = "512MB"
ADDRESS_SPACE = 3 * 512 * 1024**2
# Queries that run at once; the next ones wait.
QUERIES_AT_ONCE = 2
# What a session in this process may hold; nothing spills to the disk.
SESSION = ("set memory_limit = '512MB'", "set threads = 2", "set temp_directory = ''")
