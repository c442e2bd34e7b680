"""A figure answers one question: a sentence with the number, a picture, over how many, and how it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from dashboard.filters import Own
from dashboard.release import Release, Table
from dashboard.view import View
from orchestration.lib.core.settings import Settings


@dataclass(frozen=True)
class Figure:
    """What a question's function returns. `answer` is the sentence above the picture, `body` the picture.

    `counted` says of what and how many (the n); `notes` what would make the figure mislead. `table` is what the
    picture shows, as rows: for the CSV, and for those who can't see it. `empty` says why there is nothing to draw.
    """

    answer: str = ""
    body: Markup = field(default_factory=Markup)
    table: Table | None = None
    counted: str = ""
    unit: str = ""
    notes: Sequence[str] = ()
    empty: str = ""


@dataclass(frozen=True)
class Question:
    """One question of a page: its name in addresses, its text, the function that answers it, and how wide it is."""

    name: str
    text: str
    answer: Callable[[View], Figure]
    is_wide: bool = False


@dataclass
class Page:
    """One page. Its file is all there is to add: the app finds it, the navigation lists it by `order`.

    `takes` names the filters that every figure of the page obeys, so that none is shown that does nothing; filters
    that only this page has are `Own`. `on_post` turns what was typed into the page's own form into the query of an
    address: it is in no address itself.
    """

    name: str
    title: str
    about: str
    order: int
    takes: Sequence[str | Own] = ()
    on_post: Callable[[Release, Settings, Mapping[str, str]], str] | None = None
    questions: list[Question] = field(default_factory=list)

    @property
    def shows_instances(self) -> bool:
        """Whether its figures are counted of chosen instances, and not read from marts that hide small groups."""
        return "level" in self.takes

    def question(self, name: str, text: str, *, is_wide: bool = False) -> Callable[[Callable[[View], Figure]], Any]:
        """Declares the function that answers a question of this page."""

        def declare(answer: Callable[[View], Figure]) -> Callable[[View], Figure]:
            self.questions.append(Question(name, text, answer, is_wide))
            return answer

        return declare
