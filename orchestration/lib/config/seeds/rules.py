"""What must hold between the values of a row, between rows and between seeds. Each rule is a function that yields what
is wrong; a value that is wrong by itself, or missing, is reported where rows are read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.config.faults import suggestion
from orchestration.lib.config.personal import may_name_a_person
from orchestration.lib.config.seeds.attribution import (
    calibrated_rule_is_based_on_a_plain_one,
    calibration_has_an_interval,
    direct_touch_is_a_visit,
    named_properties_can_be_looked_up,
    one_rule_is_the_default,
    parameters_are_of_the_method,
    refund_names_its_conversion,
    type_is_for_new_customers_or_not,
    weights_sum_to_one,
)
from orchestration.lib.config.seeds.channel_rules import patterns_that_cannot_be_read, wrong_conditions
from orchestration.lib.config.seeds.definitions import SeedDefinition, is_day
from orchestration.lib.config.seeds.money import (
    campaign_is_no_spelling,
    cost_is_of_something,
    name_means_one_campaign,
    one_price_holds_on_a_day,
)
from orchestration.lib.config.seeds.problems import Problem
from orchestration.lib.config.seeds.rows import Rows, SeedRow
from orchestration.lib.config.seeds.topics import language_is_a_code, stems_can_begin_a_word, topic_can_be_listed
from orchestration.lib.config.seeds.validity import days_shown, versions_in_time
from orchestration.lib.core.settings import CONTROL_CHARACTER, MAIL_ADDRESS, PROJECT_ROOT, read_settings

HASH = re.compile(r"[0-9a-f]{32}")
OCCURRENCE = re.compile(r"[1-9][0-9]{0,8}\+?")
OUTCOMES = ("completed", "fell_out", "fell_through", "pending", "regressed")
# Of what is no interval.
OUTCOMES_OF = {"churn": ("churned", "stayed"), "invitations": ("answered", "unanswered")}
# The columns of measures.csv that say what is counted.
MEASURE_FILTERS = (
    "event_name", "source_system", "channel", "touchpoint", "feedback_kind", "journey_id", "phase_id", "level",
    "occurrence", "churn_rule_id",
)  # fmt: skip
# Those that are of conversions and credits alone.
FILTERS_OF_CONVERSIONS = ("conversion_type", "is_paid_only")
# What a measure of each subject may add up, and by what it may be narrowed.
MEASURE_VALUES = {
    "events": ("amount", "feedback_share", "nps_points", "top_two_boxes"),
    "intervals": ("dwell_seconds",),
    "spend": ("spend", "impressions", "clicks"),
    "costs": ("service_cost",),
    "churn": (),
    "invitations": (),
    "conversions": ("gross_value", "net_value"),
    "credits": ("credited_conversions", "gross_value", "net_value"),
}
# Others than events and intervals have few columns.
FILTERS_OF_SUBJECT = {
    "spend": ("source_system", "channel"),
    "costs": ("event_name", "source_system", "channel", "touchpoint", "journey_id", "phase_id"),
    "churn": ("churn_rule_id", "channel", "outcome"),
    "invitations": ("feedback_kind", "touchpoint", "outcome"),
    "conversions": ("channel", "conversion_type"),
    "credits": ("channel", "conversion_type", "is_paid_only"),
}
# What a segment may look at, and the kind of value it is compared with.
SEGMENT_ATTRIBUTES = {
    "is_anonymous": "truth",
    "event_count": "number",
    "first_seen_at": "day",
    "last_seen_at": "day",
    "birth_date": "day",
    "city": "text",
    "postcode": "text",
    "country": "text",
    "record_source": "text",
}
SEGMENT_COMPARISONS = {
    "truth": ("equals", "not_equals"),
    "number": ("equals", "not_equals", "at_least", "below"),
    "day": ("equals", "not_equals", "at_least", "below"),
    "text": ("equals", "not_equals", "one_of", "at_least", "below"),
}
# Figures have these names where they are not broken down, and where a name is missing.
RESERVED_NAMES = ("all", "(none)")


def check_references(definitions: Iterable[SeedDefinition], rows: Rows) -> Iterator[Problem]:
    """Errors of values that the seed they refer to does not have."""
    for definition in definitions:
        for column in definition.columns:
            if column.meta.references is None:
                continue
            seed, name = column.meta.references.split(".")
            known = {row.values[name] for row in rows[seed] if name in row.values}
            for row in rows[definition.name]:
                value = row.get(column.name)
                if value is not None and value not in known:
                    yield row.problem(
                        f"{column.name} = {value} is not in {seed}.csv.{suggestion(value, known)} Add it there or "
                        "correct it here."
                    )


def check_rules(rows: Rows) -> Iterator[Problem]:
    """Errors of all rules below."""
    for rule in RULES:
        yield from rule(rows)
    for seed, rules in RULES_OF_ROWS.items():
        for row in rows[seed]:
            yield from (row.problem(message) for rule in rules for message in rule(row))


def _version(row: SeedRow) -> tuple[str | None, str | None]:
    return row.get("journey_id"), row.get("journey_version")


def _unknown(row: SeedRow, kind: str, value: str | None, seed: str) -> Problem:
    return row.problem(f"{kind} {value} is not in {seed}.csv. Add it there or correct it here.")


# --- journeys


def version_has_phases(rows: Rows) -> Iterator[Problem]:
    with_phases = {_version(row) for row in rows["phases"]}
    for row in rows["journeys"]:
        if _version(row) not in with_phases:
            yield row.problem(
                f"version {row.get('journey_version')} of journey {row.get('journey_id')} has no phase. Add its phases "
                "to phases.csv."
            )


def version_is_valid_on_some_day(rows: Rows) -> Iterator[Problem]:
    for versions in versions_in_time(rows["journeys"]).values():
        for version in versions:
            if version.valid_to <= version.valid_from:
                yield version.row.problem(
                    f"{version} is valid on no day: valid_to {version.valid_to} is not after valid_from "
                    f"{version.valid_from}. valid_to is the first day on which none may begin any more: set a later "
                    "one, or leave it empty."
                )


def one_version_is_valid_on_a_day(rows: Rows) -> Iterator[Problem]:
    for versions in versions_in_time(rows["journeys"]).values():
        valid = [version for version in versions if version.valid_from < version.valid_to]
        for earlier, later in itertools.combinations(valid, 2):
            if later.valid_from < earlier.valid_to:
                last = min(earlier.valid_to, later.valid_to)
                yield later.row.problem(
                    f"{later} and version {earlier.row.get('journey_version')} in line {earlier.row.line} are both "
                    f"valid {days_shown(later.valid_from, last)}. One version may be valid on a day: let valid_to of "
                    "the earlier be valid_from of the later."
                )


def phase_is_of_a_version(rows: Rows) -> Iterator[Problem]:
    journeys = {_version(row) for row in rows["journeys"]}
    for row in rows["phases"]:
        if _version(row) not in journeys:
            yield _unknown(row, "journey", " version ".join(str(part) for part in _version(row)), "journeys")


def phase_has_its_own_place(rows: Rows) -> Iterator[Problem]:
    first: dict[tuple[str | None, ...], SeedRow] = {}
    for row in rows["phases"]:
        earlier = first.setdefault((*_version(row), row.get("phase_order")), row)
        if earlier is not row:
            yield row.problem(
                f"phase_order {row.get('phase_order')} of journey {row.get('journey_id')} is taken by line "
                f"{earlier.line}. Give each phase its own place."
            )


def case_key_is_of_the_journey(rows: Rows) -> Iterator[Problem]:
    first: dict[str | None, SeedRow] = {}
    for row in rows["journeys"]:
        earlier = first.setdefault(row.get("journey_id"), row)
        if earlier.get("case_key") != row.get("case_key"):
            yield row.problem(
                f"case_key of journey {row.get('journey_id')} is {row.get('case_key') or 'empty'} here and "
                f"{earlier.get('case_key') or 'empty'} in line {earlier.line}. A case is one over all versions: write "
                "the same in both."
            )
    for row in rows["critical_events"]:
        journey = first.get(row.get("journey_id"))
        if row.get("case_property") and journey is not None and not journey.get("case_key"):
            yield row.problem(
                f"case_property = {row.get('case_property')}, and journey {row.get('journey_id')} has no cases. Name "
                "what a case is in case_key of journeys.csv, or leave this empty."
            )


def critical_event_is_of_a_phase(rows: Rows) -> Iterator[Problem]:
    journeys = {_version(row) for row in rows["journeys"]}
    phases = {(*_version(row), row.get("phase_id")) for row in rows["phases"]}
    for row in rows["critical_events"]:
        if _version(row) not in journeys:
            yield _unknown(row, "journey", row.get("journey_id"), "journeys")
        elif (*_version(row), row.get("phase_id")) not in phases:
            yield _unknown(row, "phase", row.get("phase_id"), "phases")


def property_has_name_and_value(row: SeedRow) -> Iterator[str]:
    if (row.get("property_name") is None) != (row.get("property_value") is None):
        yield "property_name and property_value go together. Fill in both, or none."


def property_can_be_looked_up(row: SeedRow) -> Iterator[str]:
    column = "property_key" if row.get("property_key") else "property_name"
    name = row.get(column) or ""
    if set(name) & {'"', "\\"}:
        yield (
            f"{column} = {name}: a name with a quotation mark or a backslash can't be looked up. Rename the "
            "property where it is made."
        )


def occurrence_is_of_events(row: SeedRow) -> Iterator[str]:
    if row.get("occurrence") and row.get("subject") == "intervals":
        yield f"occurrence = {row.get('occurrence')}: events are numbered, intervals are not. Leave it empty."


def occurrence_is_a_number(row: SeedRow) -> Iterator[str]:
    asked = row.get("occurrence")
    if asked is not None and not OCCURRENCE.fullmatch(asked):
        yield (
            f"occurrence = {asked}: expected a whole number from 1, such as 2 for the second, or 2+ for the second and "
            "every later one. Correct it, or leave it empty for every one."
        )


# --- people


def decision_is_on_two_of_a_kind(rows: Rows) -> Iterator[Problem]:
    kind_of = {row.get("identifier_type"): row.get("kind") for row in rows["identifier_types"]}
    for row in rows["identity_decisions"]:
        types = [row.get("type_a"), row.get("type_b")]
        kinds = [kind_of.get(name) for name in types]
        if None not in kinds and kinds[0] != kinds[1]:
            yield row.problem(
                f"{types[0]} identifies a {kinds[0]} and {types[1]} a {kinds[1]}. Decide on two identifiers of people, "
                "or on two of devices."
            )


def compared_type_is_of_people(row: SeedRow) -> Iterator[str]:
    if row.get("is_compared") != "true":
        return
    name = row.get("identifier_type") or ""
    if row.get("kind") == "device":
        yield f"{name} is_compared = true, and it identifies a device: people records alone are compared. Set false."
    elif name in ("email", "phone"):
        yield f"{name} is_compared = true: matching.toml compares it in any case. Leave it empty."
    elif name == "record":
        yield "record is_compared = true: the key of a record says nothing of its person. Leave it empty."
    elif not re.fullmatch("[a-z][a-z0-9_]*", name):
        yield (
            f"{name} is_compared = true: a compared type needs a name of lower-case letters, digits and underscores. "
            "Rename it where rows name it, or set false."
        )


def _ends(row: SeedRow) -> list[tuple[str | None, str | None]]:
    return [(row.get(f"type_{end}"), row.get(f"identifier_{end}")) for end in "ab"]


def decision_is_on_two(row: SeedRow) -> Iterator[str]:
    one, other = _ends(row)
    if one == other:
        yield "both identifiers are the same. Name two."


def decision_writes_hashes_whole(row: SeedRow) -> Iterator[str]:
    for _, identifier in _ends(row):
        if identifier and identifier.startswith("hash:") and not HASH.fullmatch(identifier.removeprefix("hash:")):
            yield (
                f"{identifier}: after hash: come the 32 hexadecimal digits of an identifier_hash. Copy it from the "
                "mart, or write the identifier itself."
            )


def decision_is_made_once(rows: Rows) -> Iterator[Problem]:
    first: dict[tuple, SeedRow] = {}
    for row in rows["identity_decisions"]:
        ends = _ends(row)
        earlier = first.setdefault((row.get("decision"), frozenset(ends)), row)
        # the same way round, it is reported as a key that is twice in the file
        if earlier is not row and ends != _ends(earlier):
            yield row.problem(f"line {earlier.line} says the same the other way round. Keep one of the two.")


# --- KPIs


def measure_or_kpi_is_of_a_journey(rows: Rows) -> Iterator[Problem]:
    journeys = {row.get("journey_id") for row in rows["journeys"]}
    phases = {(row.get("journey_id"), row.get("phase_id")) for row in rows["phases"]}
    for row in (*rows["measures"], *rows["kpis"]):
        journey_id, phase_id = row.get("journey_id"), row.get("phase_id")
        if journey_id is not None and journey_id not in journeys:
            yield _unknown(row, "journey", journey_id, "journeys")
        elif phase_id is not None and (journey_id, phase_id) not in phases:
            yield _unknown(row, "phase", phase_id, "phases")


def sum_has_a_value(row: SeedRow) -> Iterator[str]:
    if row.get("aggregation") == "sum" and row.get("value_column") is None:
        yield "a sum needs a value_column. Name what it adds up."


def value_is_of_the_subject(row: SeedRow) -> Iterator[str]:
    """A sum of what its rows do not have would be 0 on every day."""
    subject, value = row.get("subject"), row.get("value_column")
    accepted = MEASURE_VALUES.get(subject or "")
    if accepted is not None and value is not None and "value_column" not in row.wrong and value not in accepted:
        instead = f"Write {' or '.join(accepted)}" if accepted else "Leave it empty"
        yield f"value_column = {value}: {subject} have none. {instead}, or set another subject."


def measure_is_narrowed_by_what_it_has(row: SeedRow) -> Iterator[str]:
    subject = row.get("subject") or ""
    accepted = FILTERS_OF_SUBJECT.get(subject)
    if accepted is None:
        return
    for column in (*MEASURE_FILTERS, "outcome", *FILTERS_OF_CONVERSIONS):
        if column not in accepted and row.get(column) is not None:
            yield f"{column} = {row.get(column)}: {subject} can't be narrowed by it. Leave it empty."
    if subject in ("spend", "credits") and row.get("aggregation") not in (None, "sum"):
        what = "rows of spend" if subject == "spend" else "shares of conversions"
        yield f"aggregation = {row.get('aggregation')}: {what} are added up. Set sum and a value_column."
    if subject == "conversions" and row.get("value_column") and row.get("aggregation") not in (None, "sum"):
        yield f"value_column = {row.get('value_column')}: only a sum has one of conversions. Set sum, or empty it."
    if subject in ("churn", "invitations") and row.get("aggregation") == "sum":
        yield f"aggregation = sum: {subject} have nothing to add up. Set count."
    if subject == "invitations" and row.get("aggregation") == "distinct_customers":
        yield "aggregation = distinct_customers: an invitation may go to nobody who is known. Set count."
    if row.get("phase_id") is not None and row.get("journey_id") is None:
        yield f"phase_id = {row.get('phase_id')}: of which journey? Fill in journey_id."


def churn_has_a_rule(row: SeedRow) -> Iterator[str]:
    rule, subject = row.get("churn_rule_id"), row.get("subject")
    if subject == "churn" and rule is None:
        yield "a measure of churn needs a churn_rule_id. Name the rule of churn_rules.csv that decides it."
    elif subject in ("events", "intervals") and rule is not None:
        yield f"churn_rule_id = {rule}: {subject} are no churn. Leave it empty, or set subject = churn."


def measure_of_conversions_has_a_type(row: SeedRow) -> Iterator[str]:
    """One order is of several types: without one it would be counted with each."""
    subject = row.get("subject")
    if subject in ("conversions", "credits"):
        if row.get("conversion_type") is None:
            yield f"a measure of {subject} needs a conversion_type. Name one of conversion_types.csv."
    elif subject in ("events", "intervals"):
        for column in FILTERS_OF_CONVERSIONS:
            if row.get(column) is not None:
                yield (
                    f"{column} = {row.get(column)}: {subject} can't be narrowed by it. Leave it empty, or set subject "
                    "= conversions or credits."
                )


def measure_of_intervals_has_a_journey(row: SeedRow) -> Iterator[str]:
    if row.get("subject") == "intervals" and row.get("journey_id") is None:
        yield "a measure of intervals needs a journey_id. Name the journey."


def measure_of_events_has_no_level(row: SeedRow) -> Iterator[str]:
    level = row.get("level")
    if row.get("subject") == "events" and level is not None:
        yield f"level = {level}: journeys have a level, events have none. Leave it empty or count intervals."


def outcomes_are_known(row: SeedRow) -> Iterator[str]:
    for outcome in (row.get("outcome") or "").split("|"):
        known = OUTCOMES_OF.get(row.get("subject") or "", OUTCOMES)
        if outcome and outcome not in known:
            yield f"outcome {outcome}: expected {', '.join(known)}, joined by |."


def share_is_of_a_whole(rows: Rows) -> Iterator[Problem]:
    """The numerator of a share is a part of its denominator, or the share could exceed 1."""
    measures = {row.get("measure_id"): row for row in rows["measures"]}
    for row in rows["kpis"]:
        part, whole = (measures.get(row.get(f"{name}_measure_id")) for name in ("numerator", "denominator"))
        if row.get("unit") != "share" or part is None:
            continue
        if whole is None:
            yield row.problem(
                f"{row.get('kpi_id')} is a share without a denominator_measure_id. Name what it is a share of, or set "
                "another unit."
            )
        elif (reason := _no_part(part, whole)) is not None:
            yield row.problem(
                f"{row.get('kpi_id')} is a share, but {part.get('measure_id')} is no part of {whole.get('measure_id')} "
                f"({reason}), so it may exceed 1. Set unit = ratio, or let the one count a part of what the other "
                "counts."
            )


def share_of_decided_ones_has_a_window(rows: Rows) -> Iterator[Problem]:
    """Where nobody falls out, nothing is decided against, and a share of decided ones is 1 whatever happens."""
    measures = {row.get("measure_id"): row for row in rows["measures"]}
    for row in rows["kpis"]:
        whole = measures.get(row.get("denominator_measure_id"))
        if row.get("unit") != "share" or whole is None or whole.get("is_pending_included") != "false":
            continue
        for phase in rows["phases"]:
            is_counted = phase.get("journey_id") == whole.get("journey_id") and whole.get("phase_id") in (
                None,
                phase.get("phase_id"),
            )
            if is_counted and phase.get("window_days") is None:
                yield row.problem(
                    f"{row.get('kpi_id')} is a share of {whole.get('measure_id')}, which leaves out open intervals, "
                    f"and nothing is decided against in phase {phase.get('phase_id')} (phases.csv line {phase.line}): "
                    "it has no window_days. Set one, name a phase that has one, or count open intervals as well."
                )


def _no_part(part: SeedRow, whole: SeedRow) -> str | None:
    """Why what one measure counts is not all among what another counts, None where it is."""
    for column in ("subject", *MEASURE_FILTERS, *FILTERS_OF_CONVERSIONS):
        wanted = whole.get(column)
        if wanted is not None and part.get(column) != wanted:
            return f"only the latter asks for {column} = {wanted}"
    outcomes = OUTCOMES_OF.get(whole.get("subject") or "", OUTCOMES)
    ended = {outcome for outcome in outcomes if outcome != "pending" or whole.get("is_pending_included") != "false"}
    counted = set((part.get("outcome") or "|".join(outcomes)).split("|"))
    if part.get("is_pending_included") == "false":
        counted.discard("pending")
    if not counted <= ended & set((whole.get("outcome") or "|".join(outcomes)).split("|")):
        return "the latter leaves out some of its outcomes"
    how = part.get("aggregation"), whole.get("aggregation")
    if how == ("sum", "count"):
        if part.get("value_column") != "feedback_share":
            return f"{part.get('value_column')} is not a number from 0 to 1"
    elif how[0] != how[1] or how[0] == "sum":
        return f"a {how[0]} is no part of a {how[1]}"
    # a satisfied answer has a score
    is_scored = (part.get("value_column"), whole.get("value_column")) == ("top_two_boxes", "feedback_share")
    if not is_scored and whole.get("value_column") not in (None, part.get("value_column")):
        return f"only the latter asks for a value in {whole.get('value_column')}"
    return None


def one_is_accountable_for_a_kpi(rows: Rows) -> Iterator[Problem]:
    for row in rows["kpis"]:
        kpi_id = row.get("kpi_id")
        accountable = [
            role for role in rows["kpi_roles"] if role.get("kpi_id") == kpi_id and role.get("role") == "accountable"
        ]
        if not accountable:
            yield row.problem(f"nobody is accountable for {kpi_id}. Add one row to kpi_roles.csv.")
        elif len(accountable) > 1:
            yield accountable[1].problem(
                f"{kpi_id} has {len(accountable)} accountable persons (line {accountable[0].line} names one). Exactly "
                "one is accountable for a KPI: make the others responsible or consulted."
            )


def person_can_be_written_to(row: SeedRow) -> Iterator[str]:
    for column in ("person", "email"):
        value = row.get(column) or ""
        if (found := CONTROL_CHARACTER.search(value)) is not None:
            shown = CONTROL_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", value)
            yield (
                f"{column} = {shown}: holds the control character U+{ord(found.group()):04X} at place "
                f"{found.start() + 1}, which no mail header may contain. Type it again without it."
            )
        elif column == "email" and value and not MAIL_ADDRESS.fullmatch(value):
            yield f"email = {value}: expected one address such as ann@example.com. Correct it or leave it empty."


def bounds_of_a_target_are_in_order(rows: Rows) -> Iterator[Problem]:
    directions = {row.get("kpi_id"): row.get("direction") for row in rows["kpis"]}
    names = ("target", "amber_bound", "red_bound")
    for row in rows["kpi_targets"]:
        if row.wrong.keys() & names:
            continue
        numbers = [row.typed[name] for name in names if name in row.typed]
        falling = directions.get(row.get("kpi_id")) == "up"
        if numbers != sorted(numbers, reverse=falling):
            order = (
                "target, amber_bound, red_bound must not rise" if falling else "must not fall from target to red_bound"
            )
            yield row.problem(f"the bounds of {row.get('kpi_id')} are out of order: {order}.")


def _dated(targets: Iterable[SeedRow]) -> Iterator[tuple[date, date, SeedRow]]:
    for row in targets:
        if "valid_from" in row.typed and "valid_to" not in row.wrong:
            yield row.typed["valid_from"], row.typed.get("valid_to", date.max), row


def target_ends_after_it_begins(rows: Rows) -> Iterator[Problem]:
    for begins, ends, row in _dated(rows["kpi_targets"]):
        if ends <= begins:
            yield row.problem(
                f"valid_to = {ends}: the target of {row.get('kpi_id')} ends before its first day {begins}. valid_to is "
                "the first day on which it holds no more."
            )


def one_target_holds_on_a_day(rows: Rows) -> Iterator[Problem]:
    targets: dict[str | None, list[tuple[date, date, SeedRow]]] = {}
    for begins, ends, row in _dated(rows["kpi_targets"]):
        if begins < ends:
            targets.setdefault(row.get("kpi_id"), []).append((begins, ends, row))
    for kpi_id, dated in targets.items():
        by_day = sorted(dated, key=lambda target: (target[0], target[2].line))
        for (first, ends, earlier), (begins, _, later) in itertools.pairwise(by_day):
            # two rows of one first day are reported as one key that is twice in the file
            if first < begins < ends:
                yield later.problem(
                    f"on {begins} the target of {kpi_id} in line {earlier.line} still holds. Let that one end: "
                    f"valid_to = {begins}."
                )


# --- channels and segments


def channel_has_a_free_name(row: SeedRow) -> Iterator[str]:
    if (channel := row.get("channel")) in RESERVED_NAMES:
        yield f"channel = {channel}: totals, or figures without a channel, have this name. Choose another one."


def pattern_can_be_read(rows: Rows) -> Iterator[Problem]:
    for row, message in patterns_that_cannot_be_read(rows["channel_rules"]):
        yield row.problem(message)


def segment_has_a_free_name(row: SeedRow) -> Iterator[str]:
    segment = row.get("segment")
    if segment is not None and segment.lower() in RESERVED_NAMES:
        yield f"segment = {segment}: totals have this name. Choose another one."


def segment_has_one_name(rows: Rows) -> Iterator[Problem]:
    named: dict[str | None, SeedRow] = {}
    for row in rows["segments"]:
        if row.get("segment_name") is not None:
            earlier = named.setdefault(row.get("segment"), row)
            if earlier.get("segment_name") != row.get("segment_name"):
                yield row.problem(
                    f"segment {row.get('segment')} has another segment_name in line {earlier.line}. Give it one name."
                )


def segment_is_published_or_not(rows: Rows) -> Iterator[Problem]:
    said: dict[str | None, SeedRow] = {}
    for row in rows["segments"]:
        if "is_published" in row.typed:
            earlier = said.setdefault(row.get("segment"), row)
            if earlier.typed["is_published"] != row.typed["is_published"]:
                yield row.problem(
                    f"is_published of segment {row.get('segment')} is {earlier.get('is_published')} in line "
                    f"{earlier.line} and {row.get('is_published')} here. Say it once."
                )


def segment_compares_like_with_like(row: SeedRow) -> Iterator[str]:
    attribute, comparison, value = (row.get(name) for name in ("attribute", "comparison", "value"))
    kind = SEGMENT_ATTRIBUTES.get(attribute or "")
    if row.get("event_name") and attribute != "event_count":
        yield f"event_name = {row.get('event_name')}: only event_count counts events of a name. Leave it empty."
    if kind is None or value is None or comparison is None or "comparison" in row.wrong:
        return
    accepted = SEGMENT_COMPARISONS[kind]
    if comparison not in accepted:
        yield f"comparison = {comparison}: {attribute} is a {kind}. Compare it by {', '.join(accepted)}."
    elif (wrong := _wrong_segment_value(kind, comparison, value)) is not None:
        yield f"value = {value}: {attribute} is a {kind}, {wrong}"


def _wrong_segment_value(kind: str, comparison: str, value: str) -> str | None:
    if kind == "truth":
        return None if value.lower() in ("true", "false") else "expected true or false."
    if kind == "number":
        return None if re.fullmatch(r"-?\d{1,18}", value) else "expected a whole number such as 10."
    if kind == "day":
        return None if is_day(value) else "expected a day such as 2026-01-31."
    parts = value.split("|") if comparison == "one_of" else [value]
    if any(not part or part != part.strip() for part in parts):
        return "expected texts joined by | without blanks around it, such as NL|BE."
    return None


def property_names_no_person(row: SeedRow) -> Iterator[str]:
    key = row.get("property_key")
    # of camelCase too
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key or "").lower()
    if key is not None and (words in ("name", "key", "id") or may_name_a_person(words)):
        yield (
            f"{key} sounds as if it named a person, and what is published can be read by all. Leave it out; a value "
            "that names nobody needs another key."
        )


# --- deliveries


def limit_is_of_what_it_names(row: SeedRow) -> Iterator[str]:
    if row.get("table_name") and not row.get("source_name"):
        yield f"table_name = {row.get('table_name')}: its source is missing. Fill in source_name."
    if row.get("column_name") and not row.get("table_name"):
        yield f"column_name = {row.get('column_name')}: its table is missing. Fill in table_name."
    if row.get("ends_on") and (row.get("metric") or row.get("column_name")):
        yield f"ends_on = {row.get('ends_on')}: a source or table ends, no metric or column. Leave these empty."
    if row.get("ends_on") and not row.get("source_name"):
        yield f"ends_on = {row.get('ends_on')}: of which source? Fill in source_name."


def limit_is_of_a_landed_table(rows: Rows) -> Iterator[Problem]:
    limits = rows["delivery_limits"]
    contracts = read_contracts(PROJECT_ROOT / "models", read_settings().sources) if limits else ()
    sources = {contract.source for contract in contracts}
    for row in limits:
        source, table, column = (row.get(name) for name in ("source_name", "table_name", "column_name"))
        if source is None:
            continue
        tables = {contract.table: contract for contract in contracts if contract.source == source}
        if source not in sources:
            yield row.problem(f"source_name = {source}: no source has this name.{suggestion(source, sources)}")
        elif table is not None and table not in tables:
            yield row.problem(f"table_name = {table}: {source} has no such table.{suggestion(table, tables)}")
        elif table is not None and column is not None:
            columns = [one.name for one in tables[table].columns]
            if column not in columns:
                yield row.problem(
                    f"column_name = {column}: {source}.{table} has no such column.{suggestion(column, columns)}"
                )


RULES: tuple[Callable[[Rows], Iterator[Problem]], ...] = (
    version_has_phases,
    version_is_valid_on_some_day,
    one_version_is_valid_on_a_day,
    phase_is_of_a_version,
    phase_has_its_own_place,
    case_key_is_of_the_journey,
    critical_event_is_of_a_phase,
    decision_is_on_two_of_a_kind,
    decision_is_made_once,
    measure_or_kpi_is_of_a_journey,
    share_is_of_a_whole,
    share_of_decided_ones_has_a_window,
    one_is_accountable_for_a_kpi,
    bounds_of_a_target_are_in_order,
    target_ends_after_it_begins,
    one_target_holds_on_a_day,
    pattern_can_be_read,
    segment_has_one_name,
    segment_is_published_or_not,
    limit_is_of_a_landed_table,
    name_means_one_campaign,
    campaign_is_no_spelling,
    one_price_holds_on_a_day,
    type_is_for_new_customers_or_not,
    one_rule_is_the_default,
    calibrated_rule_is_based_on_a_plain_one,
)
RULES_OF_ROWS: Mapping[str, tuple[Callable[[SeedRow], Iterator[str]], ...]] = {
    "critical_events": (property_has_name_and_value, property_can_be_looked_up, occurrence_is_a_number),
    "identifier_types": (compared_type_is_of_people,),
    "identity_decisions": (decision_is_on_two, decision_writes_hashes_whole),
    "measures": (
        sum_has_a_value,
        value_is_of_the_subject,
        measure_is_narrowed_by_what_it_has,
        churn_has_a_rule,
        measure_of_conversions_has_a_type,
        measure_of_intervals_has_a_journey,
        measure_of_events_has_no_level,
        occurrence_is_a_number,
        occurrence_is_of_events,
        outcomes_are_known,
    ),
    "kpi_roles": (person_can_be_written_to,),
    "delivery_limits": (limit_is_of_what_it_names,),
    "campaign_names": (channel_has_a_free_name,),
    "channels": (channel_has_a_free_name,),
    "channel_rules": (channel_has_a_free_name, wrong_conditions),
    "public_properties": (property_names_no_person, property_can_be_looked_up),
    "unit_costs": (cost_is_of_something,),
    "feedback_topics": (topic_can_be_listed, language_is_a_code, stems_can_begin_a_word),
    "segments": (segment_has_a_free_name, segment_compares_like_with_like),
    "conversion_types": (
        property_has_name_and_value,
        property_can_be_looked_up,
        named_properties_can_be_looked_up,
        refund_names_its_conversion,
    ),
    "touch_rules": (
        property_has_name_and_value,
        property_can_be_looked_up,
        named_properties_can_be_looked_up,
        direct_touch_is_a_visit,
    ),
    "attribution_rules": (parameters_are_of_the_method, weights_sum_to_one),
    "channel_calibrations": (calibration_has_an_interval,),
}
