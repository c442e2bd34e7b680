"""Lands source extracts: contracts from the dbt sources, each file once, broken rows to quarantine.

Start at `read_contracts` and `land_table`; `docs/landing.md` says what becomes of every kind of file and row.
"""

from __future__ import annotations

from orchestration.lib.config.contracts import (
    ColumnContract,
    ContractError,
    CsvDialect,
    TableContract,
    read_contracts,
)
from orchestration.lib.landing.accounting import TableAccount, account, account_sql, quarantine_messages
from orchestration.lib.landing.land import LandingResult, land_table
from orchestration.lib.landing.registry import LandingError, RefusedFile, refused_files
from orchestration.lib.landing.withdraw import FileChange, restore_file, withdraw_file

__all__ = [
    "ColumnContract",
    "ContractError",
    "CsvDialect",
    "FileChange",
    "LandingError",
    "LandingResult",
    "RefusedFile",
    "TableAccount",
    "TableContract",
    "account",
    "account_sql",
    "land_table",
    "quarantine_messages",
    "read_contracts",
    "refused_files",
    "restore_file",
    "withdraw_file",
]
