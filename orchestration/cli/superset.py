"""`make superset`: Apache Superset over the current release, in an environment of its own, for this machine alone."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError, read_settings
from orchestration.lib.core.terminal import say
from orchestration.lib.core.web import listen, read_address

if TYPE_CHECKING:
    import duckdb

PORT = 8088
PORT_VARIABLE = "JOURNEYS_SUPERSET_PORT"
PASSWORD_VARIABLE = "JOURNEYS_SUPERSET_PASSWORD"
FOLDER = PROJECT_ROOT / "bi_tools"
# Made by the Makefile, from a lock file of its own.
PROGRAMS = PROJECT_ROOT / "var" / ".superset" / "bin"

# Is in Superset's folder while its database is made, so that a start that was ended in between is begun again.
UNFINISHED = "unfinished"
# Stands in the files of charts for a journey that the release has.
JOURNEY = "{journey}"


def command(
    port: Annotated[
        int | None, typer.Option(help=f"Port of Superset, such as 8089; default {PORT_VARIABLE}, else {PORT}.")
    ] = None,
) -> int:
    """Show the current release in Apache Superset.

    There is a dashboard to begin with. It follows each new release. Log in as admin; the password is shown
    once, or is that of JOURNEYS_SUPERSET_PASSWORD.
    """
    settings = read_settings()
    served = settings.serving / "customer_journeys.duckdb"
    if not served.exists():
        raise SettingsError(f"{served} does not exist yet. Type make run first.")
    if not (PROGRAMS / "gunicorn").exists():
        raise SettingsError("Superset is not installed: type make superset, which installs it into var/.superset.")
    address = read_address(
        {PORT_VARIABLE: str(port or os.environ.get(PORT_VARIABLE, ""))}, port_variable=PORT_VARIABLE, otherwise=PORT
    )
    with listen(address):
        # whether the port is free: Superset's own server takes it then
        pass
    home = make_home(settings)
    environment = environment_of(home, served)
    password = os.environ.get(PASSWORD_VARIABLE, "").strip()
    is_new = begin_anew(home)
    is_made_up = is_new and not password
    if is_made_up:
        password = secrets.token_urlsafe(12)
    print("Preparing Superset; this takes a minute the first time.", flush=True)
    prepared = subprocess.run(
        [PROGRAMS / "python", FOLDER / "superset_setup.py"],
        input=json.dumps({"password": password, "contents": read_assets(served)}),
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    if prepared.returncode:
        last = prepared.stderr.strip().splitlines()[-1:] or ["no message"]
        (home / "setup.log").write_text(prepared.stderr, encoding="utf-8")
        say(f"Superset could not be prepared: {last[0]}. Its whole output is in {home / 'setup.log'}.", sys.stderr)
        return 1
    if is_made_up:
        print(f"Superset's administrator: admin, password {password} (shown only now)", flush=True)
    # from here on it is not made again, and the administrator has a password that was shown or given
    (home / UNFINISHED).unlink(missing_ok=True)
    print(f"Superset on {address.url}/superset/dashboard/customer-journeys/ (Ctrl-C stops it)", flush=True)
    return _become_server(home, environment, address.port)


def begin_anew(home: Path) -> bool:
    """Whether Superset's database is made at this start: there is none, or a start that made it did not end."""
    database, unfinished = home / "superset.db", home / UNFINISHED
    if database.exists() and not unfinished.exists():
        return False
    unfinished.touch()
    for name in ("superset.db", "superset.db-journal", "superset.db-wal", "superset.db-shm"):
        (home / name).unlink(missing_ok=True)
    return True


def _become_server(home: Path, environment: dict[str, str], port: int) -> NoReturn:
    """Has Superset's server take the place of this process, so that whatever ends the one ends the other."""
    os.chdir(home)
    gunicorn = str(PROGRAMS / "gunicorn")
    os.execve(
        gunicorn,
        [
            gunicorn,
            *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "8"),
            *("--timeout", "120", "--graceful-timeout", "3", "--log-level", "warning", "superset.app:create_app()"),
        ],
        environment,
    )


def read_assets(served: Path) -> dict[str, str]:
    """The files that Superset imports by name.

    A dataset has the columns and descriptions of the release, and its own; charts show the release's busiest journey.
    """
    import yaml

    from orchestration.lib.core.connection import open_duckdb

    assets = FOLDER / "assets"
    contents = {}
    with open_duckdb(served.resolve(), read_only=True) as release:
        journey = _busiest_journey(release)
        for path in sorted(assets.rglob("*.yaml")):
            said = _of_journey(yaml.safe_load(path.read_text(encoding="utf-8")), journey)
            if path.parent.name == "datasets":
                described = _described(release, said["schema"], said["table_name"])
                own = [_column(one["column_name"], one["type"], one["description"]) for one in said["columns"]]
                said |= described | {"columns": described["columns"] + own}
            contents[str(path.relative_to(assets))] = yaml.safe_dump(said, allow_unicode=True)
    return contents


def _busiest_journey(release: duckdb.DuckDBPyConnection) -> str:
    """The journey that most instances are in; any of those configured where there is no instance yet."""
    found = release.execute(
        """
        select journeys.journey_id
        from journeys.dim_journeys as journeys
        left join journeys.fct_journeys as instances on instances.journey_id = journeys.journey_id
        group by journeys.journey_id
        order by count(instances.journey_id) desc, journeys.journey_id limit 1
        """
    ).fetchone()
    return str(found[0]) if found else ""


def _of_journey(said: Any, journey: str) -> Any:
    """The content of a file in which texts name the journey."""
    if isinstance(said, dict):
        return {key: _of_journey(value, journey) for key, value in said.items()}
    if isinstance(said, list):
        return [_of_journey(value, journey) for value in said]
    return said.replace(JOURNEY, journey) if isinstance(said, str) else said


def _column(name: str, kind: str, meaning: str | None) -> dict[str, Any]:
    return {
        "column_name": name,
        "type": kind,
        "description": meaning,
        "is_dttm": kind == "DATE" or kind.startswith("TIMESTAMP"),
        "groupby": True,
        "filterable": True,
        "is_active": True,
    }


def _described(release: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, Any]:
    """What a release says of a table and its columns, as Superset writes it. Raises SettingsError where it has none."""
    tables = release.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?", [schema, table]
    ).fetchall()
    if not tables:
        raise SettingsError(
            f"The current release has no {schema}.{table}, which a dataset in {FOLDER / 'assets'} names."
        )
    columns = release.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where schema_name = ? and table_name = ? order by column_index",
        [schema, table],
    ).fetchall()
    return {
        "description": tables[0][0],
        "columns": [_column(*column) for column in columns],
    }


def make_home(settings: Settings) -> Path:
    """The folder of Superset's own database and secret key, which its owner alone may read."""
    home = settings.var / "superset"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    key = home / "secret_key"
    if not key.exists():
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
    return home


def environment_of(home: Path, served: Path) -> dict[str, str]:
    """What Superset's processes see: their folders, and no setting of this project's, which may hold passwords."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JOURNEYS_", "PYTHON"))}
    return kept | {
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(FOLDER / "superset_config.py"),
        "JOURNEYS_SERVED": str(served),
        # counts installations elsewhere
        "SCARF_ANALYTICS": "false",
    }
