"""Checks the seed of published properties against the contracts: what it lists must have somewhere to come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.config.faults import suggestion
from orchestration.lib.config.seeds import SeedReport, SeedRow, SeedsInvalid, read_definitions
from orchestration.lib.config.seeds.definitions import SEED_PROPERTIES
from orchestration.lib.config.seeds.rows import read_rows
from orchestration.lib.core.settings import PROJECT_ROOT, Settings

SEED = "public_properties"


def check_public_properties(settings: Settings, contracts: Sequence[TableContract]) -> None:
    """Raises SeedsInvalid for a row about a table whose properties are not published key by key."""
    path = settings.seeds / f"{SEED}.csv"
    if not path.is_file():
        return
    definitions = read_definitions(PROJECT_ROOT / "seeds" / SEED_PROPERTIES)
    [definition] = [definition for definition in definitions if definition.name == SEED]
    _, rows = read_rows(definition, path)
    keys = {contract.name: public_keys(contract) for contract in contracts}
    if problems := tuple(row.problem(message) for row in rows for message in _wrong(row, keys)):
        raise SeedsInvalid(SeedReport(problems, ()))


def public_keys(contract: TableContract) -> frozenset[str]:
    """The keys of a json column that a contract publishes."""
    return frozenset(key for column in contract.columns for key in column.public_keys)


def _wrong(row: SeedRow, keys: dict[str, frozenset[str]]) -> Iterator[str]:
    table, key = f"{row.get('source_name')}.{row.get('table_name')}", row.get("property_key")
    publishing = [name for name, listed in keys.items() if listed]
    if table not in keys:
        hint = suggestion(table, keys) or f" Tables whose json column is published by key: {', '.join(publishing)}."
        yield f"table {table} is not declared.{hint}"
    elif not keys[table]:
        yield (
            f"table {table} publishes no keys of a json column; {', '.join(publishing)} do. In the contract of a "
            "source of your own, list columns under `properties`."
        )
    elif key in keys[table]:
        yield f"{key} of {table} is published already, by the contract. Take out this line."
