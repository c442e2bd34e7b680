"""`make staging-model`: the staging models that a contract's mapping stands for, to be read or copied."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import SettingsError, read_settings


def command(table: Annotated[str, typer.Argument(help="The table, such as booking.appointments.")]) -> int:
    """Show the staging model of a mapping."""
    from orchestration.lib.config.faults import suggestion
    from orchestration.lib.sources.resolving import read_all_contracts
    from orchestration.lib.sources.staging_models import mapped_models, properties_file

    contracts = {contract.name: contract for contract in read_all_contracts(announced(read_settings()))}
    if table not in contracts:
        hint = suggestion(table, contracts) or f" There are: {', '.join(contracts)}."
        raise SettingsError(f"TABLE={table}: no such table is declared.{hint}")
    models = mapped_models(contracts[table])
    if not models:
        raise SettingsError(
            f"TABLE={table}: {contracts[table].declared_in} has no mapping (`events` or `people` under `config.meta`)."
        )
    for model in models:
        print(f"-- {model.name}.sql\n{model.sql}")
    print(f"# _{contracts[table].source}__models.yml\n{properties_file(models)}", end="")
    return 0
