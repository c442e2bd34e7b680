"""What must hold between rows of campaign_names.csv: each name leads to one campaign, in one step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from orchestration.lib.config.seeds.channel_rules import compared
from orchestration.lib.config.seeds.problems import Problem
from orchestration.lib.config.seeds.rows import Rows, SeedRow

# Where a spelling holds; empty is everywhere.
SCOPE = ("source_system", "channel")


def name_means_one_campaign(rows: Rows) -> Iterator[Problem]:
    """Errors of names that are one name to the models, which compare without case and surplus blanks."""
    first: dict[tuple[str | None, ...], SeedRow] = {}
    for row in rows["campaign_names"]:
        name = row.get("delivered_name")
        if name is None:
            continue
        earlier = first.setdefault((compared(name), *(row.get(column) for column in SCOPE)), row)
        # the very same text is reported as a key that is twice in the file
        if earlier is not row and earlier.get("delivered_name") != name:
            yield row.problem(
                f"delivered_name = {name} is {earlier.get('delivered_name')} of line {earlier.line}: upper and lower "
                "case and blanks make no difference. Keep one of the two."
            )


def campaign_is_no_spelling(rows: Rows) -> Iterator[Problem]:
    """Errors of campaigns that another row takes for a spelling: names are looked up once, and no further."""
    by_spelling: dict[str, list[SeedRow]] = defaultdict(list)
    for row in rows["campaign_names"]:
        by_spelling[compared(row.get("delivered_name") or "")].append(row)
    for row in rows["campaign_names"]:
        campaign = row.get("campaign")
        if campaign is None or compared(campaign) == compared(row.get("delivered_name") or ""):
            # of one spelling in two places the narrower row counts
            continue
        for other in by_spelling[compared(campaign)]:
            if _may_meet(row, other) and other.get("campaign") not in (None, campaign):
                yield row.problem(
                    f"campaign = {campaign}: line {other.line} says that {other.get('delivered_name')} means "
                    f"{other.get('campaign')}, and a name is looked up once. Write {other.get('campaign')} here, or "
                    "remove that line."
                )
                break


def _may_meet(row: SeedRow, other: SeedRow) -> bool:
    """Whether there is a place in which both rows hold."""
    return all(None in (row.get(name), other.get(name)) or row.get(name) == other.get(name) for name in SCOPE)
