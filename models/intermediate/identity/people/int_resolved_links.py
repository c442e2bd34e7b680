"""What became of each link of a component that would break a rule, taken in their order of trust."""

import pyarrow

from orchestration.lib.identity.splitting import Link, find_agreements, joined_by_one_value, resolve_links

COLUMNS = pyarrow.schema(
    [
        (name, pyarrow.string())
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


def model(dbt, session):
    dbt.config(materialized="table")
    conflicting = dbt.ref("int_conflicting_links")
    rows = [dict(zip(conflicting.columns, row, strict=True)) for row in conflicting.order("link_number").fetchall()]
    unique_types = {
        row[f"identifier_{end}"]: row[f"unique_type_{end}"]
        for row in rows
        for end in "ab"
        if row[f"unique_type_{end}"] is not None
    }
    must_not_link = (
        dbt.ref("int_identity_decisions")
        .filter("decision = 'must_not_link' and identifier_a <> identifier_b")
        .project("identifier_a, identifier_b")
        .fetchall()
    )
    links = [Link(row["link_key"], row["identifier_a"], row["identifier_b"], row["is_decision"]) for row in rows]
    shared = dbt.ref("int_cannot_link_pairs").project("record_a, record_b, shared_identifier").fetchall()
    records = {row[f"identifier_{end}"] for row in rows for end in "ab" if row[f"is_record_{end}"]}
    agreements = find_agreements(links, records, unique_types=unique_types)
    cannot_link = joined_by_one_value(
        links, {(record_a, record_b): value for record_a, record_b, value in shared}, agreements.pairs
    )
    resolved = resolve_links(
        links,
        unique_types=unique_types,
        must_not_link=must_not_link,
        cannot_link=cannot_link,
        mistyped=dbt.ref("int_mistyped_identifiers").project("identifier_a, identifier_b").fetchall(),
        agreements=agreements,
    )
    return pyarrow.Table.from_pylist(
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
        schema=COLUMNS,
    )
