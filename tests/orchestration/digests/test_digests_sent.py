"""Digests reach people once, through a real mail server on this machine; what fails is reported and tried again."""

from __future__ import annotations

import html
import re
import socket
import ssl
import time
from collections.abc import Callable, Sized
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings, SettingsError, read_settings
from orchestration.lib.digests.sending import Due, Patience, due_digests, send_digests
from tests.orchestration.digests.conftest import ROLES, Mailbox, Shop, free_port, only_ann

Start = Callable[..., Mailbox]
ADDRESSES = ["ann@elsewhere.example", "ann@shop.example", "cleo@shop.example", "juergen@shop.example"]
SENT_AT = datetime(2026, 7, 2, 6, 30, tzinfo=UTC)


def due_count(settings: Settings, *, now: datetime = SENT_AT) -> int:
    due = due_digests(settings, now=now)
    return due.count if due else 0


def test_each_person_gets_their_digest_once(shop: Shop, mail_server: Start) -> None:
    release, server = shop.publish_release(), mail_server()
    settings = shop.with_server(port=server.port)
    assert due_count(settings) == 4
    delivery = send_digests(settings, now=lambda: SENT_AT)
    assert server.receivers == ADDRESSES
    assert delivery.undelivered == () and delivery.without_address == ("Bob",)
    again = send_digests(settings)
    assert (again.sent, again.earlier_count, len(server.mails), due_count(settings)) == ((), 4, 4, 0)
    following = shop.publish_release(day=2)
    assert len(send_digests(settings).sent) == 4 and len(server.mails) == 8
    assert release.release_id != following.release_id
    assert len({mail["Message-ID"] for mail in server.mails}) == 8


def test_a_mail_is_text_and_page_with_the_headers_that_programs_look_for(shop: Shop, mail_server: Start) -> None:
    release, server = shop.publish_release(), mail_server()
    send_digests(shop.with_server(port=server.port), now=lambda: SENT_AT)
    mail = server.mails[-1]
    assert mail["To"].addresses[0].display_name == "Jürgen Groß"
    assert mail["From"] == "kpis@shop.example" and mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == SENT_AT
    assert mail["Message-ID"].endswith("@shop.example>")
    assert mail["Subject"] == "1 red, 1 amber: customer journeys on 2026-07-02 (shop)"
    assert mail.get_content_type() == "multipart/alternative"
    text, rich = mail.iter_parts()
    assert (text.get_content_type(), rich.get_content_type()) == ("text/plain", "multipart/related")
    page, *pictures = rich.iter_parts()
    assert page.get_content_type() == "text/html"
    folder = release.directory / "digests"
    assert text.get_content().split() == (folder / "juergen-gross.txt").read_text(encoding="utf-8").split()
    shown = page.get_content()
    assert "<svg" not in shown and "var(--" not in shown, "programs for mails draw none and know no variables"
    images = dict(re.findall(r'<img src="cid:([^"]+)" alt="([^"]*)"', shown))
    assert {picture["Content-ID"].strip("<>") for picture in pictures} == images.keys()
    for picture in pictures:
        assert picture.get_content_type() == "image/png" and picture.get_content_disposition() == "inline"
        assert picture.get_content().startswith(b"\x89PNG")
    said = [html.unescape(alt) for alt in images.values()]
    assert any(alt.startswith("Map of the journey Buying: 2 stops, 24 moves.") for alt in said)
    assert "Carts per view: 40.0 % in 22 to 28 June 2026, target 50.0 %. Last 2 periods: 45.0 %, 40.0 %." in said
    # but for the pictures it is the page of the release
    kept = re.sub(r"<svg\b.*?</svg>", "", (folder / "juergen-gross.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    kept = re.sub(r'<style data-for="pictures">.*?</style>', "", kept, flags=re.DOTALL)
    assert re.sub(r"<img [^>]*>", "", shown).split() == kept.split()


def test_without_a_server_nothing_is_sent(shop: Shop, mail_server: Start) -> None:
    shop.publish_release()
    server = mail_server()
    delivery = send_digests(shop.settings)
    assert not delivery.is_configured and "JOURNEYS_SMTP_HOST" in delivery.lines[0]
    assert server.mails == [] and due_count(shop.settings) == 0


def test_one_refused_address_keeps_nobody_else_from_theirs(shop: Shop, mail_server: Start) -> None:
    shop.publish_release()
    server = mail_server(Mailbox(refused={"ann@shop.example"}))
    settings = shop.with_server(port=server.port)
    delivery = send_digests(settings)
    assert [address for address in ADDRESSES if address != "ann@shop.example"] == server.receivers
    [one] = delivery.undelivered
    assert (one.person, one.problem) == ("Ann", "the address was refused (550 no such mailbox <address>)")
    assert any("not sent to Ann" in line and "for good: correct kpi_roles.csv" in line for line in delivery.lines)
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        assert connection.execute(
            "select email, problem is not null from landing.digests where tried_at is not null and sent_at is null"
        ).fetchall() == [("ann@shop.example", True)]
    server.refused.clear()
    again = send_digests(settings)
    assert (again.sent, again.undelivered) == ((), delivery.undelivered), "reported again, and not retried"
    assert len(server.mails) == 3 and due_count(settings, now=SENT_AT + timedelta(days=3650)) == 0
    assert send_digests(settings, to_refused=True).sent == ("Ann",) and len(server.mails) == 4


def test_a_name_with_a_control_character_reaches_no_header(shop: Shop, mail_server: Start) -> None:
    """The seeds' check stops one; a warehouse may hold one from before there was such a check."""
    shop.publish_release(roles=(*ROLES[:2], ("carts", "informed", "Dan\x7f", "dan@shop.example")))
    server = mail_server()
    [one] = send_digests(shop.with_server(port=server.port)).undelivered
    assert "control character" in one.problem and one.is_refused
    assert server.receivers == ["ann@shop.example", "juergen@shop.example"]


def test_an_address_that_is_refused_for_now_is_tried_again(shop: Shop, mail_server: Start) -> None:
    shop.publish_release()
    server = mail_server(Mailbox(refused={"ann@shop.example"}, refusal="451 greylisted"))
    settings = shop.with_server(port=server.port)
    [one] = send_digests(settings, now=lambda: SENT_AT).undelivered
    assert "451" in one.problem and not one.is_refused
    assert due_count(settings, now=SENT_AT + timedelta(hours=1)) == 1
    server.refused.clear()
    assert send_digests(settings).sent == ("Ann",)


def test_a_server_that_is_down_is_asked_again_by_the_next_run(shop: Shop, mail_server: Start) -> None:
    release, port = shop.publish_release(), free_port()
    settings = shop.with_server(port=port)
    delivery = send_digests(settings, now=lambda: SENT_AT)
    assert len(delivery.undelivered) == 4 and delivery.sent == ()
    assert f"127.0.0.1:{port} can't be used" in delivery.undelivered[0].problem
    assert release.directory.is_dir()
    assert due_count(settings, now=SENT_AT + timedelta(minutes=59)) == 0
    assert due_digests(settings, now=SENT_AT + timedelta(hours=1)) == Due(release.release_id, 4)
    server = mail_server(port=port)
    assert len(send_digests(settings).sent) == len(server.mails) == 4


def test_a_run_that_ends_half_way_leaves_the_rest_to_the_next(shop: Shop, mail_server: Start) -> None:
    shop.publish_release()
    server = mail_server(Mailbox(hangs_up_after=2))
    settings = shop.with_server(port=server.port)
    delivery = send_digests(settings)
    assert len(delivery.sent) == 2 and len(delivery.undelivered) == 2
    server.hangs_up_after = None
    assert len(send_digests(settings).sent) == 2
    assert server.receivers == ADDRESSES, "nobody twice, nobody left out"


def test_a_server_that_falls_silent_gets_no_mail_twice_and_is_not_waited_for_again(
    shop: Shop, mail_server: Start
) -> None:
    shop.publish_release()
    server = mail_server(Mailbox(silent_seconds=3))
    delivery = send_digests(shop.with_server(port=server.port), patience=Patience(10, 1))
    assert (delivery.sent, server.body_count) == ((), 1)
    assert {one.problem for one in delivery.undelivered} == {f"127.0.0.1:{server.port} gave no answer within 1 seconds"}
    assert len(delivery.undelivered) == 4


@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_server_may_think_about_each_mail_for_longer_than_about_a_line(
    security: str,
    shop: Shop,
    mail_server: Start,
    server_context: ssl.SSLContext,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    shop.publish_release(roles=ROLES[:2])
    encrypted = {"ssl_context": server_context} if security == "tls" else {}
    server = mail_server(Mailbox(silent_seconds=1), **encrypted)
    settings = shop.with_server(port=server.port, host="localhost", security=security)
    assert len(send_digests(settings, patience=Patience(0.5, 20)).sent) == len(server.mails) == 2


def test_a_server_that_says_nothing_at_all_is_not_waited_for_as_long(shop: Shop) -> None:
    shop.publish_release()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        delivery = send_digests(shop.with_server(port=silent.getsockname()[1]), patience=Patience(0.5, 60))
    assert len(delivery.undelivered) == 4 and time.monotonic() - began < 30


def test_what_was_sent_is_known_though_the_run_was_killed(
    shop: Shop, mail_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.publish_release()
    server = mail_server()
    settings = shop.with_server(port=server.port)
    ticks = iter([SENT_AT] * 4)  # two mails take two looks at the clock each; the third finds none
    with pytest.raises(RuntimeError):
        send_digests(settings, now=lambda: next(ticks))
    assert len(server.mails) == 2 and due_count(settings) == 2
    send_digests(settings)
    assert server.receivers == ADDRESSES


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_an_encrypted_line(
    security: str,
    shop: Shop,
    mail_server: Start,
    server_context: ssl.SSLContext,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.publish_release()
    encrypted = {"ssl_context": server_context} if security == "tls" else {"tls_context": server_context}
    # the server's own idea of an encrypted line is one that began unencrypted
    asked = {"auth_require_tls": security == "starttls", "auth_required": True, "authenticator": only_ann}
    server = mail_server(**encrypted, **asked)
    known = {"port": server.port, "host": "localhost", "security": security, "user": "ann"}
    strange = send_digests(shop.with_server(**known, password="secret"))
    assert "certificate" in strange.undelivered[0].problem.lower(), "nobody vouches for the server"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    wrong = send_digests(shop.with_server(**known, password="guessed"))
    assert "535" in wrong.undelivered[0].problem and "guessed" not in wrong.undelivered[0].problem
    assert server.mails == []
    right = shop.with_server(**known, password="secret")
    assert len(send_digests(right).sent) == 4 and "secret" not in repr(right)


def test_a_release_of_before_digests_has_none_to_send(shop: Shop, mail_server: Start) -> None:
    shop.release(1)
    server = mail_server()
    delivery = send_digests(shop.with_server(port=server.port))
    assert delivery.sent == () and delivery.undelivered == () and server.mails == []


def watch(shop: Shop, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets what the orchestrator reads its settings from."""
    for name, text in {
        "EXTRACTS": shop.settings.extracts,
        "DATA_SET": shop.settings.data_set,
        "VAR": shop.settings.var,
        "SERVING": shop.settings.serving,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": port,
        "SMTP_SECURITY": "none",
        "SMTP_FROM": "kpis@shop.example",
    }.items():
        monkeypatch.setenv(f"JOURNEYS_{name}", str(text))


def test_the_sensor_asks_once_an_hour_and_not_for_who_is_refused_for_good(
    shop: Shop, mail_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.defs.release.digests import waiting_digests

    release, server = shop.publish_release(), mail_server(Mailbox(refused={"ann@shop.example"}))
    watch(shop, server.port, monkeypatch)

    def asked() -> list[str | None]:
        result = waiting_digests(dg.build_sensor_context())
        return [request.run_key for request in result.run_requests] if isinstance(result, dg.SensorResult) else []

    [key] = asked()
    assert key is not None
    assert datetime.now(UTC) - datetime.strptime(
        key.removeprefix(f"{release.release_id}:") + "+0000", "%Y-%m-%dT%H%z"
    ) < timedelta(hours=1, minutes=1)
    settings = read_settings()
    send_digests(settings, now=lambda: datetime.now(UTC) - timedelta(hours=2))
    assert len(server.mails) == 3 and asked() == []


def test_a_ledger_of_before_refusals_were_noted_gets_their_column(shop: Shop, mail_server: Start) -> None:
    shop.publish_release()
    with open_duckdb(shop.settings.warehouse) as connection:
        connection.execute("alter table landing.digests drop column is_refused")
    server = mail_server()
    assert len(send_digests(shop.with_server(port=server.port)).sent) == len(server.mails) == 4


def test_the_asset_warns_and_the_next_run_makes_up_for_it(
    shop: Shop, mail_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.defs.release.digests import digests

    shop.publish_release()
    port = free_port()
    watch(shop, port, monkeypatch)

    def run() -> tuple[bool, bool, int]:
        result = dg.materialize([digests], raise_on_error=False)
        [checked] = result.get_asset_check_evaluations()
        assert checked.severity is dg.AssetCheckSeverity.WARN
        # a text here would be taken for the reason of a run that published nothing
        assert checked.description is None
        not_sent = checked.metadata["not_sent"].value
        assert isinstance(not_sent, Sized)
        return result.success, checked.passed, len(not_sent)

    assert run() == (True, False, 4)
    server = mail_server(port=port)
    assert run() == (True, True, 0)
    assert server.receivers == ADDRESSES


COMPLETE = {"JOURNEYS_SMTP_HOST": "mail.example.com", "JOURNEYS_SMTP_FROM": "kpis@example.com"}


@pytest.mark.parametrize(
    ("security", "port"), [(None, 587), ("starttls", 587), ("tls", 465), ("none", 25), ("TLS", 465)]
)
def test_the_port_follows_the_security(security: str | None, port: int) -> None:
    smtp = read_settings(COMPLETE | ({"JOURNEYS_SMTP_SECURITY": security} if security else {})).smtp
    assert smtp is not None and smtp.port == port


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"JOURNEYS_SMTP_HOST": ""}, "JOURNEYS_SMTP_FROM set without JOURNEYS_SMTP_HOST"),
        ({"JOURNEYS_SMTP_FROM": ""}, "JOURNEYS_SMTP_FROM="),
        ({"JOURNEYS_SMTP_FROM": "Kpis <kpis@example.com>"}, "such as kpis@example.com"),
        ({"JOURNEYS_SMTP_FROM": "kpis\x7f@example.com"}, "such as kpis@example.com"),
        ({"JOURNEYS_SMTP_PORT": "99999"}, "JOURNEYS_SMTP_PORT=99999"),
        ({"JOURNEYS_SMTP_PORT": "smtp"}, "JOURNEYS_SMTP_PORT=smtp"),
        ({"JOURNEYS_SMTP_PORT": "²"}, "JOURNEYS_SMTP_PORT=²"),
        ({"JOURNEYS_SMTP_SECURITY": "ssl"}, "JOURNEYS_SMTP_SECURITY=ssl"),
        ({"JOURNEYS_SMTP_USER": "ann"}, "go together"),
        (
            {"JOURNEYS_SMTP_USER": "ann", "JOURNEYS_SMTP_PASSWORD": "secret", "JOURNEYS_SMTP_SECURITY": "none"},
            "for anyone to read",
        ),
    ],
)
def test_a_server_that_is_half_described_is_reported_by_name(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(COMPLETE | changed)
    assert said in str(error.value) and "secret" not in str(error.value)
