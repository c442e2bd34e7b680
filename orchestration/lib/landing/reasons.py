"""Names why a row or a file does not land: stable codes that checks, marts and people can count on."""

from __future__ import annotations

import duckdb

# A row in quarantine: it has a line.
MISSING_VALUE = "missing_value"
NOT_A_NUMBER = "not_a_number"
NOT_A_BOOLEAN = "not_a_boolean"
NOT_A_DATE = "not_a_date"
NOT_A_TIME = "not_a_time"
NOT_A_JSON_OBJECT = "not_a_json_object"
VALUE_NOT_ACCEPTED = "value_not_accepted"
NUL_BYTE = "nul_byte"
VALUE_WOULD_CHANGE = "value_would_change"
OUT_OF_RANGE = "out_of_range"
TOO_FEW_COLUMNS = "too_few_columns"
TOO_MANY_COLUMNS = "too_many_columns"
BROKEN_QUOTES = "broken_quotes"
INVALID_ENCODING = "invalid_encoding"
LINE_TOO_LONG = "line_too_long"
NOT_JSON = "not_json"
DUPLICATE_COLUMN = "duplicate_column"
NOT_AN_IDENTIFIER = "not_an_identifier"
SPREADSHEET_NUMBER = "spreadsheet_number"
NOT_A_JSON_ARRAY = "not_a_json_array"
PARENT_QUARANTINED = "parent_quarantined"
KEY_COLLISION = "key_collision"
UNREADABLE_ROW = "unreadable_row"

# A whole file refused: one row in quarantine without a line. Some codes serve both a row and a file.
EMPTY_FILE = "empty_file"
UNREADABLE_FILE = "unreadable_file"
UNREADABLE_FOLDER = "unreadable_folder"
UNKNOWN_FORMAT = "unknown_format"
WRONG_SUFFIX = "wrong_suffix"
WRONG_ENCODING = "wrong_encoding"
WRONG_DELIMITER = "wrong_delimiter"
BINARY_FILE = "binary_file"
TRUNCATED_GZIP = "truncated_gzip"
BROKEN_GZIP = "broken_gzip"
TRUNCATED_ZSTD = "truncated_zstd"
BROKEN_ZSTD = "broken_zstd"
TRUNCATED_PARQUET = "truncated_parquet"
BROKEN_PARQUET = "broken_parquet"
BROKEN_CSV = "broken_csv"
BROKEN_HEADER = "broken_header"
MISSING_COLUMN = "missing_column"


class FileRefused(Exception):
    """A file that does not land at all: the code says why, `expected` what was expected and the cure."""

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(f"{reason}: {expected}")
        self.reason = reason
        self.expected = expected


class FileChanging(Exception):
    """A file that is still being written: it waits for the next run."""


def raise_unless_the_files_fault(error: duckdb.Error) -> None:
    """Raises what the machine is to blame for: no memory, no disk, a stopped run. It refuses no file."""
    text = str(error).lower()
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.InterruptException)) or any(
        sign in text for sign in ("no space left", "disk quota", "could not write", "too many open files")
    ):
        raise error
