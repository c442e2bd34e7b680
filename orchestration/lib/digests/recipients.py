"""Finds out who gets a digest, about which KPIs, and under which file name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# These roles answer for the KPI; the others are informed of its state.
ANSWERING = ("accountable", "responsible")
ROLES = (*ANSWERING, "consulted", "informed")

SLUG_LENGTH = 60
SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d", "œ": "oe"}
)


@dataclass(frozen=True)
class Role:
    """A row of kpi_roles: what somebody is at a KPI, and where to reach them."""

    kpi_id: str
    role: str
    person: str
    email: str | None


@dataclass(frozen=True)
class Recipient:
    """A person or post with a digest of their own. `roles` are theirs at each KPI, the most answering first."""

    slug: str
    person: str
    email: str | None
    roles: Mapping[str, tuple[str, ...]]

    @property
    def all_roles(self) -> tuple[str, ...]:
        held = {role for roles in self.roles.values() for role in roles}
        return tuple(role for role in ROLES if role in held)

    def answers_for(self, kpi_id: str) -> bool:
        return any(role in ANSWERING for role in self.roles.get(kpi_id, ()))


def slug_of(person: str) -> str:
    """A name as a file may be called on any system.

    >>> slug_of("Jürgen Groß / Einkauf")
    'juergen-gross-einkauf'
    >>> slug_of("../..")
    'person'
    """
    lowered = unicodedata.normalize("NFC", person).lower().translate(SPELLED_OUT)
    plain = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH].rstrip("-") or "person"


def recipients(roles: Iterable[Role]) -> list[Recipient]:
    """Everyone who has a role, by file name. One name with two addresses is two people.

    A row without an address belongs to the person of that name where all others name one address.
    """
    named = [Role(row.kpi_id, row.role, " ".join(row.person.split()), _address(row.email)) for row in roles]
    addresses: dict[str, set[str]] = {}
    for row in named:
        addresses.setdefault(row.person, set()).update({row.email} if row.email else ())
    held: dict[tuple[str, str | None], dict[str, set[str]]] = {}
    for row in named:
        known = addresses[row.person]
        email = row.email or (next(iter(known)) if len(known) == 1 else None)
        held.setdefault((row.person, email), {}).setdefault(row.kpi_id, set()).add(row.role)
    taken: set[str] = set()
    found = []
    for person, email in sorted(held, key=lambda one: (one[0], one[1] or "")):
        slug = base = slug_of(person)
        number = 1
        while slug in taken:
            number += 1
            slug = f"{base}-{number}"
        taken.add(slug)
        of_kpi = {
            kpi_id: tuple(role for role in ROLES if role in of_kpi) for kpi_id, of_kpi in held[person, email].items()
        }
        found.append(Recipient(slug, person, email, of_kpi))
    return sorted(found, key=lambda recipient: recipient.slug)


def _address(email: str | None) -> str | None:
    # only the part before the @ may be case-sensitive, and in practice none is
    return email.strip().lower() or None if email else None
