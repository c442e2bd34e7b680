"""Pairs of people records that may be one person though they share no key; see docs/identity_matching.md."""

from __future__ import annotations

from dbt.flags import get_flags

from orchestration.lib.identity.rematching import match_again_if_changed


def model(dbt, session):
    dbt.config(materialized="table")
    people = dbt.ref("int_people_versions")
    return match_again_if_changed(
        people,
        session,
        schema=dbt.this.schema,
        table=dbt.this.identifier,
        # the model runs inside dbt, which gives a Python model no other sign of --full-refresh
        is_from_scratch=bool(getattr(get_flags(), "FULL_REFRESH", False)),
    )
