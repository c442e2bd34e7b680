"""What must hold of feedback_topics.csv, whose stems are compared with the words of texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestration.lib.config.seeds.rows import SeedRow

LANGUAGE = re.compile(r"[a-z]{2,3}")
# A stem of one letter is in nearly every text.
LEAST_LETTERS = 2


def topic_can_be_listed(row: SeedRow) -> Iterator[str]:
    """What is wrong with the name of a topic: a text's topics are listed with commas between them."""
    topic = row.get("topic")
    if topic is not None and "," in topic:
        yield f"topic = {topic}: topics are listed with commas between them. Write the name without one."


def language_is_a_code(row: SeedRow) -> Iterator[str]:
    """What is wrong with a language: texts have a code of ISO 639 in small letters."""
    language = row.get("language")
    if language is not None and not LANGUAGE.fullmatch(language):
        yield f"language = {language}: expected a code of ISO 639, such as en or nl. Write it in small letters."


def stems_can_begin_a_word(row: SeedRow) -> Iterator[str]:
    """What is wrong with stems: words are letters alone, so a stem with another sign begins none."""
    for stem in (row.get("stems") or "").split():
        if not stem.isalpha():
            yield f"stems = … {stem} …: words are letters alone. Write the stem without other signs, or as two stems."
        elif len(stem) < LEAST_LETTERS:
            yield f"stems = … {stem} …: a single letter begins too many words. Write {LEAST_LETTERS} letters or more."
