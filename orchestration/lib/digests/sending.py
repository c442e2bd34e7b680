"""Sends the digests of the current release by mail, once to each person, and remembers the recipients."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import CONTROL_CHARACTER, Settings, Smtp
from orchestration.lib.digests.mail import mail_page
from orchestration.lib.digests.writing import DIGESTS, LEDGER, ensure_ledger
from orchestration.lib.release.publish import Release, current_release

# What a server did not take is offered again this much later; what it refused for good is not, until somebody asks.
RETRY_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for: each of its answers, and the one to a whole mail.

    Some look into a mail before they say yes, and RFC 5321 (4.5.3.2) gives them ten minutes: who hangs up earlier and
    asks again later sends it twice.
    """

    answer_seconds: float = 30
    mail_seconds: float = 600


PATIENCE = Patience()


# What a server says to DATA; its next answer is to the whole mail. (A login is answered by 334.)
GO_AHEAD = 354
REFUSED = "; for good: correct kpi_roles.csv for the next release, or type make send-digests to try it again"


@dataclass(frozen=True)
class Undelivered:
    """A recipient who did not get their digest, and why. `is_refused`: for good, so that a retry is of no use."""

    person: str
    problem: str
    is_refused: bool = False


@dataclass(frozen=True)
class Delivery:
    """What came of sending a release's digests. `earlier_count` were sent by a run before."""

    release_id: str | None
    sent: tuple[str, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()
    without_address: tuple[str, ...] = ()
    earlier_count: int = 0
    is_configured: bool = True

    @property
    def lines(self) -> list[str]:
        """What came of it, as people read it."""
        if not self.is_configured:
            return ["No mail server is set (JOURNEYS_SMTP_HOST), so no digest is sent."]
        if self.release_id is None:
            return ["There is no release yet, so there is no digest to send."]
        lines = [f"{len(self.sent)} digests sent, {self.earlier_count} before, of release {self.release_id}"]
        lines += [
            f"not sent to {one.person}: {one.problem}" + (REFUSED if one.is_refused else "") for one in self.undelivered
        ]
        if self.without_address:
            lines.append(f"without an address in kpi_roles.csv: {', '.join(self.without_address)}")
        return lines


@dataclass(frozen=True)
class Due:
    """How many mails of a release are to be tried now."""

    release_id: str
    count: int


@dataclass(frozen=True)
class _Problem:
    text: str
    is_refused: bool = False


@dataclass(frozen=True)
class _Mail:
    slug: str
    person: str
    email: str
    subject: str
    message_id: str


def send_digests(
    settings: Settings,
    *,
    to_refused: bool = False,
    patience: Patience = PATIENCE,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Delivery:
    """Sends what the current release has for people who did not get it yet; does nothing without a server.

    What a server refused for good is reported again but sent only with `to_refused`. Each mail is noted as soon as the
    server took it, so that a run which ends half-way leaves the rest to the next.
    """
    if settings.smtp is None:
        return Delivery(None, is_configured=False)
    release = current_release(settings)
    if release is None:
        return Delivery(None)
    with open_duckdb(settings.warehouse) as connection:
        ensure_ledger(connection)
        rows = connection.execute(
            f"select slug, person, email, subject, message_id, sent_at, is_refused, problem from {LEDGER} "
            "where release_id = ? order by slug",
            [release.release_id],
        ).fetchall()
        unsent = [row for row in rows if row[2] is not None and row[5] is None]
        waiting = [_Mail(*row[:5]) for row in unsent if to_refused or not row[6]]
        sent: list[str] = []
        undelivered = [Undelivered(row[1], row[7], True) for row in unsent if row[6] and not to_refused]
        for mail, problem in _sent(waiting, release, settings.smtp, patience, now):
            _note(connection, release.release_id, mail, problem, now())
            if problem is None:
                sent.append(mail.person)
            else:
                undelivered.append(Undelivered(mail.person, problem.text, problem.is_refused))
    return Delivery(
        release.release_id,
        tuple(sent),
        tuple(undelivered),
        tuple(row[1] for row in rows if row[2] is None),
        sum(row[5] is not None for row in rows),
    )


def due_digests(settings: Settings, *, now: datetime) -> Due | None:
    """The mails of the current release that nobody tried within the hour and no server refused for good.

    None where there are none, or no server.
    """
    release = current_release(settings)
    if settings.smtp is None or release is None:
        return None
    with open_duckdb(settings.warehouse, read_only=True, wait_seconds=0) as connection:
        try:
            [(count,)] = connection.execute(
                f"""
                select count(*) from {LEDGER}
                where
                    release_id = ? and email is not null and sent_at is null
                    and not coalesce(is_refused, false)
                    and (tried_at is null or tried_at <= ?)
                """,
                [release.release_id, plain_utc(now - RETRY_AFTER)],
            ).fetchall()
        except duckdb.CatalogException:
            return None
    return Due(release.release_id, int(count)) if count else None


def compose(mail: _Mail, folder: Path, smtp: Smtp, at: datetime) -> EmailMessage:
    """The mail to one person: their text, with the page and its pictures as the richer form of the same."""
    if CONTROL_CHARACTER.search(mail.person + mail.email):
        raise ValueError("the name or the address holds a control character")
    message = EmailMessage()
    message["From"] = smtp.sender
    local, _, domain = mail.email.rpartition("@")
    message["To"] = Address(display_name=mail.person, username=local, domain=domain)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail.message_id}@{smtp.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content((folder / f"{mail.slug}.txt").read_text(encoding="utf-8"))
    page = mail_page((folder / f"{mail.slug}.html").read_text(encoding="utf-8"))
    message.add_alternative(page.html, subtype="html")
    body = message.get_body(("html",))
    for name, picture in page.pictures.items():
        assert isinstance(body, EmailMessage)
        body.add_related(picture, "image", "png", cid=f"<{name}>", disposition="inline", filename=f"{name[:16]}.png")
    return message


def _sent(
    waiting: list[_Mail], release: Release, smtp: Smtp, patience: Patience, now: Callable[[], datetime]
) -> Iterator[tuple[_Mail, _Problem | None]]:
    """Each mail with what kept it from being sent, None for nothing. A server that hangs up is called once more,
    one that falls silent is not."""
    server: _Server | None = None
    unreachable: str | None = None
    try:
        for mail in waiting:
            if unreachable is not None:
                yield mail, _Problem(unreachable)
                continue
            problem: str | None = None
            is_refused = False
            for attempt in (1, 2):
                try:
                    server = server or _connected(smtp, patience)
                except (OSError, smtplib.SMTPException) as error:
                    problem = unreachable = f"{smtp.host}:{smtp.port} can't be used: {_said(error)}"
                    break
                try:
                    server.send_message(compose(mail, release.directory / DIGESTS, smtp, now()))
                    problem = None
                    break
                except (smtplib.SMTPServerDisconnected, ConnectionError, TimeoutError) as error:
                    waited_seconds = server.waits_seconds
                    _close(server)
                    server, problem = None, _said(error)
                    if _is_timeout(error):
                        # it may have taken the mail all the same: at once again would be twice
                        problem = unreachable = (
                            f"{smtp.host}:{smtp.port} gave no answer within {waited_seconds:.0f} seconds"
                        )
                        break
                    if attempt == 2:
                        break
                except (smtplib.SMTPException, ValueError, OSError) as error:
                    # the address or the mail is refused, or a file is gone: the next person may have more luck
                    problem, is_refused = _said(error), _is_for_good(error)
                    break
            if problem is None:
                yield mail, None
            else:
                # servers repeat the address they refuse, and logs are no place for it
                said = re.sub(re.escape(mail.email), "<address>", problem, flags=re.IGNORECASE)
                yield mail, _Problem(said, is_refused)
    finally:
        if server is not None:
            _close(server)


class _Server(smtplib.SMTP):
    """A connection that waits longer for the answer to a whole mail than for others."""

    patience = PATIENCE
    waits_seconds = PATIENCE.answer_seconds

    def data(self, msg: Any) -> tuple[int, bytes]:
        said = super().data(msg)
        self._wait(self.patience.answer_seconds)
        return said

    def getreply(self) -> tuple[int, bytes]:
        code, said = super().getreply()
        if code == GO_AHEAD:
            self._wait(self.patience.mail_seconds)
        return code, said

    def _wait(self, seconds: float) -> None:
        self.waits_seconds = seconds
        if self.sock is not None:
            self.sock.settimeout(seconds)


class _EncryptedServer(_Server, smtplib.SMTP_SSL):
    """The same over a line that is encrypted from the start."""


def _connected(smtp: Smtp, patience: Patience) -> _Server:
    context = ssl.create_default_context()
    server: _Server
    if smtp.security == "tls":
        server = _EncryptedServer(smtp.host, smtp.port, timeout=patience.answer_seconds, context=context)
    else:
        server = _Server(smtp.host, smtp.port, timeout=patience.answer_seconds)
    server.patience, server.waits_seconds = patience, patience.answer_seconds
    with _closed_on_error(server):
        if smtp.security == "starttls":
            server.starttls(context=context)
        if smtp.user is not None:
            server.login(smtp.user, smtp.password or "")
    return server


@contextmanager
def _closed_on_error(server: smtplib.SMTP) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _close(server)
        raise


def _close(server: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()


def _said(error: Exception) -> str:
    """What a server or the network said, in one line."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"the address was refused ({code} {_text(text)})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return _text(str(error)) or type(error).__name__


def _is_for_good(error: Exception) -> bool:
    """Whether the same mail will be refused again: a reply from 500 on, or an address that can't be written."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, (ValueError, smtplib.SMTPNotSupportedError))


def _is_timeout(error: Exception) -> bool:
    # smtplib reports it as a lost connection
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _text(said: bytes | str) -> str:
    return " ".join((said.decode("utf-8", "replace") if isinstance(said, bytes) else said).split())[:300]


def _note(
    connection: duckdb.DuckDBPyConnection, release_id: str, mail: _Mail, problem: _Problem | None, at: datetime
) -> None:
    moment = plain_utc(at)
    connection.execute(
        f"update {LEDGER} set tried_at = ?, sent_at = ?, problem = ?, is_refused = ? where release_id = ? and slug = ?",
        [
            moment,
            moment if problem is None else None,
            problem.text if problem else None,
            problem is not None and problem.is_refused,
            release_id,
            mail.slug,
        ],
    )
