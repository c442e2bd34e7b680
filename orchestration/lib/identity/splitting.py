"""The Python step int_resolved_links: takes links one by one, and refuses those that would break a rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import pyarrow as pa

from orchestration.lib.identity.grouping import components

MUST_NOT_LINK = "must_not_link"
UNIQUE_PER_PERSON = "unique_per_person"
CANNOT_LINK = "cannot_link"


RESOLVED_LINKS = pa.schema(
    [
        (name, pa.string())
        for name in (
            "link_key",
            "identifier_a",
            "identifier_b",
            "part_a",
            "part_b",
            "refused_because",
            "conflict_a",
            "conflict_b",
        )
    ]
)


@dataclass(frozen=True)
class Link:
    """A link between two identifiers. A decision of a person has fewer rules to keep than an observed link."""

    key: str
    identifier_a: str
    identifier_b: str
    is_decision: bool


@dataclass(frozen=True)
class ResolvedLink:
    """What became of a link.

    `part_a` and `part_b` name the parts that its ends belong to in the end, by their smallest identifier; equal where
    the link was accepted. A refused one says why, and which two identifiers it would have brought together.
    """

    link: Link
    part_a: str
    part_b: str
    refused_because: str | None
    conflict_a: str | None
    conflict_b: str | None


def resolved_links(links: pa.Table, must_not_link: pa.Table, cannot_link: pa.Table, mistyped: pa.Table) -> pa.Table:
    """The rows of int_resolved_links, one per link, in the order of links.

    `links` are the rows of int_conflicting_links in order of trust; `must_not_link` and `mistyped` have two columns of
    identifiers, `cannot_link` two of records and the value that they share.
    """
    rows = links.to_pylist()
    unique_types = {
        row[f"identifier_{end}"]: row[f"unique_type_{end}"]
        for row in rows
        for end in "ab"
        if row[f"unique_type_{end}"] is not None
    }
    taken = [Link(row["link_key"], row["identifier_a"], row["identifier_b"], row["is_decision"]) for row in rows]
    records = {row[f"identifier_{end}"] for row in rows for end in "ab" if row[f"is_record_{end}"]}
    agreements = find_agreements(taken, records, unique_types=unique_types)
    shared = {(record_a, record_b): value for record_a, record_b, value in _rows_of(cannot_link)}
    resolved = resolve_links(
        taken,
        unique_types=unique_types,
        must_not_link=[(one, other) for one, other in _rows_of(must_not_link)],
        cannot_link=joined_by_one_value(taken, shared, agreements.pairs),
        mistyped=[(one, other) for one, other in _rows_of(mistyped)],
        agreements=agreements,
    )
    return pa.Table.from_pylist(
        [
            {
                "link_key": one.link.key,
                "identifier_a": one.link.identifier_a,
                "identifier_b": one.link.identifier_b,
                "part_a": one.part_a,
                "part_b": one.part_b,
                "refused_because": one.refused_because,
                "conflict_a": one.conflict_a,
                "conflict_b": one.conflict_b,
            }
            for one in resolved
        ],
        schema=RESOLVED_LINKS,
    )


def _rows_of(table: pa.Table) -> Iterator[tuple]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def resolve_links(
    links: Iterable[Link],
    *,
    unique_types: Mapping[str, str],
    must_not_link: Iterable[tuple[str, str]],
    cannot_link: Iterable[tuple[str, str]] = (),
    agreements: Agreements | None = None,
    mistyped: Iterable[tuple[str, str]] = (),
) -> Iterator[ResolvedLink]:
    """Accepts links in the order given, each unless it would break a rule, and returns the result for each.

    `unique_types` gives the type of identifiers of which a person has at most one, and `mistyped` pairs of these that
    count as one; `must_not_link` and `cannot_link` the pairs that may not end in one part. A decision is refused by a
    must_not_link alone, and has to come before links that are none. No cannot-link tears records that agree: what would
    bring one of them together with somebody else is refused instead, also where it comes before. A refused link is
    refused for good: parts only grow, so the conflict between its ends remains.
    """
    must_not_link, links = list(must_not_link), list(links)
    written_for = {value: min(same) for same in components(mistyped) for value in same}
    parts = _Parts(unique_types, must_not_link, written_for)
    # who is one person as far as cannot-links are concerned: from the start those who agree
    people = _people_who_agree(agreements, _Parts(unique_types, must_not_link, written_for), _Parts({}, cannot_link))
    resolved = []
    for link in links:
        conflict = parts.conflict(link)
        if conflict is None and not link.is_decision and (found := people.conflict(link)) is not None:
            conflict = (CANNOT_LINK, *found[1:])
        if conflict is None:
            parts.join(link)
            people.join(link)
        resolved.append((link, conflict))
    for link, conflict in resolved:
        reason, conflict_a, conflict_b = conflict or (None, None, None)
        yield ResolvedLink(
            link,
            parts.name_of(link.identifier_a),
            parts.name_of(link.identifier_b),
            reason,
            conflict_a,
            conflict_b,
        )


@dataclass(frozen=True)
class Agreement:
    """Records that agree in a value that is unique per person, or in two values, and the links that say so."""

    values: tuple[str, ...]
    records: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Agreements:
    """What joins records more surely than one shared value: values in which they agree, and links of matching.

    `own` are the links of records with values that are unique per person.
    """

    found: Sequence[Agreement]
    matched: Sequence[Link]
    own: Sequence[Link]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Pairs that connect the records of each agreement past its values, which others may share."""
        return [(record, " ".join(one.values)) for one in self.found for record in one.records]


def find_agreements(links: Sequence[Link], records: Collection[str], *, unique_types: Mapping[str, str]) -> Agreements:
    """Returns the agreements among links, of which `records` are the people records.

    >>> links = [Link(f"{record}{value}", record, value, False) for record in "ab" for value in "mt"]
    >>> find_agreements(links[:3], "ab", unique_types={}).pairs
    []
    >>> find_agreements(links, "ab", unique_types={}).pairs
    [('a', 'm t'), ('b', 'm t')]
    """
    held: dict[str, dict[str, Link]] = defaultdict(dict)
    matched, own = [], []
    for link in links:
        is_record = [end in records for end in (link.identifier_a, link.identifier_b)]
        if all(is_record):
            matched.append(link)
        elif any(is_record):
            record, value = sorted((link.identifier_a, link.identifier_b), key=lambda end: end not in records)
            held[record][value] = link
            if value in unique_types:
                own.append(link)
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for record, values in held.items():
        for agreed in (*((value,) for value in values if value in unique_types), *combinations(sorted(values), 2)):
            holders[agreed].append(record)
    return Agreements(
        [
            Agreement(agreed, tuple(found), tuple(held[record][value] for record in found for value in agreed))
            for agreed, found in holders.items()
            if len(found) > 1
        ],
        matched,
        own,
    )


def _people_who_agree(agreements: Agreements | None, parts: _Parts, people: _Parts) -> _Parts:
    """Joins in `people` who agrees, and values with the first of them, unless that breaks a rule that `parts` keeps."""
    if agreements is None:
        return people
    for link in agreements.own:
        if parts.conflict(link) is None:
            parts.join(link)
    for link in agreements.matched:
        _join_both(link, parts, people)
    for one in agreements.found:
        for record in one.records[1:]:
            _join_both(Link("", one.records[0], record, False), parts, people)
    for one in agreements.found:
        for link in one.links:
            if people.conflict(link) is None:
                _join_both(link, parts, people)
    # both values may have gone to other people: two values are more than their names
    for one in agreements.found:
        for link in one.links:
            record = next(end for end in (link.identifier_a, link.identifier_b) if end in one.records)
            if not any(people.is_joined(record, value) for value in one.values):
                _join_both(link, parts, people)
    return people


def _join_both(link: Link, parts: _Parts, people: _Parts) -> None:
    if parts.conflict(link) is None:
        parts.join(link)
        people.join(link)


def joined_by_one_value(
    links: Iterable[Link], shared: Mapping[tuple[str, str], str], agreeing: Iterable[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Returns the cannot-link pairs of records that nothing but the value that they share joins.

    `shared` has that value by pair; `agreeing` are the pairs of `Agreements`. Whatever else joins two records is
    stronger evidence than their names: a chain of agreements and links, fuzzy ones included, that passes through no
    value of any such pair. The values are set aside together, because a household's telephone does not confirm that its
    mailbox is one person's.

    >>> household = [Link(f"{a}-{b}", a, b, False) for a, b in (("ann", "mail"), ("bob", "mail"))]
    >>> joined_by_one_value(household, {("ann", "bob"): "mail"})
    [('ann', 'bob')]
    >>> joined_by_one_value([*household, Link("ann-bob", "ann", "bob", False)], {("ann", "bob"): "mail"})
    []
    """
    values = set(shared.values())
    ends = [(link.identifier_a, link.identifier_b) for link in links]
    parts = components([*(pair for pair in ends if not values.intersection(pair)), *agreeing])
    part_of = {identifier: number for number, part in enumerate(parts) for identifier in part}
    return [(one, other) for one, other in shared if part_of.get(one, one) != part_of.get(other, other)]


class _Parts:
    """Disjoint sets of identifiers that know which unique types they hold and which identifiers they must not meet."""

    def __init__(
        self,
        unique_types: Mapping[str, str],
        must_not_link: Iterable[tuple[str, str]],
        written_for: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._unique_types = unique_types
        # a value that is mistyped → the one that it counts as
        self._written_for = written_for
        self._parent: dict[str, str] = {}
        self._size: dict[str, int] = {}
        self._smallest: dict[str, str] = {}
        # of each part: type -> its smallest value
        self._holds: dict[str, dict[str, str]] = {}
        self._divides = _Divides(must_not_link)

    def name_of(self, identifier: str) -> str:
        return self._smallest[self._root(identifier)]

    def conflict(self, link: Link) -> tuple[str, str, str] | None:
        """Why the link's ends may not be joined, with the two identifiers that conflict; None where they may."""
        root_a, root_b = self._root(link.identifier_a), self._root(link.identifier_b)
        if root_a == root_b:
            return None
        conflict = self._divided(root_a, root_b)
        if conflict is None and not link.is_decision:
            conflict = self._twice_unique(root_a, root_b)
        return conflict

    def is_joined(self, one: str, other: str) -> bool:
        return self._root(one) == self._root(other)

    def join(self, link: Link) -> None:
        root_a, root_b = self._root(link.identifier_a), self._root(link.identifier_b)
        if root_a != root_b:
            self._join(root_a, root_b)

    def _root(self, identifier: str) -> str:
        if identifier not in self._parent:
            self._parent[identifier] = identifier
            self._size[identifier] = 1
            self._smallest[identifier] = identifier
            unique_type = self._unique_types.get(identifier)
            self._holds[identifier] = {} if unique_type is None else {unique_type: identifier}
            return identifier
        while self._parent[identifier] != identifier:
            self._parent[identifier] = self._parent[self._parent[identifier]]
            identifier = self._parent[identifier]
        return identifier

    def _divided(self, root_a: str, root_b: str) -> tuple[str, str, str] | None:
        foes_a, foes_b = self._divides.foes_of_part(root_a), self._divides.foes_of_part(root_b)
        # both sides give the same result; the shorter list is read, because one part may be a giant with many foes
        if len(foes_a) <= len(foes_b):
            found = [(member, foe) for foe, member in foes_a.items() if self._is_in(foe, root_b)]
        else:
            found = [(foe, member) for foe, member in foes_b.items() if self._is_in(foe, root_a)]
        return (MUST_NOT_LINK, *min(found)) if found else None

    def _is_in(self, identifier: str, root: str) -> bool:
        return identifier in self._parent and self._root(identifier) == root

    def _twice_unique(self, root_a: str, root_b: str) -> tuple[str, str, str] | None:
        for unique_type in sorted(self._holds[root_a].keys() & self._holds[root_b].keys()):
            one, other = self._holds[root_a][unique_type], self._holds[root_b][unique_type]
            if self._written_for.get(one, one) != self._written_for.get(other, other):
                return UNIQUE_PER_PERSON, one, other
        return None

    def _join(self, root_a: str, root_b: str) -> None:
        if self._size[root_a] < self._size[root_b]:
            root_a, root_b = root_b, root_a
        self._parent[root_b] = root_a
        self._size[root_a] += self._size.pop(root_b)
        self._smallest[root_a] = min(self._smallest[root_a], self._smallest.pop(root_b))
        for unique_type, value in self._holds.pop(root_b).items():
            self._holds[root_a][unique_type] = min(value, self._holds[root_a].get(unique_type, value))
        self._divides.join(root_a, root_b)


class _Divides:
    """Pairs that may not meet, kept per part: which identifier outside may not meet which member."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        # an identifier is a part of its own until it is joined, so this is the state at the beginning as well
        self._foes: dict[str, dict[str, str]] = {}
        for one, other in pairs:
            self._foes.setdefault(one, {})[other] = one
            self._foes.setdefault(other, {})[one] = other

    def foes_of_part(self, root: str) -> Mapping[str, str]:
        return self._foes.get(root, {})

    def join(self, root: str, joined: str) -> None:
        foes = self._foes.pop(joined, None)
        if foes is None:
            return
        kept = self._foes.setdefault(root, {})
        for foe, member in foes.items():
            kept[foe] = min(member, kept.get(foe, member))
