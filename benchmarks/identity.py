"""`make bench-identity`: how well identity resolution finds customers, where the truth is known.

The sets: the example at three levels of dirt, labelled records of others where they lie next to the project, and people
drawn by `simulated_people`. Each lands and is built as any data set is. The customers that its people records became
are compared with their labels, and so are plain ways of grouping records, Splink as its guide shows it among them. An
example also knows whose each identifier is, so all identifiers of people are scored there as well. `--built` scores the
example that `make run` built.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.example import build, generate_example, settings_in
from benchmarks.parts_of_splink import links_by_part
from benchmarks.plain_splink import group_with_splink
from benchmarks.simulated_people import Carelessness, draw_people
from orchestration.lib.config.matching import (
    SETTINGS_FILE,
    MatchingSettings,
    read_compared_types,
    read_matching_settings,
)
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings
from orchestration.lib.dbt.compiled import expressions
from orchestration.lib.identity.blocking import block_pairs
from orchestration.lib.identity.people_prepared import prepare_people
from orchestration.lib.identity.rematching import COLUMNS, TYPES_FILE

OTHERS_SETS = PROJECT_ROOT.parent / "shared" / "data"
SPLINK_SET = OTHERS_SETS / "splink_fake_1000" / "fake_1000.csv"
FEBRL_SET = OTHERS_SETS / "febrl_1" / "febrl_1.csv"
# Households that share a mailbox or a telephone, records with a slip in every third value, and less that helps.
SIMULATED = {
    "simulated: many shared mailboxes and telephones": Carelessness(
        shared_mailbox=0.6, shared_telephone=0.9, shares_both=False, typo=0.04, missing=0.1, another_value=0.05
    ),
    "simulated: typing errors in every field": Carelessness(
        typo=0.35, wrong_birth_date=0.2, missing=0.0, another_value=0.0, shares_both=False
    ),
    "simulated: neither e-mail nor telephone": Carelessness(left_out=("email_normalised", "phone_normalised")),
    "simulated: very careless records": Carelessness(typo=0.2, missing=0.3, wrong_birth_date=0.15, another_value=0.2),
}
SIMULATED_SEED = 15
# Names under which labelled files carry what a people record has; the first found counts.
COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "key": ("unique_id", "id", "rec_id", "record_id", "person_key", "key"),
    "label": ("cluster", "cluster_id", "label", "entity", "entity_id", "person_id", "true_id", "customer_id"),
    "first_name": ("first_name", "firstname", "given_name", "forename"),
    "last_name": ("last_name", "lastname", "surname", "family_name"),
    "birth_date": ("birth_date", "dob", "date_of_birth", "birthdate"),
    "house_number": ("house_number", "street_number"),
    "street": ("street", "address", "address_1", "street_address"),
    "postcode": ("postcode", "postal_code", "zip", "zip_code"),
    "city": ("city", "town", "suburb", "birth_place"),
    "email": ("email", "e_mail", "email_address"),
    "phone": ("phone", "telephone", "phone_number", "mobile"),
    "social_number": ("social_number", "soc_sec_id", "ssn", "social_security_number"),
}
PEOPLE_COLUMNS = (
    "person_key", "source_system", "updated_at", "identifiers", "first_name", "last_name", "birth_date", "street",
    "city", "postcode", "country",
)  # fmt: skip


# FEBRL's people have a social number, mistyped as all else. The shipped types do not have it, so it is ignored.
TYPES = (PROJECT_ROOT / "seeds" / "identifier_types.csv").read_text(encoding="utf-8")
WITH_SOCIAL_NUMBERS = {
    "social numbers link": TYPES + "social_number,person,1,true,5,,false,digits,Social number\n",
    "social numbers link and are compared": TYPES + "social_number,person,1,true,5,,true,digits,Social number\n",
    "the same, and a person may have several": TYPES + "social_number,person,1,false,5,,true,digits,Social number\n",
}


class LabelsUnreadable(ValueError):
    """A labelled file that can't be scored; the message says what it lacks."""


@dataclass(frozen=True)
class Labels:
    """Whose each people record is, by source system and key, and the file that says it of every identifier, if any."""

    records: Mapping[tuple[str, str], str]
    identifiers: Path | None = None


@dataclass(frozen=True)
class Candidates:
    """The pairs that are compared at all, and which share of the true pairs is among them."""

    pair_count: int
    true_pair_count: int
    recall: float


@dataclass(frozen=True)
class Measured:
    """The score of every way of grouping a set's records, and what was compared for it."""

    scores: Mapping[str, Score]
    candidates: Candidates


@dataclass(frozen=True)
class LabelledSet:
    """A set: what writes its files, and identifier_types.csv where it is another than the shipped one."""

    name: str
    deliver: Callable[[Settings], Labels]
    types: str | None = None


@dataclass(frozen=True)
class Score:
    """Agreement of groups with labels, over pairs of items and over items (B-cubed: Bagga and Baldwin, 1998)."""

    item_count: int
    precision: float
    recall: float
    cubed_precision: float
    cubed_recall: float
    wrong_pairs: int

    @property
    def f1(self) -> float:
        return _f1(self.precision, self.recall)

    @property
    def cubed_f1(self) -> float:
        return _f1(self.cubed_precision, self.cubed_recall)


def main(arguments: Sequence[str] | None = None) -> int:
    """Scores the sets asked for and prints a table of each; returns 0, or 1 where a labelled file can't be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=__doc__)
    parser.add_argument("--labelled", type=Path, help="a CSV file of people records with labels, scored alone")
    parser.add_argument("--customers", type=int, default=1_500, help="customers of the example (default 1500)")
    parser.add_argument("--days", type=int, default=120, help="days of the example (default 120)")
    parser.add_argument("--dirt", type=float, nargs="*", default=[0, 1, 2], help="dirt levels (default 0 1 2)")
    parser.add_argument("--people", type=int, default=1_000, help="people of the simulated sets (default 1000)")
    parser.add_argument("--seed", type=int, default=SIMULATED_SEED, help="the draw of the simulated sets (default 15)")
    parser.add_argument("--only", default="", help="a part of the names of the sets to score")
    parser.add_argument("--built", action="store_true", help="score the example that make run built, and nothing else")
    parser.add_argument("--parts", action="store_true", help="score matching with each part taken from Splink as well")
    chosen = parser.parse_args(arguments)
    if chosen.built:
        settings = read_settings()
        try:
            print(f"### {settings.data_set}, as built\n\n{shown(score_built(settings, truth_of(settings.truth)))}")
        except LabelsUnreadable as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    sets: list[LabelledSet] = []
    if chosen.labelled is not None:
        try:
            rows = read_labelled(chosen.labelled)
        except LabelsUnreadable as error:
            print(error, file=sys.stderr)
            return 1
        sets.append(LabelledSet(chosen.labelled.name, lambda settings: deliver_labelled(settings, rows)))
    else:
        for dirt in chosen.dirt:
            sets.append(
                LabelledSet(
                    f"omnichannel, {chosen.customers:,} customers, dirt {dirt:g}",
                    partial(deliver_example, customers=chosen.customers, days=chosen.days, dirt=dirt),
                )
            )
        others: dict[Path, Callable[[Path], list[dict[str, str]]]] = {
            SPLINK_SET: read_labelled,
            FEBRL_SET: read_febrl,
        }
        for path, read in others.items():
            if path.exists():
                deliver = partial(_deliver_file, path=path, read=read)
                sets.append(LabelledSet(path.stem, deliver))
                if path == FEBRL_SET:
                    sets += [
                        LabelledSet(f"{path.stem}, {said}", deliver, types)
                        for said, types in WITH_SOCIAL_NUMBERS.items()
                    ]
            else:
                print(f"{path.stem} is not on this machine, so it is not scored.")
        sets += [
            LabelledSet(
                name, partial(deliver_simulated, people=chosen.people, carelessness=carelessness, seed=chosen.seed)
            )
            for name, carelessness in SIMULATED.items()
        ]
    for one in sets:
        if chosen.only not in one.name:
            continue
        folder = Path(tempfile.mkdtemp(prefix="journeys_identity_"))
        settings = settings_in(folder, seeds=None if one.types is None else _seeds_with(folder, one.types))
        try:
            print(f"  {one.name} ...", file=sys.stderr, flush=True)
            print(f"\n### {one.name}\n\n{shown(score_set(settings, one.deliver, parts=chosen.parts))}", flush=True)
        finally:
            shutil.rmtree(settings.resolved_seeds, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _seeds_with(folder: Path, types: str) -> Path:
    seeds = folder / "seeds"
    seeds.mkdir()
    (seeds / "identifier_types.csv").write_text(types, encoding="utf-8")
    return seeds


def score_set(settings: Settings, deliver: Callable[[Settings], Labels], *, parts: bool = False) -> Measured:
    """Delivers a set, builds it and scores every way of grouping its records, the product's own first."""
    labels = deliver(settings)
    build(settings, ["+bridge_customer_records", "+int_record_pairs"])
    return score_built(settings, labels, parts=parts)


def score_built(settings: Settings, labels: Labels, *, parts: bool = False) -> Measured:
    """Scores the customers of a built warehouse; with `parts`, also the links of matching with each part taken from
    Splink. Raises LabelsUnreadable where there is none."""
    if not settings.warehouse.exists():
        raise LabelsUnreadable(f"{settings.warehouse}: there is no built warehouse. Run make run first.")
    with open_duckdb(settings.warehouse, read_only=True) as connection:

        def pairs(sql: str) -> list[tuple[str, str]]:
            return connection.execute(sql).fetchall()

        records = connection.execute("""
            select distinct source_system, person_key, person_key_hash
            from intermediate.int_people_versions where is_current
        """).fetchall()
        truth = {
            key_hash: labels.records[source, key]
            for source, key, key_hash in records
            if (source, key) in labels.records
        }
        product = pairs("select person_key_hash, customer_id from core.bridge_customer_records")
        same_email = pairs("""
            select person_key_hash, 'email ' || email_normalised from intermediate.int_people_versions
            where is_current and email_normalised is not null
        """)
        people = connection.execute("""
            select
                person_key_hash as record, first_name, last_name, strftime(birth_date, '%Y-%m-%d') as birth_date,
                street, city, postcode, email_normalised as email, phone_normalised as phone
            from intermediate.int_people_versions where is_current
        """).to_arrow_table()
        everything = pairs("""
            select identifier_a, identifier_b from intermediate.int_identifier_links where identifier_kind = 'person'
        """)
        scores = {
            "the product": score(truth, groups(truth, product)),
            "exact e-mail only": score(truth, groups(truth, same_email)),
            "union-find over everything": score(truth, groups(truth, everything)),
            "plain Splink": score(truth, groups(truth, group_with_splink(people).items())),
        }
        if labels.identifiers is not None:
            true_people = people_of_identifiers(connection, labels.identifiers)
            owners = pairs("select identifier_hash, owner_id from intermediate.int_identifier_owners")
            scores["the product, all identifiers of people"] = score(true_people, groups(true_people, owners))
        current = connection.sql(
            f"select {', '.join(COLUMNS)} from intermediate.int_people_versions where is_current"
        ).to_arrow_table()
    compared_types = read_compared_types(settings.resolved_seeds / TYPES_FILE)
    matched_by = read_matching_settings(settings.resolved_seeds / SETTINGS_FILE, compared_types)
    if parts:
        for part, links in links_by_part(current, matched_by).items():
            scores[part] = score(truth, groups(truth, links))
    return Measured(scores, find_candidates(current, matched_by, truth))


def find_candidates(people: pa.Table, settings: MatchingSettings, truth: Mapping[str, str]) -> Candidates:
    """Which pairs blocking chooses to be compared, and how many of the true ones these are."""
    with open_duckdb() as connection:
        prepare_people(connection, people, settings)
        block_pairs(connection, settings)
        pairs = connection.execute("""
            select one.person_key_hash, other.person_key_hash
            from pairs_blocked
            join people as one on one.record = record_l
            join people as other on other.record = record_r
        """).fetchall()
    true_pair_count = sum(count * (count - 1) // 2 for count in Counter(truth.values()).values())
    found = sum(one in truth and other in truth and truth[one] == truth[other] for one, other in pairs)
    return Candidates(len(pairs), true_pair_count, found / true_pair_count if true_pair_count else 1.0)


# The identifiers of people that came in.
OF_PEOPLE = "select identifier_hash from intermediate.int_identifier_trust where identifier_kind = 'person'"


def people_of_identifiers(
    connection: duckdb.DuckDBPyConnection, truth: Path, *, among: str = OF_PEOPLE
) -> dict[str, str]:
    """The person of each identifier that came in, by its hash; `among` is a query of hashes.

    Identifiers that several people share are left out: no answer would be right. An identifier that came in and has no
    owner is in the result: it counts as a person of its own.
    """
    trimmed, normalised, written_hash, identifier_hash = expressions(
        "trimmed_identifier", "normalised_by_rule", "identifier_hash", "canonical_hash"
    )
    return dict(
        connection.execute(
            f"""
            with identifiers as (
                select
                    truth.person_id,
                    truth.identifier_type as type,
                    types.normalisation as rule,
                    truth.identifier as value
                from read_parquet($truth) as truth
                inner join config.identifier_types as types on types.identifier_type = truth.identifier_type
            ),
            trimmed as (
                select *, {trimmed} as trimmed_value from identifiers
            ),
            normalised as (
                select *, {normalised} as normalised_value from trimmed
            ),
            hashed as (
                select person_id, {written_hash} as written_hash
                from normalised
                cross join (select value as pepper from landing.settings where key = 'pepper') as settings
            ),
            canonical as (
                select hashed.person_id, {identifier_hash} as identifier_hash
                from hashed
                left join intermediate.int_phone_numbers as phone_numbers
                    on phone_numbers.written_hash = hashed.written_hash
            )
            select identifier_hash, min(person_id)
            from canonical
            where identifier_hash in ({among})
            group by identifier_hash
            having count(distinct person_id) = 1
            """,
            {"truth": str(truth)},
        ).fetchall()
    )


def truth_of(folder: Path) -> Labels:
    """Who is who in an example. Raises LabelsUnreadable where its folder of truth can't be read."""
    path = folder / "identifiers.parquet"
    with open_duckdb() as connection:
        try:
            rows = connection.execute(
                "select identifier, person_id from read_parquet(?) where identifier_type = 'record'", [str(path)]
            ).fetchall()
        except duckdb.Error as error:
            raise LabelsUnreadable(f"The example wrote no truth that can be read: {error}") from error
    return Labels({tuple(record.split(":", 1)): person for record, person in rows}, path)


def deliver_example(settings: Settings, *, customers: int, days: int, dirt: float) -> Labels:
    """Writes the example's extracts and returns who is who."""
    return truth_of(generate_example(settings, customers=customers, days=days, dirt=dirt))


def read_labelled(path: Path, *, label_of: Callable[[str], str] | None = None) -> list[dict[str, str]]:
    """The rows of a labelled CSV file under the names of COLUMN_NAMES. Raises LabelsUnreadable naming what it lacks.

    `label_of` gives the label of a key, for files whose keys name it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            given = {name.strip().lower().replace(" ", "_"): name for name in reader.fieldnames or ()}
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelsUnreadable(f"{path}: it can't be read as CSV in UTF-8 ({error}).") from error
    found = {
        ours: given[next(name for name in names if name in given)]
        for ours, names in COLUMN_NAMES.items()
        if any(name in given for name in names)
    }
    if label_of is not None and "key" in found:
        found["label"] = found["key"]
    for needed in ("key", "label"):
        if needed not in found:
            raise LabelsUnreadable(
                f"{path}: no column is the {needed} of a record. Name one of them: "
                f"{', '.join(COLUMN_NAMES[needed])}. It has: {', '.join(given) or 'no header'}."
            )
    if len(found) < 4:
        known = [name for ours, names in COLUMN_NAMES.items() if ours not in ("key", "label") for name in names]
        raise LabelsUnreadable(
            f"{path}: two columns at least have to say something of a person. Known names: {', '.join(known)}."
        )
    named = [{ours: (row[theirs] or "").strip() for ours, theirs in found.items()} for row in rows]
    for row in named:
        if number := row.pop("house_number", ""):
            row["street"] = f"{number} {row.get('street', '')}".strip()
    if label_of is not None:
        named = [{**row, "label": label_of(row["key"])} for row in named]
    keys = Counter(row["key"] for row in named)
    if not named or max(keys.values()) > 1 or "" in keys:
        wrong = next((key for key, count in keys.items() if count > 1), "")
        raise LabelsUnreadable(
            f"{path}: every row needs a key of its own; {wrong!r} is not one. Column: {found['key']}."
        )
    return named


def read_febrl(path: Path) -> list[dict[str, str]]:
    """The rows of a set made by FEBRL, whose keys name the person: rec-12-org and rec-12-dup-0."""
    return read_labelled(path, label_of=lambda key: "-".join(key.split("-")[:2]))


def _deliver_file(settings: Settings, *, path: Path, read: Callable[[Path], list[dict[str, str]]]) -> Labels:
    return deliver_labelled(settings, read(path))


def deliver_simulated(settings: Settings, *, people: int, carelessness: Carelessness, seed: int) -> Labels:
    """Draws people and writes their records as people of the feed."""
    records, truth = draw_people(people, carelessness, seed=seed)
    names = {"person_key_hash": "key", "email_normalised": "email", "phone_normalised": "phone"}
    rows = (
        {names.get(name, name): str(value) for name, value in row.items() if value is not None}
        for row in records.to_pylist()
    )
    return deliver_labelled(settings, ({**row, "label": truth[row["key"]]} for row in rows))


def deliver_labelled(settings: Settings, rows: Iterable[Mapping[str, str]]) -> Labels:
    """Writes labelled rows as people of the feed and returns whose each is."""
    folder = settings.extracts / "feed" / "people"
    folder.mkdir(parents=True)
    labels = {}
    with (folder / "labelled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, PEOPLE_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            identifiers = {name: row[name] for name in ("email", "phone", "social_number") if row.get(name)}
            writer.writerow(
                {
                    **row,
                    "birth_date": _date(row.get("birth_date", "")),
                    "person_key": row["key"],
                    "source_system": "labelled",
                    "updated_at": "2020-01-01T00:00:00Z",
                    "identifiers": json.dumps(identifiers) if identifiers else "",
                }
            )
            labels["labelled", row["key"]] = row["label"]
    return Labels(labels)


def _date(text: str) -> str:
    """A birth date as the feed takes it; nothing for what is none, so that the record still counts."""
    for form in ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return ""


def groups(records: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of every record: one of the names that links connect it with.

    >>> groups(["a", "b", "c"], [("a", "x"), ("b", "x")])["a"] == groups(["a", "b"], [("a", "x"), ("b", "x")])["b"]
    True
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in links:
        parent[root(one)] = root(other)
    return {record: root(record) for record in records}


def score(truth: Mapping[str, str], group: Mapping[str, str]) -> Score:
    """Holds groups against labels.

    >>> found = score({"a": "1", "b": "1", "c": "2"}, {"a": "x", "b": "x", "c": "x"})
    >>> round(found.precision, 3), found.recall, round(found.cubed_precision, 3), found.wrong_pairs
    (0.333, 1.0, 0.556, 2)
    """
    both = Counter((group[record], truth[record]) for record in truth)
    sizes, wanted = Counter(group[record] for record in truth), Counter(truth.values())
    right, found, asked = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, sizes, wanted))
    cubed: defaultdict[str, float] = defaultdict(float)
    for (mine, theirs), count in both.items():
        cubed["precision"] += count * count / sizes[mine]
        cubed["recall"] += count * count / wanted[theirs]
    size = max(len(truth), 1)
    return Score(
        len(truth),
        right / found if found else 1.0,
        right / asked if asked else 1.0,
        cubed["precision"] / size,
        cubed["recall"] / size,
        found - right,
    )


def shown(measured: Measured) -> str:
    """The scores as a table, and what was compared as a sentence."""
    candidates = measured.candidates
    return (
        f"{table(measured.scores)}\n\n{candidates.pair_count:,} pairs are compared; among them are "
        f"{candidates.recall:.4f} of the {candidates.true_pair_count:,} true pairs."
    )


def table(scores: Mapping[str, Score]) -> str:
    """The scores as a Markdown table."""
    lines = [
        "| way | items | precision | recall | F1 | B³ precision | B³ recall | B³ F1 | wrong pairs |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {way} | {found.item_count:,} | {found.precision:.4f} | {found.recall:.4f} | {found.f1:.4f} "
        f"| {found.cubed_precision:.4f} | {found.cubed_recall:.4f} | {found.cubed_f1:.4f} | {found.wrong_pairs:,} |"
        for way, found in scores.items()
    ]
    return "\n".join(lines)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
