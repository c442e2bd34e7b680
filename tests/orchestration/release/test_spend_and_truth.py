"""What a release says was spent is what the simulated retailer spent."""

from __future__ import annotations

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings

pytestmark = pytest.mark.xdist_group("published_examples")


def test_what_was_spent_is_the_truth_but_for_rows_that_are_broken_or_not_yet_corrected(omnichannel: Settings) -> None:
    """Platforms correct a day on the fourth morning after; a broken row is in quarantine, and an earlier one counts."""
    truth = omnichannel.var / "omnichannel" / "truth"
    with open_duckdb(omnichannel.serving / "customer_journeys.duckdb", read_only=True) as connection:
        rows = connection.execute(
            f"""
            select
                coalesce(said.campaign, truth.campaign) as campaign,
                coalesce(said.spent_on, truth.spent_on) as spent_on,
                (said.spend, said.impressions, said.clicks) as said,
                (truth.spend, truth.impressions, truth.clicks) as truth
            from '{truth}/ad_spend.parquet' as truth
            full join attribution.fct_spend_daily as said using (campaign, spent_on)
            anti join '{truth}/dirt_ledger.parquet' as dirt
                on dirt.table_name = 'daily_spend'
                and starts_with(dirt.dirt_kind, 'broken')
                and starts_with(dirt.row_key, coalesce(said.spent_on, truth.spent_on)::text)
            where coalesce(said.spent_on, truth.spent_on) < date '2026-06-26'
            """
        ).fetchall()
        platforms = connection.execute("select count(distinct platform) from attribution.fct_spend_daily").fetchone()
    assert [row for row in rows if row[2] != row[3]] == []
    assert len(rows) > 500 and platforms == (3,)
