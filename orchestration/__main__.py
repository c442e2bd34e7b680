"""The commands behind `make`; without a command it lists them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 the data or a check said no, 2 a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m orchestration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the job refresh, from extracts to a published release")
    run.add_argument("--customers", type=int, help="size of the example omnichannel")
    run.add_argument("--days", type=int, help="days that the example omnichannel covers")
    run.add_argument("--seed", type=int, help="number that the example omnichannel draws its chances from")
    run.add_argument("--households", type=int, help="households of the example complete_journey; default all")
    commands.add_parser("up", help="start Dagster's pages on this machine")
    withdraw = commands.add_parser("withdraw", help="take a wrongly loaded file back")
    withdraw.add_argument("file", help="its path or its id")
    restore = commands.add_parser("restore", help="land a withdrawn file again")
    restore.add_argument("file", help="its path or its id")
    rollback = commands.add_parser("rollback", help="switch readers to the release before, or to a named one")
    rollback.add_argument("--to", help="id of the release to go to")
    commands.add_parser("releases", help="list the releases")
    hashing = commands.add_parser("hash", help="an identifier's hash, as the marts hold it")
    hashing.add_argument("type")
    hashing.add_argument("value")
    sql = commands.add_parser("sql", help="ask the published release, or the warehouse, a question")
    sql.add_argument("query")
    sql.add_argument("--warehouse", action="store_true", help="ask the data set's warehouse file instead")
    dbt = commands.add_parser("dbt", help="run dbt on the data set with the variables of the last build")
    dbt.add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("digests", help="list the digests of the current release")
    commands.add_parser("send-digests", help="send the digests of the current release that were not sent yet")
    commands.add_parser("identity-diff", help="show what a release would do to customer ids, without one")
    commands.add_parser("check", help="check the configuration without running anything")
    journeys = commands.add_parser("journey-check", help="hold the journeys' definitions against the data, before use")
    journeys.add_argument("--journey", help="id of the one to check; default all")
    commands.add_parser("unions", help="write the list of models that the unions of events and of people read")
    commands.add_parser("identity-train", help="learn how people records are matched, from the last build's")
    chosen = parser.parse_args(arguments)
    try:
        return COMMANDS[chosen.command](chosen, read_settings())
    except (SettingsError, *_user_errors()) as error:
        print(f"\n{error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1


def _user_errors() -> tuple[type[Exception], ...]:
    """Errors whose message is meant for the person at the keyboard."""
    from orchestration.lib.core.connection import WarehouseBusy
    from orchestration.lib.landing.contracts import ContractError
    from orchestration.lib.landing.registry import LandingError
    from orchestration.lib.release.folders import ReleaseError
    from orchestration.lib.warehouse.dbt import DbtFailed
    from orchestration.lib.warehouse.seeds import SeedsInvalid

    return (ContractError, LandingError, ReleaseError, WarehouseBusy, DbtFailed, SeedsInvalid)


def _run(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.run import run_refresh

    sizes = {name: getattr(chosen, name) for name in ("customers", "days", "seed", "households")}
    return run_refresh(settings, sizes={name: size for name, size in sizes.items() if size is not None})


def _up(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.run import prepare_run

    prepare_run(settings, sizes={}, progress=print)
    port = os.environ.get("JOURNEYS_PORT", "3000")
    print(f"Dagster on http://127.0.0.1:{port} (stop with Ctrl-C)", flush=True)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "orchestration.definitions",
        "-h",
        "127.0.0.1",
        "-p",
        port,
    ]
    os.chdir(PROJECT_ROOT)
    os.execv(sys.executable, command)


def _withdraw(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.landing import withdraw_file

    return _change_file(withdraw_file, chosen.file, settings, "Type make run to publish without it.")


def _restore(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.landing import restore_file

    return _change_file(restore_file, chosen.file, settings, "Type make run to publish with it.")


def _change_file(change: Callable, file: str, settings: Settings, next_step: str) -> int:
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.landing import read_contracts

    with open_duckdb(settings.warehouse) as connection:
        changes = change(
            connection,
            read_contracts(PROJECT_ROOT / "models"),
            file=file,
            extracts=settings.extracts,
            run_id=change.__name__,
            now=datetime.now(UTC),
        )
    for changed in changes:
        print(f"{changed.file_path} ({changed.source}.{changed.table}): {changed.status}, {changed.rows:,} rows")
    print(next_step)
    return 0


def _rollback(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.release.publish import rollback

    current, left = rollback(settings, chosen.to, now=datetime.now(UTC))
    print(f"Readers now get {current.release_id}" + (f", no longer {left.release_id}." if left else "."))
    return 0


def _releases(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.release.publish import releases

    found = releases(settings)
    for release in found:
        mark = "*" if release.is_served else " "
        print(f"{mark} {release.release_id}  as of {release.as_of:%Y-%m-%d %H:%M}  {release.row_count:>12,} rows")
    print("* is what readers get." if found else f"{settings.data_set} has no release yet; type make run.")
    return 0


def _hash(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.warehouse.build import read_pepper
    from orchestration.lib.warehouse.data_set import prepare_data_set
    from orchestration.lib.warehouse.identifiers import hash_identifier

    prepare_data_set(settings, today=datetime.now(UTC).date())
    print(hash_identifier(settings, read_pepper(settings), chosen.type, chosen.value))
    return 0


def _sql(chosen: argparse.Namespace, settings: Settings) -> int:
    import duckdb

    from orchestration.lib.core.connection import open_duckdb

    database = settings.warehouse if chosen.warehouse else settings.serving / "customer_journeys.duckdb"
    if not database.exists():
        raise SettingsError(f"{database} is not there yet. Type make run first.")
    with open_duckdb(database.resolve(), read_only=True) as connection:
        try:
            connection.sql(chosen.query).show(max_width=200, max_rows=100)
        except duckdb.Error as error:
            raise SettingsError(str(error)) from error
    return 0


def _dbt(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.run import run_dbt_by_hand

    return run_dbt_by_hand(settings, chosen.arguments)


def _check(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.landing.contracts import read_contracts
    from orchestration.lib.warehouse.data_set import prepare_data_set

    contracts = read_contracts(PROJECT_ROOT / "models")
    report = prepare_data_set(settings, today=datetime.now(UTC).date())
    for warning in report.warnings:
        print(f"warning: {warning}")
    print(f"{len(contracts)} source tables and the seeds of {settings.data_set} hold no error.")
    return 0


def _journey_check(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.journeys.definition_check import run_journey_check

    return run_journey_check(settings, chosen.journey, today=datetime.now(UTC).date(), say=print)


def _digests(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.digests.writing import read_index
    from orchestration.lib.release.publish import current_release

    release = current_release(settings)
    people = read_index(release.directory) if release else []
    for person in people:
        told = ", ".join(f"{count} {status}" for status, count in person["status_counts"].items() if count)
        print(f"{person['person']} ({', '.join(person['roles'])}): {told or 'answers for no KPI'}")
        print(f"    {release.directory / person['html'] if release else ''}")
    if not people:
        print(f"{settings.data_set} has no digest: it needs a release, and people in kpi_roles.csv. Type make run.")
    return 0


def _send_digests(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.digests.sending import send_digests

    delivery = send_digests(settings, to_refused=True)
    for line in delivery.lines:
        print(line)
    return 1 if delivery.undelivered or not delivery.is_configured else 0


def _identity_diff(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.identity.difference import run_identity_diff

    return run_identity_diff(settings)


def _identity_train(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.identity.rematching import train_on_warehouse
    from orchestration.lib.warehouse.data_set import prepare_data_set

    prepare_data_set(settings, today=datetime.now(UTC).date())
    written, notes = train_on_warehouse(settings)
    for note in notes:
        print(f"  {note}")
    print(f"{written} holds what was learnt. It counts from the next make run on; delete it to learn in every build.")
    return 0


def _unions(chosen: argparse.Namespace, settings: Settings) -> int:
    from orchestration.lib.warehouse.unions import UNION_MODELS, write_union_models

    print(f"{UNION_MODELS}: {'written' if write_union_models() else 'up to date'}")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
    "run": _run,
    "up": _up,
    "withdraw": _withdraw,
    "restore": _restore,
    "rollback": _rollback,
    "releases": _releases,
    "hash": _hash,
    "sql": _sql,
    "dbt": _dbt,
    "check": _check,
    "journey-check": _journey_check,
    "digests": _digests,
    "send-digests": _send_digests,
    "identity-diff": _identity_diff,
    "identity-train": _identity_train,
    "unions": _unions,
}


if __name__ == "__main__":
    raise SystemExit(main())
