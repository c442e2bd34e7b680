"""A small scorecard to publish, and a mail server on this machine that keeps what it gets."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings, Smtp
from orchestration.lib.digests.writing import write_digests
from orchestration.lib.release.publish import Release, current_release, publish, published_ids
from tests.orchestration.release.lines import START, Line, example_settings

KPI_TABLES = """
    create schema if not exists kpis;
    create schema if not exists config;
    create or replace table kpis.kpi_scorecard as
    select {numbers} from (values
        ('carts', 'buying', 'looking', 'Carts per view', 'feeling', 'secondary', 'up', 'share', 'week',
            0.4, 0.2, 0.64, 8.0, 20.0, 0.5, 0.45, 'amber', 0.4, -0.05, cast(null as double), 'Ann', 'Jürgen Groß',
            6, 7, date '2026-06-22', date '2026-06-28', true, date '2026-06-22', date '2026-06-28',
            cast(null as timestamp), 0.62, 0.45, 22.0),
        ('passed', 'buying', 'looking', 'Passed <on> & bought', 'progress', 'primary', 'up', 'share', 'month',
            0.1, 0.09, 0.11, 100.0, 1000.0, 0.3, 0.3, '{passed}', 0.2, 0.02, -0.1, 'Ann', 'Jürgen Groß',
            30, 30, date '2026-06-01', date '2026-06-30', false, date '2026-05-01', date '2026-05-31',
            timestamp '2026-06-01', 1.0, 0.08, 900.0),
        ('value', 'buying', null, 'Value per buyer', 'money', 'primary', 'up', 'EUR', 'month',
            1234.5, null, null, 2469.0, 2.0, 1000.0, 900.0, 'green', 1234.5, null, null, 'Bob', 'Bob',
            30, 30, date '2026-06-01', date '2026-06-30', true, date '2026-06-01', date '2026-06-30',
            null, null, null, null)
    ) as rows (kpi_id, journey_id, phase_id, kpi_name, kind, tier, direction, unit, period, value, value_ci_lower,
        value_ci_upper, numerator, denominator, target, amber_bound, status, status_value, trend, trend_year,
        responsible, accountable, measured_day_count, period_day_count, period_start, period_end, is_mature,
        status_period_start, status_period_end, compared_at, linkable_share, previous_value,
        previous_denominator);
    create or replace table kpis.fct_kpi_values as
    select kpi_id, period_start, value, denominator, is_mature from kpis.kpi_scorecard
    union all
    select * from (values
        ('carts', date '2026-06-15', 0.45, 22.0::double, true),
        ('passed', date '2026-05-01', 0.2, 950.0::double, true)
    ) as earlier (kpi_id, period_start, value, denominator, is_mature);
    create schema if not exists hygiene;
    create or replace table hygiene.kpi_bands as
    select * from (values
        ('value', 'value', 28, 1234.5::double, 1200.0::double, 1100.0::double, {upper}::double, date '2026-06-28',
            timestamp '2026-07-01')
    ) as rows (kpi_id, figure, window_days, actual, expected, lower, upper, measured_on, judged_at);
    create or replace table hygiene.kpi_anomalies (
        anomaly_id varchar, kpi_id varchar, also_kpi_ids varchar, figure varchar, message varchar,
        accepted_by varchar, before_value double, after_value double, chance double, first_on date, last_on date,
        ended_at timestamp
    );
    insert into hygiene.kpi_anomalies
    select anomaly_id, kpi_id, also_kpi_ids, figure, message, accepted_by, 1200, {odd_value}, 1e-9, first_on, last_on,
        ended_at
    from (values
        ('old', 'value', null, 'value', 'It was odd in May', null, date '2026-05-30', date '2026-05-31', null),
        ('new', 'value', null, 'value', 'It is odd in July', null, date '2026-07-01', date '2026-07-02', null),
        ('ended', 'value', null, 'value', 'It was odd', null, date '2026-06-20', date '2026-06-20',
            timestamp '2026-07-01'),
        ('right', 'value', null, 'value', 'It is right', 'Ann', date '2026-06-20', date '2026-06-20', null),
        ('other', 'value', null, 'volume', 'Its volume is odd', null, date '2026-06-20', date '2026-06-20', null),
        ('odd', 'nothing', 'value, more', 'value', 'It is odd', {accepted}, date '2026-06-30', date '2026-07-01', null)
    ) as rows (anomaly_id, kpi_id, also_kpi_ids, figure, message, accepted_by, first_on, last_on, ended_at);
    create schema if not exists flows;
    create or replace table flows.map_stops as
    select * from (values
        ('web~looking', 'web', 'Web <site>', 1, 40), ('shop~looking', 'shop', 'Shop', 2, 25)
    ) as rows (stop_id, line, line_name, y, visit_count),
    (values ('buying', 'channel', 'looking', 'Looking', 1, 30, 5, 0.125, 60, null::double, 0))
        as same (journey_id, line_type, phase_id, phase_name, x, instance_count, drop_off_count, drop_off_share,
            median_pause_seconds, mood, answer_count);
    create or replace table flows.map_edges (
        journey_id varchar, line_type varchar, from_stop_id varchar, to_stop_id varchar, volume_count bigint,
        drop_off_count bigint, drop_off_share double, median_delay_seconds double, mood double, answer_count bigint
    );
    create or replace table flows.map_transfers as
    select 'buying' as journey_id, 'channel' as line_type, 'web~looking' as from_stop_id,
        'shop~looking' as to_stop_id, 24 as volume_count, 6 as drop_off_count, 0.25 as drop_off_share,
        30 as median_delay_seconds, null::double as mood, 0 as answer_count;
    create or replace table kpis.dim_kpis as select kpi_id, 'What it means' as description from kpis.kpi_scorecard;
    create or replace table config.phases as
    select * from (values ('buying', 1, 'looking', 1, 'Looking'))
        as rows (journey_id, journey_version, phase_id, phase_order, phase_name);
    create or replace table config.journeys as
    select 'buying' as journey_id, 1 as journey_version, 'Buying' as journey_name;
    create or replace table journeys.agg_phases_daily as
    select 'buying' as journey_id, 'looking' as phase_id, 40 as entered_count, 7 as left_fell_out_count,
        date '2026-06-25' as measured_on;
    create or replace table journeys.fct_phase_intervals as
    select 'buying' as journey_id, 'looking' as phase_id, true as is_stalled;
    create schema if not exists voice;
    create or replace table voice.agg_voice as
    select * from (values
        ('all', 'nps', 'relationship', 'all', date '2026-06-01', true, 34.0::double, null::double, 28.0, 40.0, 312, 5.0,
            -2.0, 12.0, false),
        ('all', 'csat', 'transactional', 'all', date '2026-06-01', true, null, 0.8, 0.75, 0.85, 90, -0.1, -0.15, -0.05,
            true),
        ('other', 'nps', 'relationship', 'all', date '2026-06-01', true, 99.0, null, 98, 99, 9, null, null, null, null),
        ('all', 'nps', 'relationship', 'Sales', date '2026-06-01', true, 98.0, null, 98, 99, 9, null, null, null, null),
        ('all', 'nps', 'relationship', 'all', date '2026-07-01', false, 97.0, null, 98, 99, 9, null, null, null, null)
    ) as rows (journey_id, feedback_kind, survey_scope, department, month_starts_on, is_month_complete, nps, csat,
        nps_ci_lower, nps_ci_upper, scored_count, change, change_ci_lower, change_ci_upper, is_change_beyond_noise),
    (values ('all', 'all', 'all', 'customer', false, null::double, null::double))
        as same (phase_id, touchpoint, segment, respondent_kind, is_suppressed, csat_ci_lower, csat_ci_upper);
    create schema if not exists attribution;
    create or replace table attribution.agg_channel_credits as
    select * from (values
        ('order', 'last_touch', true, 'month', date '2026-06-01', 'ads', 3000.0, 2000.0::double, 4000.0::double),
        ('order', 'last_touch', true, 'all', null, 'ads', 9000.0, 8000.0, 9999.0),
        ('order', 'first_touch', false, 'month', date '2026-06-01', 'ads', 1.0, 1.0, 1.0),
        ('visit', 'last_touch', true, 'all', null, 'ads', null, null, null)
    ) as rows (conversion_type, rule, is_default, period, period_start, channel, credited_value,
        credited_value_ci_lower, credited_value_ci_upper),
    (values (9000.0, 10.0)) as same (gross_value, credited_conversions);
    create or replace table attribution.fct_spend_daily as
    select * from (values
        ('ads', 600.0, date '2026-06-03'), ('ads', 400.0, date '2026-06-30'), ('post', 200.0, date '2026-06-30'),
        ('post', 777.0, date '2026-05-31'), ('ads', 555.0, date '2026-07-01')
    ) as rows (channel, spend, spent_on), (values (false)) as same (is_after_as_of);
    create schema if not exists core;
    create or replace table core.dim_channels as select 'ads' as channel, 'Ads <paid>' as channel_name;
    create or replace table config.kpi_roles as
    select * from (values {roles}) as rows (kpi_id, role, person, email);
"""

# as the marts have them
NUMBERS = "* replace ({})".format(
    ", ".join(
        f"cast({name} as double) as {name}"
        for name in (
            "value", "value_ci_lower", "value_ci_upper", "denominator", "target", "amber_bound", "status_value",
            "trend", "trend_year", "linkable_share", "previous_value", "previous_denominator",
        )
    )
)  # fmt: skip

ROLES = (
    ("passed", "accountable", "Jürgen Groß", "juergen@shop.example"),
    ("passed", "responsible", "Ann", "ann@shop.example"),
    ("carts", "accountable", "Jürgen Groß", None),
    ("carts", "responsible", "Ann", "ann@shop.example"),
    ("value", "accountable", "Bob", None),
    ("passed", "informed", "Bob", None),
    ("value", "consulted", "Ann", "ann@elsewhere.example"),
    ("passed", "informed", "Cleo", "cleo@shop.example"),
    ("value", "informed", "Cleo", "cleo@shop.example"),
)


class Shop(Line):
    """A data set whose releases carry digests."""

    def publish_release(
        self,
        *,
        passed: str = "red",
        roles: tuple = ROLES,
        day: int = 1,
        upper: float = 1300.0,
        accepted: bool = True,
        odd_value: float = 900.0,
    ) -> Release:
        """Publishes a release in which the KPI `passed` has a status, and the band of `value` ends at `upper`.

        Of what was found unlike the days before, everything is over, still to come, or `accepted`; on those days the
        value went from 1,200 to `odd_value`.
        """
        previous = current_release(self.settings)
        candidate = self.write(day)
        shown = ", ".join(
            "(" + ", ".join("null" if text is None else "'" + text.replace("'", "''") + "'" for text in role) + ")"
            for role in roles
        )
        with open_duckdb(self.settings.warehouse) as connection:
            # the line's own table of this name is of another shape; the release has its copy already
            connection.execute("create or replace table journeys.kept as select * from journeys.agg_phases_daily")
            connection.execute(
                KPI_TABLES.format(
                    passed=passed,
                    roles=shown,
                    upper=upper,
                    accepted="'Ann'" if accepted else "null",
                    odd_value=odd_value,
                    numbers=NUMBERS,
                )
            )
        with open_duckdb(candidate.directory / "customer_journeys.duckdb") as connection:
            connection.execute(
                "create schema kpis; "
                f"create table kpis.kpi_scorecard as select 'passed' as kpi_id, '{passed}' as status"
            )
        write_digests(
            candidate.directory,
            self.settings.warehouse,
            data_set=self.settings.data_set,
            release_id=candidate.release_id,
            as_of=START + timedelta(days=day),
            previous=previous.database if previous else None,
            published=published_ids(self.settings),
            dashboard=self.settings.dashboard,
        )
        with open_duckdb(self.settings.warehouse) as connection:
            connection.execute(
                "drop table journeys.agg_phases_daily; alter table journeys.kept rename to agg_phases_daily"
            )
            connection.execute("comment on table journeys.agg_phases_daily is 'One row per phase and day.'")
            for column in ("phase_id", "entered", "entered_on"):
                connection.execute(f"comment on column journeys.agg_phases_daily.{column} is 'Said.'")
        return publish(candidate, self.settings).release

    def with_server(self, **smtp: Any) -> Settings:
        known: dict[str, Any] = {"host": "127.0.0.1", "security": "none", "sender": "kpis@shop.example"}
        return replace(self.settings, smtp=Smtp(**(known | smtp)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(example_settings(tmp_path.resolve()))


@dataclass
class Mailbox:
    """A mail server that keeps what it gets, refuses some addresses, hangs up after so many, and takes its time."""

    refused: set[str] = field(default_factory=set)
    refusal: str = "550 no such mailbox"
    hangs_up_after: int | None = None
    silent_seconds: float = 0
    body_count: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return f"{self.refusal} {address.upper()}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.body_count += 1
        await asyncio.sleep(self.silent_seconds)
        if self.hangs_up_after is not None and len(self.mails) >= self.hangs_up_after:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "421 gone"
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        assert [message["To"].addresses[0].addr_spec] == envelope.rcpt_tos
        self.mails.append(message)
        return "250 OK"

    @property
    def receivers(self) -> list[str]:
        return [mail["To"].addresses[0].addr_spec for mail in self.mails]


@pytest.fixture
def mail_server() -> Iterator[Callable[..., Mailbox]]:
    """Starts servers; `port` to start one where another was."""
    running: list[Controller] = []

    def start(mailbox: Mailbox | None = None, *, port: int = 0, **options: Any) -> Mailbox:
        mailbox = mailbox or Mailbox()
        mailbox.port = port or free_port()
        controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
        controller.start()
        running.append(controller)
        return mailbox

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine and its key, that nobody signed but itself."""
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "made.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def only_ann(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"ann", b"secret"), handled=False)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
