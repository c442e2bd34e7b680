"""What customers and employees say: at which step, which of it counts, and what follows by month."""

from __future__ import annotations

import json
import math
import random
import shutil
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib.core.connection import open_duckdb
from tests.conftest import Warehouse, differences, make_warehouse
from tests.oracles import voice
from tests.oracles.hashes import hash_of
from tests.oracles.voice import Asked, Happened, Said
from tests.scenarios.load import SEEDS

pytestmark = pytest.mark.xdist_group("voice")

AS_OF = datetime(2026, 4, 1)
BEGAN = datetime(2026, 1, 5)
TOUCHPOINTS = ("home", "product_page", "order_page", "newsletter", "help_desk", None)
# those that owe an answer, by the seed
ANSWERING = ("quote_form", "sign_in", "help_desk")
# those whose answers name a ticket, by the seed of this test
KINDS = {"help_desk": "ticket"}
BUILT = (
    "+fct_kpi_values_daily",
    "+agg_drivers",
    "+agg_pain_points",
    "+agg_voice",
    "+bridge_feedback_journeys",
    "+sentiment_quality",
    "+agg_topic_words",
    "+fct_steps",
    "+fct_events",
    "+bridge_customer_identifiers",
)
# of the surveys about the help desk, and of all
KPI_SEEDS = {
    "measures": (
        "measure_id,subject,aggregation,touchpoint,outcome\nsent,invitations,count,,\n"
        "answered,invitations,count,,answered\nsent_desk,invitations,count,help_desk,\n"
        "silent_desk,invitations,count,help_desk,unanswered\n"
    ),
    "kpis": (
        "kpi_id,kpi_name,kind,tier,direction,unit,period,numerator_measure_id,denominator_measure_id\n"
        "response,Response,feeling,primary,up,share,month,answered,sent\n"
        "silence,Silence,feeling,primary,down,share,month,silent_desk,sent_desk\n"
    ),
    "kpi_roles": "kpi_id,role,person,email\nresponse,accountable,Ann,\nsilence,accountable,Ann,\n",
}
Row = dict[str, Any]


@dataclass
class Told:
    """Rows of the extracts by table, and what the oracle makes of them."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    events: list[Happened] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    def event(self, name: str, customer: str, at: datetime, touchpoint: str | None, **more: Any) -> Happened:
        happened = Happened(
            name, customer, touchpoint, more.get("direction"), more.get("reference_id"), at, more.get("reference_kind")
        )
        self.events.append(happened)
        self._feed(name, customer, at, event_name=more.pop("event_name", "page_viewed"), touchpoint=touchpoint, **more)
        return happened

    def _feed(self, event_id: str, customer: str | None, at: datetime, **more: Any) -> None:
        self.rows["feed/events"].append(
            {
                "event_id": event_id,
                "occurred_at": f"{at.isoformat()}Z",
                "source_system": "web",
                "identifiers": json.dumps({"customer_number": customer}) if customer else None,
                **more,
            }
        )

    def invite(self, name: str, customer: str | None, at: datetime, kind: str = "nps", **more: Any) -> str:
        """An invitation of the survey tool."""
        is_employee = more.get("respondent_kind") == "employee"
        asked = Asked(
            f"surveys:invitation:{name}", None if is_employee else customer, kind, more.get("touchpoint"),
            more.get("reference"), at, more.get("bounced_at") is None, is_employee, more.get("department"),
            more.get("reference_kind"),
        )  # fmt: skip
        self.asked.append(asked)
        self.rows["surveys/invitations"].append(
            dict.fromkeys(("respondent_email", "touchpoint", "reference", "bounced_at"))
            | {"invitation_id": name, "survey_id": "s", "survey_type": kind, "customer_number": customer}
            | {"sent_at": f"{at.isoformat()}Z", "updated_at": f"{at.isoformat()}Z"}
            | more
        )
        return name

    def answer(
        self, name: str, customer: str | None, at: datetime, score: int | None, kind: str = "nps", **more: Any
    ) -> None:
        """An answer as the survey tool exports it."""
        is_employee = more.get("respondent_kind") == "employee"
        row = (
            dict.fromkeys(("comment", "respondent_email", "touchpoint", "reference", "sent_at", "scale_min"))
            | {"response_id": name, "survey_id": "s", "survey_type": kind, "score": score, "customer_number": customer}
            | {"scale_max": {"nps": 10, "csat": 5, "ces": 7}[kind], "responded_at": f"{at.isoformat()}Z"}
            | more
        )
        self.rows["surveys/responses"].append(row)
        invitation = row.get("invitation_id")
        self.said.append(
            Said(
                f"surveys:{name}",
                None if is_employee else customer,
                kind,
                at,
                row["touchpoint"],
                None if is_employee else row["reference"],
                invitation and f"surveys:invitation:{invitation}",
                score,
                row["scale_min"],
                row["scale_max"],
                row.get("score_direction"),
                row.get("is_complete"),
                is_employee=is_employee,
                department=row.get("department"),
                kind_of_record=row.get("reference_kind"),
            )
        )

    def feed_answer(self, name: str, customer: str | None, at: datetime, **more: Any) -> None:
        """An answer, or with outbound and no score an invitation, in the feed."""
        self._feed(name, customer, at, event_name="answered", **more)
        kind, is_employee = more.get("feedback_kind") or "text", more.get("respondent_kind") == "employee"
        customer = None if is_employee else customer
        if kind != "text" and more.get("direction") == "outbound" and more.get("feedback_score") is None:
            self.asked.append(
                Asked(
                    name,
                    customer,
                    kind,
                    more.get("touchpoint"),
                    more.get("reference_id"),
                    at,
                    is_employee=is_employee,
                    department=more.get("department"),
                    kind_of_record=more.get("reference_kind"),
                )
            )
            return
        own = None
        if kind == "text" and not is_employee:
            assert customer is not None
            own = Happened(name, customer, more.get("touchpoint"), more.get("direction"), None, at)
            self.events.append(own)
        self.said.append(
            Said(
                f"{name}:text" if own else name,
                customer,
                kind,
                at,
                more.get("touchpoint"),
                more.get("reference_id"),
                more.get("invitation_id"),
                more.get("feedback_score"),
                more.get("feedback_scale_min"),
                more.get("feedback_scale_max"),
                more.get("feedback_direction"),
                more.get("is_feedback_complete"),
                own,
                is_employee,
                more.get("department"),
                more.get("reference_kind"),
            )
        )

    def ticket(self, name: str, customer: str, at: datetime, rated_at: datetime | None, rating: int | None) -> None:
        """A ticket that is opened at a time and solved a day later, with a subject and maybe a rating."""
        solved = at + timedelta(days=1)
        self.rows["support/tickets"].append(
            dict.fromkeys(("requester_email", "order_id", "category", "priority", "assignee_group", "reopen_count"))
            | {"ticket_id": name, "intake": "email", "customer_number": customer, "status": "solved", "subject": "Help"}
            | {"created_at": f"{at.isoformat()}Z", "solved_at": f"{solved.isoformat()}Z", "first_response_at": None}
            | {"updated_at": f"{solved.isoformat()}Z", "rating": rating, "rating_scale_min": 1, "rating_scale_max": 5}
            | {"rated_at": rated_at and f"{rated_at.isoformat()}Z"}
        )
        opened, ended = (
            Happened(f"support:{name}:{moment}", customer, "support_ticket", direction, name, when, "ticket")
            for moment, direction, when in (("opened", "inbound", at), ("solved", "outbound", solved))
        )
        self.events += [opened, ended]
        self.said.append(Said(f"{opened.event_id}:text", customer, "text", at, own_event=opened))
        if rating is not None:
            when = max(rated_at or solved, solved)
            self.said.append(
                Said(f"{ended.event_id}:rating", customer, "rating", when, score=rating, least=1, greatest=5,
                     own_event=ended)
            )  # fmt: skip

    def call(self, name: str, at: datetime, turns: Sequence[tuple[str, str | None]], rating: int | None = None) -> None:
        """A call of somebody without a number, with what was said in it."""
        self.rows["support/calls"].append(
            dict.fromkeys(("ticket_id", "caller_number", "queue", "agent_id", "wait_seconds", "talk_seconds"))
            | {"call_id": name, "direction": "inbound", "is_abandoned": "false", "started_at": f"{at.isoformat()}Z"}
            | {"ended_at": None, "rating": rating, "rating_scale_min": 1, "rating_scale_max": 5, "rated_at": None}
        )
        self.rows["support/call_turns"] += [
            {"call_id": name, "turn_number": number, "speaker": speaker, "body": body}
            for number, (speaker, body) in enumerate(turns, start=1)
        ]
        called = Happened(f"support:{name}:called", f"caller of {name}", "support_call", "inbound", name, at, "call")
        self.events.append(called)
        if any(speaker == "customer" and (body or "").strip() for speaker, body in turns):
            self.said.append(Said(f"{called.event_id}:transcript", None, "text", at, own_event=called))
        if rating is not None:
            self.said.append(
                Said(f"{called.event_id}:rating", None, "rating", at, score=rating, least=1, greatest=5,
                     own_event=called)
            )  # fmt: skip

    @property
    def expected(self) -> dict[str, Row]:
        return voice.feedback(self.said, self.asked, self.events, ANSWERING, AS_OF, KINDS)


def known_answers(told: Told) -> None:
    """Surveys whose intervals are in print, each in a month and at a touchpoint of its own."""
    number = 0

    def answers(scores: Iterable[int], at: datetime, kind: str, **more: Any) -> None:
        nonlocal number
        for score in scores:
            number += 1
            told.answer(f"known-{number}", str(500_000 + number), at, score, kind, **more)

    answers([9] * 50 + [7] * 30 + [3] * 20, datetime(2025, 10, 8), "nps", touchpoint="till")
    answers([10] * 7 + [8] * 2 + [0], datetime(2025, 11, 8), "nps", touchpoint="till")
    answers([10] * 5, datetime(2025, 12, 8), "nps", touchpoint="till")
    answers([5] * 4 + [4] * 4 + [3] * 2, datetime(2025, 10, 8), "csat", touchpoint="till")
    answers([1] * 10, datetime(2025, 11, 8), "csat", touchpoint="till")
    # every answer alike
    answers([4] * 6, datetime(2025, 10, 8), "ces", touchpoint="till")
    answers([7] * 10, datetime(2025, 11, 8), "ces", touchpoint="till")
    answers([2, 3, 4, 5, 6] * 2, datetime(2025, 12, 8), "ces", touchpoint="till")
    # one of three touchpoints is small, and would follow from the total and the two others
    answers([5] * 8, datetime(2025, 9, 8), "csat", touchpoint="till")
    answers([5] * 6, datetime(2025, 9, 8), "csat", touchpoint="counter")
    answers([1] * 2, datetime(2025, 9, 8), "csat", touchpoint="kiosk")


def bad_input(told: Told) -> None:
    """One answer of each kind that a survey should not give."""
    at = datetime(2026, 3, 10, 12)
    ann, bob = "700001", "700002"
    told.event("ann-order", ann, at - timedelta(days=3), "order_page", reference_id="O-ann", event_name="order_placed")
    told.event("bob-order", bob, at - timedelta(days=3), "order_page", reference_id="O-bob", event_name="order_placed")
    told.answer("outside", ann, at, 11, "nps")
    told.answer("no-width", ann, at, 5, "csat", scale_min=5, scale_max=5)
    told.answer("zero", ann, at, 0, "nps", scale_max=0)
    told.answer("nps-of-five", ann, at, 5, "nps", scale_max=5)
    told.answer("partial", ann, at, None, "csat", is_complete=False)
    told.answer("given-up", ann, at, 4, "csat", is_complete=False)
    told.answer("early", ann, at, 9, "nps", invitation_id=told.invite("sent-later", ann, at + timedelta(hours=2)))
    twice = told.invite("twice", ann, at, "csat", touchpoint="order_page")
    told.answer("twice-1", ann, at + timedelta(hours=1), 1, "csat", invitation_id=twice)
    told.answer("twice-2", ann, at + timedelta(hours=2), 5, "csat", invitation_id=twice)
    told.answer("twice-3", ann, at + timedelta(hours=3), None, "csat", invitation_id=twice, is_complete=False)
    told.answer("no-invitation", ann, at, 9, "nps", invitation_id="never-landed")
    told.answer("anonymous", None, at, 2, "csat", reference="O-bob")
    told.answer("of-bob", ann, at, 2, "csat", reference="O-bob")
    told.answer("of-ann", ann, at, 4, "csat", reference="O-ann")
    told.answer("down", ann, at, 1, "ces", score_direction="down", touchpoint="help_desk")
    told.answer("two-points", ann, at, 0, "csat", scale_min=0, scale_max=1, touchpoint="help_desk")
    told.answer("future", ann, AS_OF + timedelta(hours=1), 9, "nps")
    for number, text in enumerate(
        (
            "x" * 1_000_000,
            "配達が遅い",
            "😡" * 3,
            "<script>alert(1)</script>",
            '=HYPERLINK("http://example.org")',
            "   ",
        )
    ):
        told.answer(f"text-{number}", ann, at, 3, "csat", comment=text, touchpoint="help_desk")
    told.feed_answer(
        "boundless", ann, at, feedback_kind="csat", feedback_score=1e308, feedback_scale_min=-1e308,
        feedback_scale_max=1e308, touchpoint="help_desk",
    )  # fmt: skip
    # what an event carries has its id with a suffix, and another event has that very id
    told.feed_answer("alike", ann, at, feedback_text="words", direction="inbound", touchpoint="help_desk")
    told.feed_answer(
        "alike:text", ann, at, feedback_kind="csat", feedback_score=5, feedback_scale_max=5, touchpoint="help_desk"
    )
    told.said[-1] = replace(told.said[-1], feedback_id="alike:text:answer")
    # what an employee did is no answer
    told._feed("employee-did", None, at, event_name="page_viewed", respondent_kind="employee", touchpoint="help_desk")
    # an employee with a customer's number, and one whom nothing else names
    told.answer("employee", ann, at, 1, "csat", respondent_kind="employee", touchpoint="help_desk")
    told.answer("employee-alone", "709999", at, 9, "nps", respondent_kind="employee", department="service")
    told.feed_answer(
        "feed-employee", "709998", at, respondent_kind="employee", feedback_kind="csat", feedback_score=2,
        feedback_scale_max=5, touchpoint="help_desk",
    )  # fmt: skip


def records_and_invitations(told: Told) -> None:
    """Records of two kinds with one id, answers that say what they are about by their invitation, ratings and calls."""
    at = datetime(2026, 3, 20, 12)
    cleo = "700003"
    # a ticket and an order have one id; the order moved last
    told.ticket("1001", cleo, at - timedelta(days=6), at - timedelta(days=5, hours=20), 2)
    told.event("order-1001", cleo, at - timedelta(days=2), "order_page", reference_id="1001", reference_kind="order")
    told.answer("of-ticket", cleo, at, 2, "csat", reference="1001", reference_kind="ticket")
    told.answer("of-order", cleo, at, 4, "csat", reference="1001", reference_kind="order")
    told.answer("of-help-desk", cleo, at, 1, "ces", reference="1001", touchpoint="help_desk")
    told.answer("of-order-page", cleo, at, 5, "csat", reference="1001", touchpoint="order_page")
    told.answer("of-either", cleo, at, 3, "csat", reference="1001")
    told.answer(
        "of-invited-ticket", cleo, at + timedelta(hours=1), 3, "csat",
        invitation_id=told.invite("about-ticket", cleo, at, "csat", reference="1001", reference_kind="ticket"),
    )  # fmt: skip
    # a rating after the end, and one without a time
    told.ticket("1002", cleo, at - timedelta(days=9), at - timedelta(days=7), 5)
    told.ticket("1003", cleo, at - timedelta(days=4), None, 4)
    told.ticket("1004", cleo, at - timedelta(days=3), None, None)
    told.call("K1", at, [("agent", "Hello"), ("customer", "It broke"), ("customer", None)], 1)
    told.call("K2", at + timedelta(hours=1), [("agent", "Hello"), ("system", "Tone"), ("customer", "  ")])
    # it names nothing but its invitation: the customer, the record and the touchpoint are there
    for name, more in (
        ("order_page", {"touchpoint": "order_page"}),
        ("record", {"reference": "O-cleo"}),
        ("brand", {}),
    ):
        invitation = told.invite(f"cleo-{name}", cleo, at, "csat", **more)
        told.answer(f"only-{name}", None, at + timedelta(hours=5), 4, "csat", invitation_id=invitation)
    told.event("cleo-order", cleo, at - timedelta(days=1), "order_page", reference_id="O-cleo")
    told.feed_answer("cleo-asked", cleo, at, feedback_kind="csat", direction="outbound", touchpoint="home")
    told.feed_answer(
        "only-feed", None, at + timedelta(hours=1), feedback_kind="csat", feedback_score=5.0, feedback_scale_max=5.0,
        direction="inbound", invitation_id="cleo-asked",
    )  # fmt: skip
    told.answer("only-unknown", None, at, 4, "csat", invitation_id=told.invite("to-nobody", "709997", at, "csat"))
    # a number that is no record: several have it
    for number in range(3):
        told.event(f"placeholder-{number}", f"70001{number}", at - timedelta(hours=number), "home", reference_id="n/a")
        told.answer(f"placeholder-{number}", f"70001{number}", at, 3, "csat", reference="n/a")
    told.answer("placeholder-anonymous", None, at, 3, "csat", reference="n/a")
    told.answer("placeholder-other", cleo, at, 3, "csat", reference="n/a")
    # employees who say what they answer about by their invitation only; brand is no touchpoint
    for name, more in (
        ("touchpoint", {"touchpoint": "help_desk"}), ("department", {"department": "stores"}),
        ("brand", {"touchpoint": "brand", "department": "logistics"}),
    ):  # fmt: skip
        invitation = told.invite(f"staff-{name}", None, at, "nps", respondent_kind="employee", **more)
        told.answer(
            f"staff-{name}", None, at + timedelta(hours=1), 9, "nps", respondent_kind="employee",
            invitation_id=invitation, touchpoint="brand" if name == "touchpoint" else None,
        )  # fmt: skip
    # of three departments each has enough answers in January, and one has not in February
    for month, counts in ((1, (9, 6, 5)), (2, (9, 6, 2))):
        for department, count in zip(("sales", "service", "stores"), counts, strict=True):
            for number in range(count):
                when = datetime(2026, month, 10, 8)
                name = f"staff-{month}-{department}-{number}"
                invitation = told.invite(name, None, when, "nps", respondent_kind="employee", department=department)
                told.answer(
                    name, None, when + timedelta(hours=1), (10, 3)[number % 2], "nps", respondent_kind="employee",
                    invitation_id=invitation,
                )  # fmt: skip


def scored_texts(told: Told, chance: random.Random) -> None:
    """Comments in Dutch, enough to learn from: what is said follows the score, but for some. Few are in English."""
    glad = ("heel fijn en snel geholpen", "goede winkel en vriendelijke mensen", "alles kwam netjes op tijd aan")
    cross = (
        "veel te laat en erg slecht verpakt",
        "wat een waardeloze klantenservice",
        "het duurde weer eindeloos lang",
    )
    about = ("de bank", "een lamp", "het bureau", "de stoel", "mijn tafel", "onze kast")
    for number in range(330):
        is_glad = number % 2 == 0
        words = chance.choice(glad if is_glad == (chance.random() < 0.9) else cross)
        # a name, of somebody whom no record knows
        words += " door Anneke" if number % 5 == 0 else ""
        told.answer(
            f"scored-{number}", str(600_000 + number % 200), datetime(2025, 8, 8), 5 if is_glad else 1, "csat",
            touchpoint="till", comment=f"{chance.choice(about)}: {words} bij deze bestelling",
        )  # fmt: skip
    for number, (score, words) in enumerate(
        ((5, "I really love this great shop"), (1, "This is a terrible, awful shop"))
    ):
        told.answer(
            f"english-{number}", "600500", datetime(2025, 8, 9), score, "csat", touchpoint="till", comment=words
        )


def pain_points(told: Told) -> None:
    """Twenty customers at four touchpoints that differ in how long one waits there and in how one likes them."""
    for number in range(20):
        customer = str(900_000 + number)
        at = datetime(2026, 2, 5, 8) + timedelta(hours=number)

        def at_step(name: str, after: timedelta, touchpoint: str, event_name: str = "page_viewed", **more: Any) -> None:
            told.event(f"{name}-{number}", customer, at + after, touchpoint, event_name=event_name, **more)  # noqa: B023

        # the limit is two hours: fourteen wait for three, six for one
        waits = json.dumps({"answered_after_seconds": 10_800 if number < 14 else 3_600})
        at_step("quote", timedelta(), "quote_form", "quote_requested", direction="inbound", properties=waits)
        # the limit is half an hour: all wait for one
        waits = json.dumps({"answered_after_seconds": 3_600})
        at_step("signed", timedelta(days=1), "sign_in", direction="inbound", properties=waits)
        at_step("fitted", timedelta(days=2), "fitting_room")
        if number < 4:
            at_step("fitted-again", timedelta(days=2, seconds=30), "fitting_room")
        at_step("listed", timedelta(days=2, seconds=60), "product_list")
        at_step("ordering", timedelta(days=2, seconds=120), "order_page")
        if number >= 10:
            at_step("ordered", timedelta(days=3), "order_page", "order_placed")
        for touchpoint, score in (("quote_form", 1), ("sign_in", 5), ("fitting_room", 2), ("product_list", 4)):
            later = at + timedelta(days=4, minutes=score)
            told.answer(f"pain-{touchpoint}-{number}", customer, later, score, "csat", touchpoint=touchpoint)


def random_customers(told: Told, chance: random.Random) -> None:
    """Customers who do things, are asked, and answer or do not, by survey tool and by feed."""
    numbers = [str(800_000 + number) for number in range(30)]
    count = 0

    def moment() -> datetime:
        # no two at one instant: which of them is the last is then no question
        nonlocal count
        count += 1
        return BEGAN + timedelta(seconds=chance.randrange(80 * 86_400), microseconds=count * 1000)

    for customer in numbers:
        for _ in range(chance.randrange(1, 12)):
            at = moment()
            told.event(
                f"e-{count}", customer, at, chance.choice(TOUCHPOINTS),
                direction=chance.choice(("inbound", "outbound", None)),
                reference_id=chance.choice((None, None, f"R{chance.randrange(12)}")),
                event_name=chance.choice(("page_viewed", "product_viewed", "basket_filled", "order_placed")),
            )  # fmt: skip
    for _ in range(120):
        customer = chance.choice((*numbers, *numbers, None, "899999"))
        at = moment()
        kind = chance.choice(("nps", "csat", "ces"))
        about: Row = chance.choice(
            ({}, {}, {"touchpoint": chance.choice(TOUCHPOINTS[:-1])}, {"reference": f"R{chance.randrange(12)}"})
        )
        more: Row = {"score_direction": chance.choice((None, "up", "down"))} if kind == "ces" else {}
        if chance.random() < 0.2:
            _in_the_feed(told, chance, f"f-{count}", customer, at, kind, about)
            continue
        if chance.random() < 0.6:
            bounced = {"bounced_at": f"{at.isoformat()}Z"} if chance.random() < 0.1 else {}
            more["invitation_id"] = told.invite(f"i-{count}", customer, at, kind, **about, **bounced)
            about = chance.choice((about, {}))
            if chance.random() < 0.4:
                continue
        for _ in range(chance.choice((1, 1, 1, 2))):
            later = at + timedelta(seconds=chance.randrange(-3600, 10 * 86_400))
            score = chance.choice((None, *range(12)))
            told.answer(f"a-{count}-{later:%d%H%M%S}", customer, later, score, kind, **about, **more)


def _in_the_feed(
    told: Told, chance: random.Random, name: str, customer: str | None, at: datetime, kind: str, about: Row
) -> None:
    about = {"touchpoint": about.get("touchpoint"), "reference_id": about.get("reference")}
    if customer and chance.random() < 0.2:
        told.feed_answer(name, customer, at, feedback_text="words", direction="inbound", touchpoint="help_desk")
        return
    told.feed_answer(f"{name}-sent", customer, at, feedback_kind=kind, direction="outbound", **about)
    if chance.random() < 0.6:
        told.feed_answer(
            name, customer, at + timedelta(hours=chance.randrange(300)), feedback_kind=kind, direction="inbound",
            feedback_score=float(chance.randrange(11)), feedback_scale_max=10.0, invitation_id=f"{name}-sent", **about,
        )  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Told:
    made = Told()
    known_answers(made)
    bad_input(made)
    records_and_invitations(made)
    scored_texts(made, random.Random(3))
    random_customers(made, random.Random(17))
    pain_points(made)
    return made


def seeds(folder: Path) -> Path:
    shutil.copytree(SEEDS, folder)
    (folder / "segments.csv").write_text(
        "segment,segment_name,attribute,comparison,value,description\n"
        "busy,Often met,event_count,at_least,6,\nquiet,Seldom met,event_count,below,4,\n",
        encoding="utf-8",
    )
    for name, text in KPI_SEEDS.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    header, *lines = (folder / "touchpoints.csv").read_text(encoding="utf-8").splitlines()
    kinds = [KINDS.get(line.split(",")[0], "") for line in lines]
    declared = [f"{line},{kind}" for line, kind in zip(lines, kinds, strict=True)]
    (folder / "touchpoints.csv").write_text("\n".join([f"{header},reference_kind", *declared]) + "\n", encoding="utf-8")
    return folder


def write(rows: Mapping[str, Sequence[Row]], extracts: Path, name: str) -> None:
    for table, of_table in rows.items():
        if of_table:
            is_csv = table == "support/calls"
            path = extracts / table / f"{name}.{'csv' if is_csv else 'jsonl'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            keys = {key: None for row in of_table for key in row}
            if is_csv:
                lines = [
                    keys,
                    *(["" if value is None else str(value) for value in (keys | row).values()] for row in of_table),
                ]
                path.write_text("".join(",".join(line) + "\n" for line in lines), encoding="utf-8")
                continue
            path.write_text("".join(json.dumps(keys | row) + "\n" for row in of_table), encoding="utf-8")


@pytest.fixture(scope="module")
def at_once(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("voice")
    warehouse = make_warehouse(
        folder, seeds=seeds(folder / "seeds"), as_of=f"{AS_OF:%Y-%m-%d}", JOURNEYS_MATCHING="off"
    )
    write(told.rows, warehouse.settings.extracts, "all")
    warehouse.land()
    assert not any(result.refused or result.rows_quarantined for result in warehouse.landed)
    warehouse.build(select=BUILT)
    return warehouse


def customer_id(number: str | None) -> str | None:
    return None if number is None else f"c_{hash_of('customer_number', number)}"


def test_an_answer_takes_what_it_does_not_say_from_its_invitation(at_once: Warehouse) -> None:
    """Its customer, too: of an answer that named only its invitation nobody knew whose it was."""
    rows = {row["feedback_id"].removeprefix("surveys:"): row for row in at_once.query("from intermediate.int_answers")}
    for name in ("only-order_page", "only-record", "only-brand", "only-feed"):
        assert (rows[name]["customer_id"], rows[name]["is_anonymous"]) == (customer_id("700003"), False), name
    assert (rows["only-record"]["event_id"], rows["only-feed"]["touchpoint"]) == ("cleo-order", "home")
    # nothing else names whom it went to
    assert rows["only-unknown"]["is_anonymous"]
    staff = {name: (rows[f"staff-{name}"]["touchpoint"], rows[f"staff-{name}"]["department"])
             for name in ("touchpoint", "department", "brand")}  # fmt: skip
    assert staff == {"touchpoint": ("help_desk", None), "department": (None, "stores"), "brand": (None, "logistics")}
    assert [rows[f"staff-{name}"]["survey_scope"] for name in staff] == [
        "transactional",
        "relationship",
        "relationship",
    ]


def test_records_of_two_kinds_with_one_id_are_told_apart(at_once: Warehouse) -> None:
    rows = {row["feedback_id"].removeprefix("surveys:"): row for row in at_once.query("from voice.fct_feedback")}
    ticket, order = "support:1001:solved", "order-1001"
    expected = {"of-ticket": ticket, "of-order": order, "of-help-desk": ticket, "of-order-page": order}
    assert {name: rows[name]["event_id"] for name in expected} == expected
    assert rows["of-invited-ticket"]["event_id"] == ticket
    assert rows["of-either"]["join_kind"] != "reference"
    # a placeholder is not somebody's record
    assert rows["placeholder-anonymous"]["event_id"] is None
    assert rows["placeholder-anonymous"]["is_reference_of_another"]
    assert [rows[f"placeholder-{number}"]["event_id"] for number in range(3)] == [f"placeholder-{n}" for n in range(3)]


def test_thousands_who_share_a_placeholder_do_not_square(at_once: Warehouse, tmp_path: Path) -> None:
    """A reference such as n/a was joined with every event that had it: 2,000 answers, 2,000 events, 4 million rows."""
    warehouse = at_once.copy(tmp_path)
    [path] = warehouse.settings.var.rglob("compiled/*/models/intermediate/voice/int_feedback_steps.sql")
    with open_duckdb(warehouse.settings.warehouse) as connection:
        for table, like, ids in (
            ("int_timeline_events", "placeholder-0", "'event-' || n as event_id, 'c' || (n % 1000) as customer_id"),
            ("int_timeline_events", "surveys:only-unknown", "'said-' || n as event_id, 'c' || (n % 7) as customer_id"),
            ("int_feedback", "surveys:only-unknown", "'said-' || n as event_id, 'said-' || n as feedback_id"),
        ):
            connection.execute(
                f"insert into intermediate.{table} select {table}.* replace ({ids}, 'n/a' as reference_id) "
                f"from intermediate.{table}, range(2000) as numbers(n) where event_id = '{like}'"
            )
        [(_, plan)] = connection.execute(
            f"explain (analyze, format json) {path.read_text(encoding='utf-8')}"
        ).fetchall()

    def cardinalities(node: Any) -> Iterable[int]:
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, dict | list):
                yield from cardinalities(value)
        if isinstance(node, dict):
            yield int(node.get("intermediate_rows") or 0)

    assert 2000 < max(cardinalities(json.loads(plan))) < 100_000


def test_employees_are_split_by_department_where_none_is_small(at_once: Warehouse) -> None:
    rows = at_once.query(
        "from voice.agg_voice where respondent_kind = 'employee' and survey_scope = 'relationship' "
        "and touchpoint = 'all' and department <> 'all' and feedback_kind = 'nps' and month_starts_on < '2026-03-01'"
    )
    shown = {(row["month_starts_on"].month, row["department"]): (row["answer_count"], row["nps"]) for row in rows}
    assert shown == {
        (1, "sales"): (9, pytest.approx(100 / 9)), (1, "service"): (6, 0), (1, "stores"): (5, 20),
        (2, "sales"): (None, None), (2, "service"): (None, None), (2, "stores"): (None, None),
    }  # fmt: skip
    assert at_once.query("from voice.agg_voice where respondent_kind = 'customer' and department <> 'all'") == []


def test_every_answer_is_at_the_step_that_the_oracle_finds(told: Told, at_once: Warehouse) -> None:
    rows = {row["feedback_id"]: row for row in at_once.query("from intermediate.int_answers")}
    expected = told.expected
    assert rows.keys() == expected.keys()
    for feedback_id, wanted in expected.items():
        row = rows[feedback_id]
        share = None if row["score_share"] is None else round(row["score_share"], 6)
        found = {name: row[name] for name in wanted if name not in ("customer", "score_share")}
        assert found | {"score_share": share} == {
            name: value for name, value in wanted.items() if name != "customer"
        }, feedback_id
        if wanted["respondent_kind"] == "employee":
            assert row["customer_id"] is None
        elif wanted["customer"] is not None:
            assert row["customer_id"] == customer_id(wanted["customer"]), feedback_id
        assert row["hours_between"] is None or row["hours_between"] >= 0
    kinds = {row["join_kind"] for row in rows.values()}
    assert kinds == {"reference", "named", "last_touchpoint", "none"}


def test_bad_input_has_its_outcome(at_once: Warehouse) -> None:
    rows = {row["feedback_id"].removeprefix("surveys:"): row for row in at_once.query("from voice.fct_feedback")}
    assert "future" not in rows
    assert rows["boundless"]["score_status"] == "no_scale"
    statuses = ("outside", "no-width", "zero", "nps-of-five", "partial", "given-up")
    assert [rows[name]["score_status"] for name in statuses] == [
        "outside_scale", "no_scale", "no_scale", "unusual_scale", "partial", "partial",
    ]  # fmt: skip
    assert not any(rows[name]["is_counted"] for name in statuses)
    assert rows["early"]["invitation_status"] == "before_invitation"
    assert rows["no-invitation"]["invitation_status"] == "unknown_invitation"
    assert [rows[f"twice-{n}"]["is_latest_answer"] for n in (1, 2, 3)] == [False, True, False]
    assert (rows["anonymous"]["is_anonymous"], rows["anonymous"]["event_id"]) == (True, "bob-order")
    assert rows["anonymous"]["customer_id"] != rows["of-ann"]["customer_id"]
    assert rows["of-bob"]["is_reference_of_another"] and rows["of-bob"]["event_id"] != "bob-order"
    assert rows["down"]["feedback_group"] == "easy" and rows["down"]["score_share"] == 1
    assert rows["two-points"]["feedback_group"] == "dissatisfied"
    assert [rows[f"text-{n}"]["text_length"] for n in range(6)] == [1_000_000, 5, 3, 25, 32, None]


def test_a_text_of_any_kind_has_a_language_and_a_mood_or_says_that_it_has_none(at_once: Warehouse) -> None:
    """A megabyte without words, another script, signs alone, HTML, a formula, blanks; English and Dutch."""
    rows = {row["feedback_id"].removeprefix("surveys:"): row for row in at_once.query("from voice.fct_feedback")}
    moods = ("language", "sentiment_method", "sentiment")
    assert [rows[f"text-{number}"]["sentiment_method"] for number in range(6)] == ["not_scored"] * 5 + [None]
    assert [rows[f"text-{number}"]["language"] for number in (1, 2, 3, 5)] == ["ja", "und", "und", None]
    assert all(rows[f"text-{number}"]["sentiment"] is None for number in range(6))
    loves, hates = (tuple(rows[f"english-{number}"][name] for name in moods) for number in range(2))
    assert loves[:2] == hates[:2] == ("en", "lexicon") and loves[2] > 0.5 and hates[2] < -0.5
    learnt = [row for name, row in rows.items() if name.startswith("scored-")]
    assert {(row["language"], row["sentiment_method"]) for row in learnt} == {("nl", "own_model")}
    assert all(-1 <= row["sentiment"] <= 1 for row in learnt)


def test_no_text_is_scored_by_a_model_that_saw_its_customer(at_once: Warehouse) -> None:
    """A text that customers of several folds wrote has a mood for each; all labels of one customer are of one fold."""
    rows = at_once.query("from intermediate.int_learnt_sentiments")
    folds: dict[str, set[float]] = defaultdict(set)
    for row in rows:
        folds[row["text_hash"]].add(row["sentiment"])
    assert any(len(moods) > 1 for moods in folds.values())
    of_customers = at_once.query(
        "select customer_id, count(distinct fold) as folds from intermediate.int_mood_labels "
        "inner join intermediate.int_answers using (feedback_id) group by customer_id"
    )
    assert {row["folds"] for row in of_customers} == {1}


def test_the_quality_of_sentiment_is_that_of_labels_by_hand(at_once: Warehouse) -> None:
    rows = {row["language"]: row for row in at_once.query("from voice.sentiment_quality")}
    labels = at_once.query(
        "select is_happy, sentiment from intermediate.int_mood_labels as labels "
        "inner join voice.fct_feedback as feedback using (feedback_id) where labels.language = 'nl'"
    )
    happy, other = ([row["sentiment"] for row in labels if row["is_happy"] == kind] for kind in (True, False))
    wins = sum((one > two) + (one == two) / 2 for one in happy for two in other)
    misses = (statistics.fmean(((1 - one) / 2) ** 2 for one in happy) + statistics.fmean(
        ((one + 1) / 2) ** 2 for one in other)) / 2  # fmt: skip
    dutch = rows["nl"]
    assert (dutch["sentiment_method"], dutch["label_count"], dutch["happy_label_count"]) == ("own_model", 330, 165)
    assert dutch["auc"] == pytest.approx(wins / len(happy) / len(other))
    assert dutch["brier_score"] == pytest.approx(misses, abs=1e-8)
    assert 0.8 < dutch["auc_ci_lower"] < dutch["auc"] < dutch["auc_ci_upper"] < 1 and dutch["brier_score"] < 0.2
    assert (rows["en"]["sentiment_method"], rows["en"]["auc"], rows["en"]["not_scored_share"]) == ("lexicon", None, 0)
    assert (rows["und"]["sentiment_method"], rows["und"]["not_scored_share"]) == ("not_scored", 1)


def test_a_text_has_the_topics_of_its_words_in_its_language(at_once: Warehouse) -> None:
    rows = at_once.query("from voice.fct_feedback where feedback_id like 'surveys:scored-%'")
    assert all(row["topics"] is not None or row["sentiment"] is not None for row in rows)
    topics = {row["topics"] for row in rows}
    # laat, verpakt; klantenservice; duurde … lang; vriendelijke; geholpen is no stem
    assert {"staff", "waiting"} <= topics and None in topics
    assert all(row["topics"] is None for row in at_once.query("from voice.fct_feedback where text_length is null"))


def test_words_set_the_unhappy_apart_and_names_are_left_out(at_once: Warehouse) -> None:
    """Log-odds by hand, with the words of the language as prior; no word of few customers, none with a capital."""
    rows = {
        row["word"]: row
        for row in at_once.query("from voice.agg_topic_words where (touchpoint, language) = ('all', 'nl')")
    }
    assert rows["waardeloze"]["said_by"] == "unhappy" and rows["waardeloze"]["z_score"] > 2
    assert rows["vriendelijke"]["said_by"] == "happy" and rows["vriendelijke"]["z_score"] < -2
    assert "anneke" not in rows
    said = at_once.query(
        "select feedback_id, is_happy, word from intermediate.int_mood_labels inner join intermediate.int_text_words"
        " using (text_hash) where language = 'nl' and length(word) >= 3 and word <> 'anneke'"
    )
    counts = {kind: Counter(row["word"] for row in said if row["is_happy"] == kind) for kind in (True, False)}
    totals = {kind: sum(words.values()) for kind, words in counts.items()}
    for word, row in rows.items():
        prior = 100 * (counts[True][word] + counts[False][word]) / sum(totals.values())
        sad, glad = counts[False][word] + prior, counts[True][word] + prior
        odds = math.log(sad / (totals[False] + 100 - sad)) - math.log(glad / (totals[True] + 100 - glad))
        assert row["log_odds"] == pytest.approx(odds)
        assert row["z_score"] == pytest.approx(odds / math.sqrt(1 / sad + 1 / glad))


def test_words_of_touchpoints_taken_off_those_of_all_leave_nobody_alone(at_once: Warehouse) -> None:
    rows = at_once.query(
        "select count(*) as touchpoints, max(answer_count) filter (where touchpoint = 'all') "
        "- coalesce(sum(answer_count) filter (where touchpoint <> 'all'), 0) as left_over "
        "from voice.agg_topic_words group by language, word"
    )
    assert max(row["touchpoints"] for row in rows) > 1
    assert [row for row in rows if 0 < row["left_over"] < voice.LEAST] == []


def test_the_mean_mood_of_a_month_is_that_of_its_texts(at_once: Warehouse) -> None:
    row = month(at_once, "csat", "2025-08-01")
    moods = at_once.query(
        "select sentiment from voice.fct_feedback where sentiment is not null and answered_on < '2025-09-01'"
    )
    assert (row["sentiment_count"], row["mean_sentiment"]) == (
        332, pytest.approx(statistics.fmean(row["sentiment"] for row in moods)),
    )  # fmt: skip
    few = at_once.query("from voice.agg_voice where sentiment_count < 5 and mean_sentiment is not null")
    assert few == []


def test_an_employee_becomes_no_customer(at_once: Warehouse) -> None:
    """Not even one whose row carries the number of a customer, or an address that nothing else has."""
    nobody = [hash_of("customer_number", number) for number in ("709999", "709998")]
    assert at_once.query(f"from core.bridge_customer_identifiers where identifier_hash in {tuple(nobody)}") == []
    names = ("surveys:employee", "surveys:employee-alone", "feed-employee")
    assert at_once.query(f"from core.fct_events where event_id in {names}") == []
    rows = at_once.query(f"select * from intermediate.int_answers where feedback_id in {names}")
    assert [row["customer_id"] for row in rows] == [None, None, None]
    assert {row["respondent_kind"] for row in rows} == {"employee"}


def test_no_single_answer_of_an_employee_is_published(told: Told, at_once: Warehouse) -> None:
    """agg_voice withholds small cells of employees; a row per answer would give each of them away."""
    expected = told.expected
    employees = {name for name, said in expected.items() if said["respondent_kind"] == "employee"}
    published = {row["feedback_id"] for row in at_once.query("select feedback_id from voice.fct_feedback")}
    assert employees and published == expected.keys() - employees
    bridged = {row["feedback_id"] for row in at_once.query("select feedback_id from voice.bridge_feedback_journeys")}
    assert bridged <= published


def month(at_once: Warehouse, kind: str, starts: str, **where: str) -> Row:
    conditions = {
        "journey_id": "all", "touchpoint": "all", "department": "all", "segment": "all", "respondent_kind": "customer",
    } | where  # fmt: skip
    [row] = at_once.query(
        f"from voice.agg_voice where feedback_kind = '{kind}' and month_starts_on = '{starts}' "
        "and survey_scope = 'transactional' "
        + "".join(f" and {column} = '{value}'" for column, value in conditions.items())
    )
    return row


@pytest.mark.parametrize(
    ("starts", "nps", "lower", "upper"),
    [("2025-10-01", 30, 14.05, 44.20), ("2025-11-01", 60, 7.04, 85.27), ("2025-12-01", 100, 17.49, 100)],
)
def test_nps_has_the_intervals_in_print(
    at_once: Warehouse, starts: str, nps: float, lower: float, upper: float
) -> None:
    row = month(at_once, "nps", starts)
    assert row["nps"] == nps
    assert (row["nps_ci_lower"], row["nps_ci_upper"]) == (
        pytest.approx(lower, abs=0.005), pytest.approx(upper, abs=0.005),
    )  # fmt: skip
    assert row["response_rate"] is None and row["unsolicited_count"] == row["answer_count"]


@pytest.mark.parametrize(
    ("starts", "csat", "lower", "upper"), [("2025-10-01", 0.8, 0.4902, 0.9433), ("2025-11-01", 0, 0, 0.2775)]
)
def test_csat_has_the_intervals_in_print(
    at_once: Warehouse, starts: str, csat: float, lower: float, upper: float
) -> None:
    row = month(at_once, "csat", starts)
    assert (row["csat"], row["csat_ci_lower"], row["csat_ci_upper"]) == (
        pytest.approx(csat), pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5),
    )  # fmt: skip


def test_a_change_has_an_interval_and_answers_all_alike_a_narrow_one(at_once: Warehouse) -> None:
    row = month(at_once, "nps", "2025-11-01")
    expected = voice.change_of_nps((7, 1, 10), (50, 20, 100))
    assert (row["change"], row["change_ci_lower"], row["change_ci_upper"]) == pytest.approx(expected)
    assert not row["is_change_beyond_noise"]
    assert month(at_once, "csat", "2025-11-01")["is_change_beyond_noise"]
    # all alike in two months of few scores, of which nothing is certain
    eased = month(at_once, "ces", "2025-11-01")
    assert (eased["change"], eased["is_change_beyond_noise"]) == (0.5, False)
    # Student's t of 9 degrees of freedom is 2.2622
    spread = month(at_once, "ces", "2025-12-01")
    half = 2.2622 * statistics.stdev([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6] * 2) / math.sqrt(10)
    assert spread["ces_ci_upper"] - spread["ces"] == pytest.approx(half, abs=1e-4)
    ease = month(at_once, "ces", "2025-10-01")
    assert ease["ces_convention"] == "mean ease, 0 to 1, 1 = easy"
    assert (ease["ces"], ease["ces_ci_lower"], ease["ces_ci_upper"]) == (0.5, 0.5, 0.5)


def test_counts_by_month_and_breakdown_are_those_of_the_oracle(told: Told, at_once: Warehouse) -> None:
    """Nothing is withheld over all segments of customers, so every count of theirs is compared."""
    rows = at_once.query("select feedback_id, event_id from intermediate.int_feedback_steps")
    steps = {row["feedback_id"]: row for row in rows}
    journeys: dict[str, list[tuple[str, str]]] = defaultdict(list)
    outcomes: dict[str, dict[str, str]] = defaultdict(dict)
    for row in at_once.query(
        "select steps.event_id, steps.journey_id, steps.phase_id, instances.outcome from journeys.fct_steps as steps "
        "inner join intermediate.int_instance_bounds as instances using (journey_instance_id) "
        "order by instances.started_at desc, steps.journey_id"
    ):
        journeys[row["event_id"]].append((row["journey_id"], row["phase_id"]))
        outcomes[row["event_id"]][row["journey_id"]] = row["outcome"]
    by_id = {asked.invitation_id: asked for asked in told.asked}
    invitations = []
    for asked in told.asked:
        if asked.is_employee:
            invitations.append((asked, {"touchpoint": asked.touchpoint if asked.touchpoint != "brand" else None}))
            continue
        step = voice.step_of(_as_said(asked), by_id, told.events, ANSWERING, KINDS)
        assert steps[asked.invitation_id]["event_id"] == step["event_id"], asked
        invitations.append((asked, step))
    expected = voice.counts(
        told.expected,
        invitations,
        lambda one: journeys[steps[one]["event_id"]] if one in steps else (),
        lambda _: (),
        lambda one: outcomes[steps[one]["event_id"]] if one in steps else {},
    )
    rows = at_once.query("from voice.agg_voice where segment = 'all' and respondent_kind = 'customer'")
    found = {
        (
            f"{row['month_starts_on']:%Y-%m}", row["journey_id"], row["phase_id"], row["touchpoint"], row["department"],
            row["segment"], row["feedback_kind"], row["survey_scope"], row["respondent_kind"],
        ): row
        for row in rows
    }  # fmt: skip
    expected = {key: row for key, row in expected.items() if key[-1] == "customer"}
    assert found.keys() == expected.keys()
    assert any(key[1] != "all" for key in found)
    # those who were asked, did not answer and left
    assert any(row["silent_dropped_off_count"] for row in expected.values())
    assert any(row["answered_decided_count"] > row["answered_dropped_off_count"] > 0 for row in expected.values())
    for key, wanted in expected.items():
        row = found[key]
        groups = ("positive_count", "neutral_count", "negative_count") if wanted["scored_count"] < voice.LEAST else ()
        compared = {name: value for name, value in wanted.items() if name not in ("mean", *groups)}
        assert {name: row[name] for name in compared} == compared, key
        if wanted["scored_count"] < voice.LEAST:
            assert [row[f"{group}_count"] for group in ("positive", "neutral", "negative")] == [None] * 3
            assert row["mean_score_share"] is None and row["nps"] is None and row["csat"] is None
        else:
            assert row["mean_score_share"] == pytest.approx(wanted["mean"], abs=1e-6)
            if key[6] == "nps":
                values = voice.nps(wanted["positive_count"], wanted["negative_count"], wanted["scored_count"])
                assert (row["nps"], row["nps_ci_lower"], row["nps_ci_upper"]) == pytest.approx(values)
            elif key[6] == "csat":
                ends = voice.wilson(wanted["positive_count"], wanted["scored_count"])
                assert (row["csat_ci_lower"], row["csat_ci_upper"]) == pytest.approx(ends)
        assert row["response_rate"] == (
            pytest.approx(wanted["answered_count"] / wanted["delivered_count"]) if wanted["delivered_count"] else None
        )


def _as_said(asked: Asked) -> Said:
    return Said(asked.invitation_id, asked.customer, asked.kind, asked.at, asked.touchpoint, asked.reference,
                kind_of_record=asked.kind_of_record)  # fmt: skip


def test_the_response_rate_is_a_kpi_of_the_day_of_the_invitation(told: Told, at_once: Warehouse) -> None:
    """Of all surveys that customers got; and of those about the help desk by their step, where they name none."""
    answered = {
        row["invitation_id"]
        for row in told.expected.values()
        if row["invitation_status"] == "invited" and row["score_status"] != "partial"
    }
    by_id = {asked.invitation_id: asked for asked in told.asked}
    expected: dict[tuple[str, Any], list[int]] = defaultdict(lambda: [0, 0])
    for asked in told.asked:
        if asked.is_employee or not asked.is_delivered:
            continue
        is_answered = asked.invitation_id in answered
        step = voice.step_of(_as_said(asked), by_id, told.events, ANSWERING, KINDS)
        for kpi, is_counted, is_hit in (
            ("response", True, is_answered), ("silence", step["touchpoint"] == "help_desk", not is_answered),
        ):  # fmt: skip
            if is_counted:
                expected[kpi, asked.at.date()][0] += is_hit
                expected[kpi, asked.at.date()][1] += 1
    rows = at_once.query("from kpis.fct_kpi_values_daily where channel = 'all' and segment = 'all'")
    found = {(row["kpi_id"], row["measured_on"]): [row["numerator"], row["denominator"]] for row in rows}
    assert found == expected and {key[0] for key in found} == {"response", "silence"}


def test_the_impact_of_a_step_is_all_less_all_others(told: Told, at_once: Warehouse) -> None:
    points = {"promoter": 100, "passive": 0, "detractor": -100}
    said: dict[str, list[tuple[str | None, float]]] = defaultdict(list)
    for row in told.expected.values():
        is_of_step = row["survey_scope"] == "transactional" and row["respondent_kind"] == "customer"
        if row["is_counted"] and row["score_status"] == "scored" and is_of_step:
            kind = row["feedback_kind"]
            value = points.get(row["feedback_group"], row["score_share"])
            said[kind].append((row["touchpoint"], float(row["feedback_group"] == "satisfied") if kind in (
                "csat", "rating") else value))  # fmt: skip
    rows = at_once.query("from voice.agg_drivers where analysis = 'impact' and dimension = 'touchpoint'")
    assert {(row["feedback_kind"], row["touchpoint"]) for row in rows} == {
        (kind, touchpoint) for kind, answers in said.items() for touchpoint, _ in answers if touchpoint
    }
    statuses = set()
    for row in rows:
        answers = said[row["feedback_kind"]]
        there = [value for touchpoint, value in answers if touchpoint == row["touchpoint"]]
        others = [value for touchpoint, value in answers if touchpoint != row["touchpoint"]]
        statuses.add(row["status"])
        if row["status"] == "not_enough_answers":
            assert row["association"] is None and row["metric"] is None
            continue
        assert row["answer_count"] == len(there) >= voice.LEAST
        impact = statistics.mean([*there, *others]) - statistics.mean(others)
        assert row["association"] == pytest.approx(impact, abs=1e-5), row
        if row["status"] == "no_interval":
            assert row["customer_count"] < 20 and row["association_ci_lower"] is None and not row["is_beyond_noise"]
            continue
        assert row["customer_count"] >= 20
        assert row["association_ci_lower"] <= row["association"] <= row["association_ci_upper"]
        assert row["is_beyond_noise"] == (row["association_ci_lower"] > 0 or row["association_ci_upper"] < 0)
    assert statuses == {"measured", "no_interval", "not_enough_answers"}
    phases = at_once.query("from voice.agg_drivers where dimension = 'phase'")
    assert {row["journey_id"] for row in phases} == {"first_purchase"}
    assert {row["reading"] for row in [*rows, *phases]} == {"association"}


def test_slow_and_disliked_steps_are_told_apart(at_once: Warehouse) -> None:
    """14 of 20 quotations, and all sign-ins, take too long; all dislike the quotation and the fitting room."""
    rows = {
        row["touchpoint"]: row
        for row in at_once.query("from voice.agg_pain_points where phase_id = 'consideration'")
    }  # fmt: skip
    quote, sign_in, fitting_room = rows["quote_form"], rows["sign_in"], rows["fitting_room"]
    assert {name: rows[name]["quadrant"] for name in ("quote_form", "sign_in", "fitting_room", "product_list")} == {
        "quote_form": "slow_and_irritating", "sign_in": "slow_but_fine", "fitting_room": "fast_but_irritating",
        "product_list": "fine",
    }  # fmt: skip
    assert [(row["wait_kind"], row["limit_basis"], row["limit_seconds"]) for row in (quote, sign_in)] == [
        ("answer", "touchpoint", 7_200), ("answer", "touchpoint", 1_800),
    ]  # fmt: skip
    assert (quote["wait_count"], quote["slow_count"], quote["median_wait_seconds"]) == (20, 14, 10_800)
    # Wilson's interval of 14 of 20 by hand: (14 + 1.9207 -+ 1.96 * sqrt(14 * 6 / 20 + 0.9604)) / (20 + 3.8415)
    assert (quote["slow_share"], quote["slow_share_ci_lower"], quote["slow_share_ci_upper"]) == pytest.approx(
        (0.7, 0.4810, 0.8545), abs=5e-5
    )
    # of none of 20: 3.8415 / 23.8415
    assert (sign_in["negative_count"], sign_in["negative_share_ci_upper"]) == (0, pytest.approx(0.1611, abs=5e-5))
    assert (fitting_room["wait_kind"], fitting_room["limit_basis"]) == ("next_step", "journey")
    assert (fitting_room["step_count"], fitting_room["instance_count"], fitting_room["customer_count"]) == (24, 20, 20)
    assert (fitting_room["repeat_count"], fitting_room["repeated_count"], fitting_room["slow_count"]) == (4, 4, 0)
    for row in (quote, sign_in, fitting_room):
        assert (row["decided_count"], row["dropped_off_count"], row["dropped_off_share"]) == (20, 10, 0.5)
    # the answers to the surveys about a step are no steps of it, and few answers decide nothing
    assert rows["quote_form"]["step_count"] == 20
    few = at_once.query("from voice.agg_pain_points where scored_count < 5 or wait_count < 5")
    assert few and {row["quadrant"] for row in few} == {"unclear"}


def test_a_step_is_compared_with_its_journey_and_a_phase_with_its_days(at_once: Warehouse) -> None:
    """The limits and shares that are not in print, from the published rows."""
    said = at_once.query(
        "select journeys.phase_id, touchpoint, feedback_kind, "
        "feedback_group in ('detractor', 'dissatisfied', 'hard') as is_negative from voice.fct_feedback as feedback "
        "inner join voice.bridge_feedback_journeys as journeys using (feedback_id) "
        "where is_counted and score_status = 'scored' and survey_scope = 'transactional'"
    )
    of_kind: dict[str, list[bool]] = defaultdict(list)
    of_place: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in said:
        of_kind[row["feedback_kind"]].append(row["is_negative"])
        of_place[row["phase_id"], "all"].append(row)
        if row["touchpoint"]:
            of_place[row["phase_id"], row["touchpoint"]].append(row)
    assert len(of_kind) > 1
    rows = {(row["phase_id"], row["touchpoint"]): row for row in at_once.query("from voice.agg_pain_points")}
    for place, row in rows.items():
        answers = of_place[place]
        assert row["scored_count"] == len(answers)
        if row["negative_count"] is not None:
            assert row["negative_count"] == sum(answer["is_negative"] for answer in answers) and len(answers) >= 5
            usual = statistics.fmean(statistics.fmean(of_kind[answer["feedback_kind"]]) for answer in answers)
            assert row["journey_negative_share"] == pytest.approx(usual)
            ends = voice.wilson(row["negative_count"], row["scored_count"])
            assert (row["negative_share_ci_lower"], row["negative_share_ci_upper"]) == pytest.approx(ends)
    assert {place for place, answers in of_place.items() if answers} <= rows.keys()
    intervals = at_once.query(
        "select phase_id, left_at is null as is_open, "
        "epoch(coalesce(left_at, timestamp '2026-04-01') - entered_at) as dwell from intermediate.int_phase_intervals"
    )
    for phase, days in (("awareness", 14), ("consideration", 7)):
        limit = days * 86_400
        dwells = [row["dwell"] for row in intervals if row["phase_id"] == phase and (
            not row["is_open"] or row["dwell"] >= limit + 1)]  # fmt: skip
        row = rows[phase, "all"]
        assert (row["wait_kind"], row["limit_basis"], row["limit_seconds"]) == ("dwell", "phase", limit)
        assert (row["wait_count"], row["slow_count"]) == (len(dwells), sum(dwell >= limit + 1 for dwell in dwells))
        assert (row["repeat_count"], row["responsible"]) == (None, "customer_experience")
    # three of four steps are followed by the next one within this time; messages that nobody asked for are skipped
    met: dict[str, list[datetime]] = defaultdict(list)
    for row in at_once.query(
        "select journey_instance_id, steps.direction, steps.touchpoint, steps.occurred_at from intermediate.int_steps "
        "as steps inner join intermediate.int_timeline_events as events using (event_id) where feedback_kind is null "
        "order by step_number"
    ):
        if row["direction"] != "outbound" or row["touchpoint"] in ANSWERING:
            met[row["journey_instance_id"]].append(row["occurred_at"])
    pauses = sorted(
        (later - earlier) // timedelta(seconds=1) for times in met.values() for earlier, later in pairwise(times)
    )
    usual_pause = pauses[math.ceil(0.75 * len(pauses)) - 1]
    limits = {row["limit_seconds"] for row in rows.values() if row["limit_basis"] == "journey"}
    assert limits == {usual_pause} and usual_pause > 60


def test_small_groups_are_withheld(at_once: Warehouse) -> None:
    """By segment where few are in it or outside of it; of employees always where few answered."""
    rows = at_once.query(
        "select few.*, whole.answer_count as whole from voice.agg_voice as few inner join voice.agg_voice as whole"
        " using (month_starts_on, journey_id, phase_id, touchpoint, feedback_kind, survey_scope, respondent_kind)"
        " where few.segment <> 'all' and whole.segment = 'all'"
    )
    shown = [row for row in rows if not row["is_suppressed"]]
    assert rows and shown
    for row in shown:
        assert row["answer_count"] == 0 or row["answer_count"] >= voice.LEAST
        assert not 0 < row["whole"] - row["answer_count"] < voice.LEAST
    employees = at_once.query("from voice.agg_voice where respondent_kind = 'employee'")
    assert employees and all(row["answer_count"] is None or row["answer_count"] >= voice.LEAST for row in employees)
    assert any(row["is_suppressed"] for row in employees)


def test_nothing_withheld_follows_from_a_total_and_its_parts(at_once: Warehouse) -> None:
    """Touchpoints add up to all touchpoints, and phases of a journey to all of its phases."""
    few = month(at_once, "csat", "2025-09-01", segment="quiet")
    assert (few["is_suppressed"], few["answer_count"]) == (False, 16)
    shown = {name: month(at_once, "csat", "2025-09-01", segment="quiet", touchpoint=name)["answer_count"]
             for name in ("till", "counter", "kiosk")}  # fmt: skip
    assert shown == {"till": 8, "counter": None, "kiosk": None}
    rows = at_once.query("from voice.agg_voice where segment <> 'all'")
    places = (
        "journey_id",
        "phase_id",
        "touchpoint",
        "department",
        "segment",
        "feedback_kind",
        "survey_scope",
        "respondent_kind",
    )
    for part in ("touchpoint", "phase_id"):
        lists: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in rows:
            lists[row["month_starts_on"], *(row[name] for name in places if name != part)].append(row)
        for of_total in lists.values():
            total = next((row for row in of_total if row[part] == "all"), None)
            if total is None or total["is_suppressed"]:
                continue
            hidden = [row for row in of_total if row["is_suppressed"]]
            left = total["answer_count"] - sum(row["answer_count"] or 0 for row in of_total if row is not total)
            assert not hidden or (len(hidden) > 1 and (left == 0 or left >= voice.LEAST)), total


def test_one_delivery_equals_many_in_any_order_with_a_file_withdrawn(
    told: Told, at_once: Warehouse, tmp_path: Path
) -> None:
    warehouse = make_warehouse(
        tmp_path, seeds=seeds(tmp_path / "seeds"), as_of=f"{AS_OF:%Y-%m-%d}", JOURNEYS_MATCHING="off"
    )
    chance = random.Random(4)
    parts: list[dict[str, list[Row]]] = [defaultdict(list) for _ in range(3)]
    for table, rows in told.rows.items():
        for row in rows:
            parts[chance.randrange(3)][table].append(row)
    wrong = {"reference_id": "R1", "touchpoint": "home", "updated_at": "2026-05-01T00:00:00Z"}
    mistaken = {"feed/events": [row | wrong for row in told.rows["feed/events"][::3]]}
    for number, part in enumerate(parts):
        write(part, warehouse.settings.extracts, f"part_{number}")
        if number == 1:
            write(mistaken, warehouse.settings.extracts, "mistaken")
        warehouse.land()
        # the clock passes over answers, and the second build replaces rows of changed keys
        clock = (datetime(2026, 2, 1), datetime(2026, 3, 11), AS_OF)[number]
        warehouse.build(as_of=clock.replace(tzinfo=UTC), select=BUILT)
        if number == 1:
            warehouse.withdraw("feed/events/mistaken.jsonl")
    assert differences(at_once, warehouse) == {}
