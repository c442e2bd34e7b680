"""Answers every question about the environment in one place: which data set, which folders, which clock."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.lib.core.clock import in_utc
from orchestration.lib.core.libpq import UNKNOWN_SERVICE, completed

PROJECT_ROOT = Path(__file__).resolve().parents[3]

CURRENCY_CODE = re.compile(r"^[A-Z]{3}$")
DATA_SET_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


def shown_path(path: Path) -> Path:
    """A path within the project as one types it there."""
    return path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path


class SettingsError(ValueError):
    """An environment variable or argument that is not valid; the message says how to fix it."""


@dataclass(frozen=True)
class Example:
    """A data set the project can make for itself.

    `as_of` is the example's clock; `seeds` its configuration folder, relative to the project; `currency` and
    `time_zone` those of its reports; `country` that of telephone numbers without a country code; `sizes` what it can
    be sized by, with the defaults, and `limits` the smallest and greatest size of each.
    """

    name: str
    as_of: datetime
    seeds: Path
    currency: str
    time_zone: str
    country: str
    sizes: Mapping[str, int | None]
    limits: Mapping[str, tuple[int, int]]
    is_simulated: bool


EXAMPLES: Mapping[str, Example] = {
    "omnichannel": Example(
        "omnichannel",
        datetime(2026, 7, 1, tzinfo=UTC),
        Path("seeds"),
        "EUR",
        "UTC",
        "NL",
        {"customers": 2000, "days": 365, "seed": 20260701},
        {"customers": (1, 10_000_000), "days": (14, 36_500), "seed": (0, 2**63 - 1)},
        is_simulated=True,
    ),
    # the households' year ends at midnight in New York
    "complete_journey": Example(
        "complete_journey",
        datetime(2018, 1, 1, 5, tzinfo=UTC),
        Path("examples/complete_journey/seeds"),
        "USD",
        "America/New_York",
        "US",
        {"households": None},
        {"households": (1, 10_000)},
        is_simulated=False,
    ),
}

DEFAULT_EXAMPLE = "omnichannel"

# Whose the anonymous events on a device are that several people logged in on; docs/identity.md.
SHARED_DEVICE_POLICIES = ("last_login", "split", "never_link")
# Whether single events that name nobody begin journeys; docs/journeys.md.
UNLINKABLE_POLICIES = ("omit", "count")


# What makes a session: silence, or the tool's own id where an event has one; docs/architecture.md.
SESSION_POLICIES = ("inactivity", "source")

# How a mail server is talked to, and the port that servers then listen on.
SMTP_PORTS = {"none": 25, "starttls": 587, "tls": 465}
# Characters that end a line, ring a bell or turn the direction of what follows: no name and no header needs one.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
CONTROL_CHARACTER = re.compile(f"[{CONTROLS}]")
# In an address, what nobody sees is a mistake as well.
_NOT_IN_ADDRESS = rf"@\s<>,;:\"()\[\]\u00ad\u200b-\u200f\u2060-\u2065\ufeff{CONTROLS}"
WEB_ADDRESS = re.compile(rf"[^\s<>\"'`\\{CONTROLS}]+")
MAIL_ADDRESS = re.compile(f"[^{_NOT_IN_ADDRESS}]+@[^{_NOT_IN_ADDRESS}]+")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

# Who may read what is in a PostgreSQL server, where no setting names another role.
POSTGRES_ROLE = "journeys_reader"

# The file of a data set's warehouse.
WAREHOUSE = "warehouse.duckdb"

# What one connection to DuckDB may hold in memory: DuckDB takes a share of the machine's, or of the container's limit.
# A run has at most two at once, so together half of it.
DEFAULT_MEMORY = "25%"
MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>%|[MGT]i?B)", re.IGNORECASE)

# How many runs Dagster's pages know of.
RUNS_KEPT = 50
# When the schedule looks, as cron has it.
SCHEDULE = "0 5 * * *"
# Of how many runs and releases the ledgers hold rows: more than a year of daily runs.
HISTORY_KEPT = 400

# Which engine builds the models.
DUCKDB, SPARK = "duckdb", "spark"
TARGETS = (DUCKDB, SPARK)
SPARK_CLUSTERS = ("standalone", "local")
SPARK_PORT, SPARK_MASTER_PORT, SPARK_PAGES_PORT = 15002, 17077, 18080
SPARK_REMOTE = re.compile(r"sc://[^/:\s;]+(:\d{1,5})?(/(;\S*)?)?")

# To what the clock is cut where nothing fixes it.
CLOCK_STEPS = ("hour", "minute", "day")


@dataclass(frozen=True)
class Smtp:
    """The server that takes digests. `security` is none, starttls or tls; `user` is None where it asks for none."""

    host: str
    port: int
    security: str
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Postgres:
    """The PostgreSQL server that gets the tables of each release.

    `url` and `secrets` hold the password, and nothing shows them. `place` is host, port and database; `prefix` begins
    the names of schemas; `role` may read the tables; `lock_seconds` is how long locks of others are waited for.
    """

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    place: str
    user: str
    prefix: str
    role: str
    lock_seconds: int


@dataclass(frozen=True)
class SparkCluster:
    """The cluster that make spark-up starts on this machine. `kind` is standalone (a master and two workers, as on
    several machines) or local (one process tree with two executors, for tests); memory is in MB.

    Its processes listen on loopback alone. `pages_port` and those after it are Spark's own pages.
    """

    kind: str
    folder: Path
    port: int
    master_port: int
    pages_port: int
    executor_mb: int
    driver_mb: int

    @property
    def remote(self) -> str:
        """Where the server takes queries, as Spark Connect writes it."""
        return f"sc://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Spark:
    """Spark as the engine of the models.

    `remote` is the server that takes queries. `tables` is the folder of the data set's tables, under the same path for
    this machine, the server and its executors.
    """

    remote: str = field(repr=False)
    tables: Path


@dataclass(frozen=True)
class Settings:
    """One data set's folders and clock. Paths are absolute.

    `example` is None for a company's own extracts, `sources` where all sources are the project's. `as_of` is None when
    nothing fixes it: the run's start, cut to `clock_step`, then does. `memory` is what one connection may use, and
    `spill` the folder for what exceeds it. `is_named` says whether the environment names the data set.
    """

    data_set: str
    example: Example | None
    extracts: Path
    seeds: Path
    sources: Path | None
    var: Path
    serving: Path
    as_of: datetime | None
    pepper: str | None
    releases_kept: int
    reporting_time_zone: str
    reporting_currency: str
    shared_devices: str
    unlinkable_customers: str
    sessions: str
    country: str | None
    is_matching_on: bool
    memory: str
    spill: Path
    max_variants: int
    max_variant_names: int
    clock_step: str = CLOCK_STEPS[0]
    runs_kept: int = RUNS_KEPT
    history_kept: int = HISTORY_KEPT
    smtp: Smtp | None = None
    dashboard: str | None = None
    postgres: Postgres | None = None
    schedule: str = SCHEDULE
    is_named: bool = False
    spark: Spark | None = None

    @property
    def target(self) -> str:
        """The engine that builds the models, by dbt's name of it."""
        return DUCKDB if self.spark is None else SPARK

    def clock_at(self, moment: datetime) -> datetime:
        """The clock of a run that starts at a moment: the fixed one, else the last full minute, hour or day.

        Days are those of the reporting time zone.
        """
        if self.as_of is not None:
            return self.as_of
        if self.clock_step == "day":
            day = moment.astimezone(ZoneInfo(self.reporting_time_zone))
            return in_utc(day.replace(hour=0, minute=0, second=0, microsecond=0))
        cut = in_utc(moment).replace(second=0, microsecond=0)
        return cut if self.clock_step == "minute" else cut.replace(minute=0)

    @property
    def home(self) -> Path:
        """The data set's own folder: its warehouse file and its line of releases."""
        return self.var / self.data_set

    @property
    def warehouse(self) -> Path:
        return self.home / WAREHOUSE

    @property
    def warehouse_aside(self) -> Path:
        """Where a rebuild keeps the previous warehouse file until it has published."""
        return self.home / "warehouse.before-rebuild.duckdb"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def truth(self) -> Path:
        """Where an example writes what really happened, next to its extracts and never inside."""
        return self.home / "truth"

    @property
    def has_seeds_of_another(self) -> bool:
        """Whether own extracts are read with the shipped seeds, which are a retailer's.

        What deserves a word in these is nothing that the owner can settle, and the retailer's people don't exist.
        """
        return self.example is None and self.seeds == PROJECT_ROOT / "seeds"

    @property
    def resolved_seeds(self) -> Path:
        """The complete seeds folder that dbt reads: the data set's own files and defaults for the missing ones.

        It lies in the project wherever JOURNEYS_VAR points: dbt writes what it ran under the same relative path, and
        a path that leads out of the project would lead out of its target folder as well.
        """
        place = hashlib.sha256(str(self.home).encode()).hexdigest()[:8]
        return PROJECT_ROOT / "var" / ".seeds" / f"{self.data_set}-{place}"

    @property
    def resolved_sources(self) -> Path | None:
        """The models of the sources outside the project, as dbt reads them; None where there are none.

        It lies in the project for the same reason as the resolved seeds.
        """
        if self.sources is None:
            return None
        place = hashlib.sha256(f"{self.home} {self.sources}".encode()).hexdigest()[:8]
        return PROJECT_ROOT / "var" / ".sources" / f"{self.data_set}-{place}"

    @property
    def dbt_target(self) -> Path:
        return self.home / "dbt"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Reads the settings from environment variables.

    EXAMPLE               name of a shipped example (default omnichannel); ignored with JOURNEYS_EXTRACTS
    JOURNEYS_EXTRACTS     folder of own extracts; no example is made then
    JOURNEYS_SEEDS        folder of own seeds (default: the example's; `seeds/` for own extracts)
    JOURNEYS_SOURCES      folder of own sources, their contracts and staging models (default: none)
    JOURNEYS_DATA_SET     name of the data set's folder under var/ (default: the example's name; `own` for own extracts)
    JOURNEYS_AS_OF        the clock, ISO 8601; without an offset it is UTC
    JOURNEYS_CLOCK        to what the run's start is cut where nothing fixes the clock: hour (default), minute or day
    JOURNEYS_PEPPER       key of the identifier hashes
    JOURNEYS_VAR, JOURNEYS_SERVING   where warehouses and the published release live (default: in the project)
    JOURNEYS_MEMORY       memory of one connection to DuckDB, a share of the machine's or a size (default 25%)
    JOURNEYS_SPILL        folder for what exceeds it (default: `spill` in the data set's folder)
    JOURNEYS_TIME_ZONE    zone in which days are days (default: the example's; UTC for own extracts)
    JOURNEYS_CURRENCY     currency in which money adds up (default: the example's; EUR for own extracts)
    JOURNEYS_SHARED_DEVICES          whose the anonymous events on a device are: last_login (default), split or
                                     never_link
    JOURNEYS_UNLINKABLE   journeys of single events that name nobody: omit (default) or count
    JOURNEYS_SESSIONS     what makes a session: inactivity (default), or source: the feed's session_id if any
    JOURNEYS_MAX_VARIANTS            how many variants are named per journey and step type (default 1000)
    JOURNEYS_MAX_VARIANT_NAMES       how many names of a variant are written out (default 50)
    JOURNEYS_COUNTRY      country of telephone numbers without a country code, ISO 3166 (default: the example's;
                          none for own extracts: such numbers then remain as they are written)
    JOURNEYS_RELEASES_KEPT           how many releases are kept (default 5, at least 2)
    JOURNEYS_RUNS_KEPT    how many runs Dagster's pages know of (default 50)
    JOURNEYS_HISTORY_KEPT            of how many runs and releases the ledgers hold rows (default 400, at least that
                                     many as releases are kept)
    JOURNEYS_SMTP_HOST    mail server that digests are sent through; none: none is sent. With it
    JOURNEYS_SMTP_FROM    the sender's address, and if need be
    JOURNEYS_SMTP_SECURITY           starttls (default), tls or none
    JOURNEYS_SMTP_PORT    default 587, 465 or 25, by the security
    JOURNEYS_SMTP_USER, JOURNEYS_SMTP_PASSWORD   both or none
    JOURNEYS_DASHBOARD_URL           the address under which people reach the dashboard, which digests link to
    JOURNEYS_POSTGRES_URL PostgreSQL server that gets the tables of each release, with the password if it has one;
                          none: no server does. With it
    JOURNEYS_POSTGRES_PREFIX         what the names of its schemas begin with (default nothing)
    JOURNEYS_POSTGRES_ROLE           the role that may read the tables (default journeys_reader)
    JOURNEYS_POSTGRES_LOCK_SECONDS   how long locks of others are waited for (default 60)
    JOURNEYS_SCHEDULE     when the schedule of make up looks whether a run is due: minute, hour, day, month and weekday
                          as cron has them, in the reporting time zone (default 0 5 * * *)
    JOURNEYS_TARGET       the engine that builds the models: duckdb (default) or spark; make run TARGET=spark sets it
    JOURNEYS_SPARK_REMOTE the server that takes Spark's queries (default: that of make spark-up)
    JOURNEYS_SPARK_TABLES folder in which each data set has a folder of the tables that Spark builds, of the same path
                          on each of Spark's machines (default: `spark` in the data set's folder)
    JOURNEYS_MATCHING     off: people records without a shared key are not matched, whatever matching.toml says

    Raises SettingsError naming the variable, its value and what it may be.
    """
    environment = os.environ if environment is None else environment

    def value(name: str) -> str | None:
        return environment.get(name, "").strip() or None

    example: Example | None = None
    extracts = value("JOURNEYS_EXTRACTS")
    if extracts is None:
        name = value("EXAMPLE") or DEFAULT_EXAMPLE
        if name not in EXAMPLES:
            raise SettingsError(
                f"EXAMPLE={name}: there is no such example. Choose one of: {', '.join(sorted(EXAMPLES))}; "
                "or set JOURNEYS_EXTRACTS to the folder of your own extracts."
            )
        example = EXAMPLES[name]
    data_set = value("JOURNEYS_DATA_SET") or (example.name if example else "own")
    if not DATA_SET_NAME.match(data_set):
        raise SettingsError(
            f"JOURNEYS_DATA_SET={data_set}: use lower-case letters, digits and underscores, beginning with a letter."
        )
    if example is None and data_set in EXAMPLES:
        raise SettingsError(
            f"JOURNEYS_DATA_SET={data_set}: that is an example's name, and data sets do not mix. Choose another."
        )
    var = Path(value("JOURNEYS_VAR") or PROJECT_ROOT / "var").resolve()
    own_seeds = value("JOURNEYS_SEEDS")
    seeds = Path(own_seeds).resolve() if own_seeds else PROJECT_ROOT / (example.seeds if example else Path("seeds"))
    if own_seeds and not seeds.is_dir():
        raise SettingsError(f"JOURNEYS_SEEDS={own_seeds}: there is no such folder.")
    if extracts is not None and not Path(extracts).is_dir():
        raise SettingsError(f"JOURNEYS_EXTRACTS={extracts}: there is no such folder.")
    sources = value("JOURNEYS_SOURCES")
    if sources is not None and not Path(sources).is_dir():
        raise SettingsError(f"JOURNEYS_SOURCES={sources}: there is no such folder. Make it: mkdir -p {sources}")
    kept = value("JOURNEYS_RELEASES_KEPT") or "5"
    if not kept.isdecimal() or int(kept) < 2:
        raise SettingsError(f"JOURNEYS_RELEASES_KEPT={kept}: give a whole number of at least 2.")
    time_zone = value("JOURNEYS_TIME_ZONE") or (example.time_zone if example else "UTC")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"JOURNEYS_TIME_ZONE={time_zone}: give a name such as Europe/Berlin.") from error
    currency = value("JOURNEYS_CURRENCY") or (example.currency if example else "EUR")
    if not CURRENCY_CODE.match(currency):
        raise SettingsError(f"JOURNEYS_CURRENCY={currency}: give a code of three capital letters, such as EUR.")
    shared_devices = value("JOURNEYS_SHARED_DEVICES") or SHARED_DEVICE_POLICIES[0]
    if shared_devices not in SHARED_DEVICE_POLICIES:
        raise SettingsError(
            f"JOURNEYS_SHARED_DEVICES={shared_devices}: choose one of {', '.join(SHARED_DEVICE_POLICIES)}."
        )
    unlinkable = (value("JOURNEYS_UNLINKABLE") or UNLINKABLE_POLICIES[0]).lower()
    if unlinkable not in UNLINKABLE_POLICIES:
        raise SettingsError(f"JOURNEYS_UNLINKABLE={unlinkable}: choose one of {', '.join(UNLINKABLE_POLICIES)}.")
    sessions = (value("JOURNEYS_SESSIONS") or SESSION_POLICIES[0]).lower()
    if sessions not in SESSION_POLICIES:
        raise SettingsError(f"JOURNEYS_SESSIONS={sessions}: choose one of {', '.join(SESSION_POLICIES)}.")
    country = value("JOURNEYS_COUNTRY") or (example.country if example else None)
    if country is not None and not is_country(country):
        raise SettingsError(
            f"JOURNEYS_COUNTRY={country}: give the ISO 3166 code of a country in two capital letters, such as NL."
        )
    matching = (value("JOURNEYS_MATCHING") or "on").lower()
    if matching not in ("on", "off"):
        raise SettingsError(f"JOURNEYS_MATCHING={matching}: give on or off.")
    clock_step = (value("JOURNEYS_CLOCK") or CLOCK_STEPS[0]).lower()
    if clock_step not in CLOCK_STEPS:
        raise SettingsError(f"JOURNEYS_CLOCK={clock_step}: choose one of {', '.join(CLOCK_STEPS)}.")
    history_kept = _whole_number(value, "JOURNEYS_HISTORY_KEPT", default=max(HISTORY_KEPT, int(kept)))
    if history_kept < int(kept):
        raise SettingsError(
            f"JOURNEYS_HISTORY_KEPT={history_kept}: the ledgers are needed for the {kept} releases that are kept "
            f"(JOURNEYS_RELEASES_KEPT). Give at least {kept}."
        )
    return Settings(
        data_set=data_set,
        example=example,
        extracts=Path(extracts).resolve() if extracts else var / data_set / "extracts",
        seeds=seeds,
        sources=Path(sources).resolve() if sources else None,
        var=var,
        serving=Path(value("JOURNEYS_SERVING") or PROJECT_ROOT / "serving").resolve(),
        as_of=parse_as_of(value("JOURNEYS_AS_OF")) or (example.as_of if example else None),
        pepper=value("JOURNEYS_PEPPER"),
        releases_kept=int(kept),
        reporting_time_zone=time_zone,
        reporting_currency=currency,
        shared_devices=shared_devices,
        unlinkable_customers=unlinkable,
        sessions=sessions,
        country=country,
        is_matching_on=matching == "on",
        memory=_memory(value("JOURNEYS_MEMORY") or DEFAULT_MEMORY),
        max_variants=_whole_number(value, "JOURNEYS_MAX_VARIANTS", default=1000),
        max_variant_names=_whole_number(value, "JOURNEYS_MAX_VARIANT_NAMES", default=50),
        spill=Path(value("JOURNEYS_SPILL") or var / data_set / "spill").resolve(),
        clock_step=clock_step,
        runs_kept=_whole_number(value, "JOURNEYS_RUNS_KEPT", default=RUNS_KEPT),
        history_kept=history_kept,
        smtp=_read_smtp(value),
        dashboard=_read_address(value("JOURNEYS_DASHBOARD_URL")),
        postgres=_read_postgres(value),
        schedule=value("JOURNEYS_SCHEDULE") or SCHEDULE,
        is_named=any(value(name) for name in ("EXAMPLE", "JOURNEYS_EXTRACTS", "JOURNEYS_DATA_SET")),
        spark=_read_spark(value, environment, var / data_set),
    )


def read_spark_cluster(environment: Mapping[str, str] | None = None) -> SparkCluster:
    """Reads the settings of the cluster that make spark-up starts.

    JOURNEYS_SPARK_CLUSTER            standalone (default) or local
    JOURNEYS_SPARK_HOME               folder of its logs and work (default: var/.spark in the project)
    JOURNEYS_SPARK_PORT               port of the server that takes queries (default 15002)
    JOURNEYS_SPARK_MASTER_PORT        port of the master; the workers have the next two (default 17077)
    JOURNEYS_SPARK_PAGES_PORT         port of Spark's pages; master and workers have the next three (default 18080)
    JOURNEYS_SPARK_EXECUTOR_MEMORY    memory of each executor's heap (default 1GB)
    JOURNEYS_SPARK_DRIVER_MEMORY      memory of the server's heap (default 2GB)

    Raises SettingsError.
    """
    environment = os.environ if environment is None else environment

    def value(name: str) -> str | None:
        return environment.get(name, "").strip() or None

    kind = (value("JOURNEYS_SPARK_CLUSTER") or SPARK_CLUSTERS[0]).lower()
    if kind not in SPARK_CLUSTERS:
        raise SettingsError(f"JOURNEYS_SPARK_CLUSTER={kind}: choose one of {', '.join(SPARK_CLUSTERS)}.")
    var = Path(value("JOURNEYS_VAR") or PROJECT_ROOT / "var")
    return SparkCluster(
        kind,
        Path(value("JOURNEYS_SPARK_HOME") or var / ".spark").resolve(),
        port=_port(value, "JOURNEYS_SPARK_PORT", SPARK_PORT),
        master_port=_port(value, "JOURNEYS_SPARK_MASTER_PORT", SPARK_MASTER_PORT),
        pages_port=_port(value, "JOURNEYS_SPARK_PAGES_PORT", SPARK_PAGES_PORT),
        executor_mb=_megabytes(value, "JOURNEYS_SPARK_EXECUTOR_MEMORY", "1GB"),
        driver_mb=_megabytes(value, "JOURNEYS_SPARK_DRIVER_MEMORY", "2GB"),
    )


def _read_spark(value: Callable[[str], str | None], environment: Mapping[str, str], home: Path) -> Spark | None:
    target = (value("JOURNEYS_TARGET") or DUCKDB).lower()
    if target not in TARGETS:
        raise SettingsError(
            f"TARGET={target}: no engine of that name builds the models. Choose one of {', '.join(TARGETS)}."
        )
    if target == DUCKDB:
        return None
    remote = value("JOURNEYS_SPARK_REMOTE") or read_spark_cluster(environment).remote
    found = SPARK_REMOTE.fullmatch(remote)
    if found is None or not 1 <= int((found[1] or ":15002")[1:]) <= 65535:
        raise SettingsError(
            f"JOURNEYS_SPARK_REMOTE={spark_address(remote)}: give the address of a Spark Connect server, such as "
            "sc://spark.example.com:15002."
        )
    shared = value("JOURNEYS_SPARK_TABLES")
    return Spark(remote, (Path(shared) / home.name if shared else home / "spark").resolve())


def spark_address(remote: str) -> str:
    """Scheme, host and port of a Spark server: what follows them may be a token, which no message shows.

    >>> spark_address("sc://spark.example.com:443/;use_ssl=true;token=secret")
    'sc://spark.example.com:443'
    """
    scheme, separator, rest = remote.partition("://")
    if not separator:
        scheme, rest = "", remote
    return scheme + separator + re.split(r"[/;?#\s]", rest, maxsplit=1)[0].rpartition("@")[2]


def _port(value: Callable[[str], str | None], name: str, default: int) -> int:
    text = value(name) or str(default)
    # the parts of a cluster have ports one after the other
    if not text.isdecimal() or not 1024 <= int(text) <= 65530:
        raise SettingsError(f"{name}={text}: give a whole number from 1024 to 65530, such as {default}.")
    return int(text)


def _megabytes(value: Callable[[str], str | None], name: str, default: str) -> int:
    text = value(name) or default
    found = MEMORY.fullmatch(text)
    factors = {"m": 1, "g": 1024, "t": 1024**2}
    if found is None or found["unit"] == "%" or float(found["number"]) * factors[found["unit"][0].lower()] < 512:
        # Spark refuses an executor of less
        raise SettingsError(f"{name}={text}: give a size of at least 512MB, such as {default}.")
    return int(float(found["number"]) * factors[found["unit"][0].lower()])


def _whole_number(value: Callable[[str], str | None], name: str, *, default: int) -> int:
    text = value(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name}={text}: give a whole number of at least 1, such as {default}.")
    return int(text)


def _memory(text: str) -> str:
    found = MEMORY.fullmatch(text)
    if found is None or not 0 < float(found["number"]) <= (100 if found["unit"] == "%" else float("inf")):
        raise SettingsError(
            f"JOURNEYS_MEMORY={text}: give a share of the machine's memory, such as 25%, or a size, such as 6GB."
        )
    return text


def _read_address(text: str | None) -> str | None:
    """The address of the dashboard, without the slash at its end."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_plain = False
    if not is_plain or parts.query or parts.fragment or "@" in parts.netloc or not WEB_ADDRESS.fullmatch(text):
        raise SettingsError(
            f"JOURNEYS_DASHBOARD_URL={text}: give the address that people type, without a name, password, ? or #, such "
            "as https://journeys.example.com."
        )
    return text.rstrip("/")


def _read_smtp(value: Callable[[str], str | None]) -> Smtp | None:
    names = {name: f"JOURNEYS_SMTP_{name}" for name in ("HOST", "PORT", "USER", "PASSWORD", "SECURITY", "FROM")}
    given = {name: value(variable) for name, variable in names.items()}
    host, sender, user, password = given["HOST"], given["FROM"], given["USER"], given["PASSWORD"]
    if host is None:
        idle = [names[name] for name, text in given.items() if text is not None]
        if idle:
            raise SettingsError(
                f"{', '.join(idle)} set without JOURNEYS_SMTP_HOST: name the mail server too, or clear them."
            )
        return None
    security = (given["SECURITY"] or "starttls").lower()
    if security not in SMTP_PORTS:
        raise SettingsError(f"JOURNEYS_SMTP_SECURITY={security}: choose one of {', '.join(SMTP_PORTS)}.")
    port = given["PORT"] or str(SMTP_PORTS[security])
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"JOURNEYS_SMTP_PORT={port}: give a whole number from 1 to 65535.")
    if sender is None or not MAIL_ADDRESS.fullmatch(sender):
        raise SettingsError(
            f"JOURNEYS_SMTP_FROM={sender or ''}: give the address that digests come from, such as kpis@example.com."
        )
    if (user is None) != (password is None):
        raise SettingsError("JOURNEYS_SMTP_USER and JOURNEYS_SMTP_PASSWORD go together: set both, or none.")
    if user is not None and security == "none" and host not in THIS_MACHINE:
        raise SettingsError(
            f"JOURNEYS_SMTP_SECURITY=none would send the password to {host} for anyone to read. Choose starttls or tls."
        )
    return Smtp(host, int(port), security, sender, user, password)


def _read_postgres(value: Callable[[str], str | None]) -> Postgres | None:
    names = ("PREFIX", "ROLE", "LOCK_SECONDS")
    url = value("JOURNEYS_POSTGRES_URL")
    if url is None:
        idle = [f"JOURNEYS_POSTGRES_{name}" for name in names if value(f"JOURNEYS_POSTGRES_{name}") is not None]
        if idle:
            raise SettingsError(
                f"{', '.join(idle)} set without JOURNEYS_POSTGRES_URL: name the server too, or clear them."
            )
        return None
    given = completed(_parts_of_url(url))
    service = given.get(UNKNOWN_SERVICE)
    # an address is what libpq connects to, whatever the name
    host = given.get("hostaddr") or given.get("host") or (f"service {service}" if service else "")
    is_of_this_machine = all(one in ("", *THIS_MACHINE) or one.startswith(("/", "@")) for one in host.split(","))
    # A service that we can't read may name any machine, also where the URL names a host.
    if (service or not is_of_this_machine) and "sslmode" not in given:
        # libpq would encrypt only where the server offers to
        url += ("&" if "?" in url else "?") + "sslmode=require"
    prefix = value("JOURNEYS_POSTGRES_PREFIX") or ""
    if prefix and not DATA_SET_NAME.match(prefix):
        raise SettingsError(
            f"JOURNEYS_POSTGRES_PREFIX={prefix}: use lower-case letters, digits and underscores, beginning with a "
            "letter, such as journeys_."
        )
    role = value("JOURNEYS_POSTGRES_ROLE") or POSTGRES_ROLE
    if not DATA_SET_NAME.match(role) or role in ("public", "none"):
        raise SettingsError(
            f"JOURNEYS_POSTGRES_ROLE={role}: use lower-case letters, digits and underscores, beginning with a letter."
        )
    return Postgres(
        url=url,
        secrets=tuple(
            str(given[name]) for name in ("password", "sslpassword", "oauth_client_secret") if given.get(name)
        ),
        place=f"{host or 'localhost'}:{given.get('port') or 5432}/{given.get('dbname') or given.get('user') or ''}",
        user=str(given.get("user") or "of this machine"),
        prefix=prefix,
        role=role,
        lock_seconds=_whole_number(value, "JOURNEYS_POSTGRES_LOCK_SECONDS", default=60),
    )


def _parts_of_url(url: str) -> Mapping[str, str]:
    """What a URL names, as libpq reads it. Raises SettingsError, which does not repeat the URL: it has a password."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    parts: dict[str, Any] = {}
    if url.startswith(("postgresql://", "postgres://")):
        # what it says of a URL that it can't read repeats parts of it
        with contextlib.suppress(psycopg.Error):
            parts = conninfo_to_dict(url)
    if not parts:
        raise SettingsError(
            "JOURNEYS_POSTGRES_URL is no URL of a PostgreSQL server. Give one such as "
            "postgresql://publisher:password@db.example.com:5432/reports; characters such as @ : / ? # % in a "
            "password are written as %40 %3A %2F %3F %23 %25."
        )
    return parts


def is_country(code: str) -> bool:
    """Whether telephone numbers can be of the country with this ISO 3166 code."""
    from phonenumbers import SUPPORTED_REGIONS

    return code in SUPPORTED_REGIONS


def parse_as_of(text: str | None) -> datetime | None:
    """The instant that JOURNEYS_AS_OF names, in UTC; None for None. Raises SettingsError for anything else."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"JOURNEYS_AS_OF={text}: give a date or time in ISO 8601, such as 2026-07-01 or 2026-07-01T06:00:00+02:00."
        ) from error
    return in_utc(moment)
