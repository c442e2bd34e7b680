"""Hashes identifiers as the models do, so that ids of oracles and warehouses can be compared."""

from __future__ import annotations

import hashlib

PEPPER = "a key for tests"


def hash_of(identifier_type: str, value: str) -> str:
    """Returns the hash of a normalised value; an event that names nobody is an identifier of its own.

    >>> hash_of("event", "e1") == hashlib.sha256(b"event:e1").hexdigest()[:32]
    True
    """
    text = f"event:{value}" if identifier_type == "event" else f"{PEPPER}|{identifier_type}|{value}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
