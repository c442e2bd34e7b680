"""Hashes identifiers as the models do, so that ids of oracles and warehouses can be compared."""

from __future__ import annotations

import hashlib

PEPPER = "a key for all tests"


def hash_of(identifier_type: str, value: str) -> str:
    """Returns the hash of a normalised value; a record that names nobody is an identifier of its own.

    >>> hash_of("native_record", "feed.events:e1") == hashlib.sha256(b"record:feed.events:e1").hexdigest()[:32]
    True
    """
    text = f"record:{value}" if identifier_type == "native_record" else f"{PEPPER}|{identifier_type}|{value}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
