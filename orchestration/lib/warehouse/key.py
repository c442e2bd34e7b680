"""The key of a data set's identifier hashes: made once, kept durably, never exchanged in passing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.lib.core.connection import DatabaseUnusable, one_value, open_duckdb
from orchestration.lib.core.files import PRIVATE_FILE, create_durably, write_durably
from orchestration.lib.core.settings import Settings, SettingsError, shown_path

# The shipped examples hold invented or long published people, so their key may be known to all.
EXAMPLE_PEPPER = "journey-warehouse-example-key"
# A shorter key can be found by trying all.
SHORTEST_KEY = 16
MADE_BYTES = 32
# The note of a key has to be slow to try words against: 16 MiB and some 50 ms each.
SCRYPT = {"n": 2**14, "r": 8, "p": 1}
SALT_BYTES = 16


def read_pepper(settings: Settings) -> str:
    """The key of the data set's identifier hashes.

    The examples have a fixed one. Own extracts take JOURNEYS_PEPPER, else a key that is made once and kept in the
    data set's folder for its owner's eyes. Raises SettingsError where the examples' key is offered for own extracts,
    where a key is shorter than 16 characters, and where the key that there was is gone.
    """
    if settings.example is not None:
        return EXAMPLE_PEPPER
    if settings.pepper == EXAMPLE_PEPPER:
        raise SettingsError(
            "JOURNEYS_PEPPER: that is the examples' key, which everybody knows. Leave it out to have one made."
        )
    if settings.pepper is not None:
        if len(settings.pepper) < SHORTEST_KEY:
            raise SettingsError(
                f"JOURNEYS_PEPPER has {len(settings.pepper)} characters; a key needs at least {SHORTEST_KEY}, such as "
                "what openssl rand -hex 32 prints. Leave it out to have one made."
            )
        return settings.pepper
    kept = _kept(settings)
    if not kept.exists():
        if _note(settings).exists():
            raise SettingsError(
                f"{shown_path(kept)} is gone, and without the key that the data set was built with every customer id "
                "would change. Put the file back from your backup, or set JOURNEYS_PEPPER to that key. If it is lost, "
                "make rotate-key makes another one."
            )
        kept.parent.mkdir(parents=True, exist_ok=True)
        create_durably(kept, secrets.token_hex(MADE_BYTES), mode=PRIVATE_FILE)
    return _read(kept)


def existing_pepper(settings: Settings) -> str:
    """As `read_pepper`, but makes none. Raises SettingsError where there is no key on this machine."""
    if settings.example is None and settings.pepper is None and not _kept(settings).exists():
        raise SettingsError(
            f"The key of the data set is not on this machine ({shown_path(_kept(settings))}). Type the hash, which "
            "make hash prints where the key is."
        )
    return read_pepper(settings)


def check_key(settings: Settings) -> None:
    """Refuses a key other than the one that the data set was built with, and notes the first.

    Raises SettingsError naming the ways out: another key changes every customer id.
    """
    if settings.example is not None:
        return
    key, note = read_pepper(settings), _note(settings)
    if note.exists():
        is_the_same = _is_noted(note, key)
    else:
        # a data set of before there were notes
        before = _of_the_warehouse(settings)
        is_the_same = before is None or before == key
    if not is_the_same:
        source = "JOURNEYS_PEPPER" if settings.pepper is not None else str(shown_path(_kept(settings)))
        raise SettingsError(
            f"{source} is another key than the one that data set {settings.data_set} was built with: every customer id "
            "and every hash would change. Set the old one again. To change it on purpose: make rotate-key."
        )
    if not note.exists():
        _write_note(note, key)


def key_of_rows(connection: duckdb.DuckDBPyConnection) -> str:
    """The key that the warehouse hashes with since its configuration was last made ready."""
    return str(one_value(connection, "select value from landing.settings where key = 'pepper'"))


def rotate_key(settings: Settings, *, now: datetime) -> Path | None:
    """Takes JOURNEYS_PEPPER, or a key that is made, as the data set's key from the next run on.

    Returns where the key before it is kept, None where it was not in the data set's folder. Raises SettingsError for
    an example, for the key that there is already, and WarehouseBusy while a run is going on.
    """
    if settings.example is not None:
        raise SettingsError(f"{settings.data_set} is an example: its key is fixed, and known to all.")
    kept, note = _kept(settings), _note(settings)
    if settings.warehouse.exists():
        # a run that has begun hashes with the old key to its end, and notes that key with what it built
        with open_duckdb(settings.warehouse, wait_seconds=1):
            pass
    aside = None
    if settings.pepper is None:
        if kept.exists():
            aside = kept.with_name(f"pepper.until-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
            write_durably(aside, kept.read_text(encoding="utf-8"), mode=PRIVATE_FILE)
        settings.home.mkdir(parents=True, exist_ok=True)
        write_durably(kept, secrets.token_hex(MADE_BYTES), mode=PRIVATE_FILE)
    elif note.exists() and _is_noted(note, read_pepper(settings)):
        raise SettingsError(
            "JOURNEYS_PEPPER is the key that the data set has. Set the new one, or none to have it made."
        )
    _write_note(note, read_pepper(settings))
    return aside


def _kept(settings: Settings) -> Path:
    return settings.home / "pepper"


def _note(settings: Settings) -> Path:
    return settings.home / "pepper.note"


def _read(kept: Path) -> str:
    key = kept.read_text(encoding="utf-8").strip()
    if len(key) < SHORTEST_KEY:
        raise SettingsError(
            f"{shown_path(kept)} holds {len(key)} characters and was cut short: a key needs at least {SHORTEST_KEY}. "
            "Put the file back from your backup. If the key is lost, make rotate-key makes another one, and every "
            "customer id changes."
        )
    return key


def _write_note(note: Path, key: str) -> None:
    salt = secrets.token_bytes(SALT_BYTES)
    write_durably(note, f"{salt.hex()} {_derived(key, salt).hex()}\n", mode=PRIVATE_FILE)


def _is_noted(note: Path, key: str) -> bool:
    try:
        salt, derived = (bytes.fromhex(part) for part in note.read_text(encoding="utf-8").split())
    except ValueError as error:
        raise SettingsError(
            f"{shown_path(note)} is damaged, so nothing says whether the key is still the same. If you are sure that "
            "it is, delete the file; it is made again."
        ) from error
    return hmac.compare_digest(_derived(key, salt), derived)


def _derived(key: str, salt: bytes) -> bytes:
    return hashlib.scrypt(key.encode(), salt=salt, dklen=32, **SCRYPT)


def _of_the_warehouse(settings: Settings) -> str | None:
    if not settings.warehouse.exists():
        return None
    try:
        with open_duckdb(settings.warehouse) as connection:
            return key_of_rows(connection)
    except (duckdb.CatalogException, DatabaseUnusable):
        return None
