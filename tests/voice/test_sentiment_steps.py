"""Texts are read once, a model is learnt once per set of labels, and what can't be learnt from teaches nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.voice import learning
from orchestration.lib.voice.learning import FOLDS, learnt_sentiments
from orchestration.lib.voice.readings import SCHEMA, text_readings

GLAD, CROSS = ("quick", "kind", "spotless", "tidy"), ("muddled", "clunky", "sloppy", "tardy")
Tables = tuple[pa.Table, pa.Table, pa.Table]


def texts_of(*texts: str) -> pa.Table:
    return pa.table({"text_hash": [f"h{number}" for number in range(len(texts))], "text": list(texts)})


def world(labels: Sequence[tuple[str, bool]], language: str = "nl", unlabelled: Sequence[str] = ()) -> Tables:
    """Labels, each a text and whether its customer is happy, of customers of all folds in turn; texts; uses."""
    said = sorted({text for text, _ in labels} | set(unlabelled))
    readings = [
        {"text_hash": text, "language": language, "text": text, **dict.fromkeys(learning.LEXICON, 0.0)} for text in said
    ]
    rows = [
        {"feedback_id": f"a{number}", "text_hash": text, "language": language, "fold": FOLDS[number % 4],
         "is_happy": is_happy}
        for number, (text, is_happy) in enumerate(labels)
    ]  # fmt: skip
    uses = [{"text_hash": text, "fold": fold} for text in said for fold in FOLDS]
    return pa.Table.from_pylist(rows), pa.Table.from_pylist(readings), pa.Table.from_pylist(uses)


def scored(count: int = 400, chance: random.Random | None = None) -> list[tuple[str, bool]]:
    chance = chance or random.Random(5)
    kinds = [chance.random() < 0.7 for _ in range(count)]
    return [
        (f"it was {chance.choice(GLAD if is_happy else CROSS)} {chance.choice(('today', 'here'))}", is_happy)
        for is_happy in kinds
    ]


def test_a_text_has_its_language_and_the_lexicons_mood() -> None:
    rows, kept = text_readings(
        texts_of(
            "The staff was wonderful and I love this shop", "Het pakket kwam veel te laat aan", "配達がとても遅い",
            "ok", "😡😡", "", "=1+1", "x" * 5_000,
        ),
        {},
    )  # fmt: skip
    languages = rows["language"].to_pylist()
    assert languages[:7] == ["en", "nl", "ja", "und", "und", "und", "und"]
    assert rows["lexicon_score"][0].as_py() > 0.8 and rows["lexicon_score"][5].as_py() == 0
    assert kept["known"].equals(rows) and rows.schema.equals(SCHEMA)


def test_a_text_that_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept = text_readings(texts_of("one thing", "another thing"), {})
    read: list[tuple[str, str]] = []

    def noted(texts: list[tuple[str, str]]) -> list[dict[str, object]]:
        read.extend(texts)
        return []

    monkeypatch.setattr("orchestration.lib.voice.readings.read_texts", noted)
    rows, _ = text_readings(texts_of("one thing", "another thing"), kept)
    assert read == [] and rows.equals(kept["known"])


def test_nothing_is_loaded_where_there_is_nothing_to_read_or_learn() -> None:
    code = """
import sys, pyarrow as pa
from orchestration.lib.voice.readings import text_readings
from orchestration.lib.voice.learning import learnt_sentiments
text_readings(pa.table({"text_hash": pa.array([], pa.string()), "text": pa.array([], pa.string())}), {})
labels = pa.table({name: pa.array([], pa.string()) for name in ("feedback_id", "language")})
texts = pa.table({name: pa.array([], pa.string()) for name in ("text_hash", "language", "text")})
learnt_sentiments(labels, texts, pa.table({"text_hash": pa.array(["a"]), "fold": pa.array([1])}), {})
heavy = {"sklearn", "scipy", "vaderSentiment", "py3langid"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)


def test_moods_are_learnt_from_scores_alone() -> None:
    """Of words that no lexicon knows, and of a text that nobody scored."""
    rows, _ = learnt_sentiments(*world(scored(), unlabelled=("so tidy", "so sloppy")), {})
    moods = {(row["text_hash"], row["fold"]): row["sentiment"] for row in rows.to_pylist()}
    for fold in FOLDS:
        assert moods["so tidy", fold] > 0.3 and moods["so sloppy", fold] < -0.3
    assert all(-1 <= mood <= 1 for mood in moods.values())


def test_the_same_labels_are_learnt_once_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    before = world(scored())
    rows, kept = learnt_sentiments(*before, {})
    assert learnt_sentiments(*before, {})[0].equals(rows)
    after = world(scored(), unlabelled=("so tidy",))
    fresh, _ = learnt_sentiments(*after, {})
    texts_scored: list[str] = []
    score = learning.Model.scores

    def counted(self: learning.Model, texts: Sequence[learning.Text]) -> Any:
        texts_scored.extend(text.body for text in texts)
        return score(self, texts)

    def never(*_: object) -> None:
        raise AssertionError("learnt again")

    monkeypatch.setattr(learning, "fit", never)
    monkeypatch.setattr(learning.Model, "scores", counted)
    again, _ = learnt_sentiments(*after, kept)
    assert again.equals(fresh) and texts_scored == ["so tidy"] * len(FOLDS)


def test_other_labels_are_learnt_from_again() -> None:
    _, kept = learnt_sentiments(*world(scored()), {})
    changed = world([(text, not is_happy) for text, is_happy in scored()])
    assert learnt_sentiments(*changed, kept)[0].equals(learnt_sentiments(*changed, {})[0])


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([("all was well", True)] * 400, "every answer is alike"),
        ([("all was well", True)] * 390 + [("nothing was", False)] * 10, "too few are unhappy"),
        ([(f"word{number}", number % 3 > 0) for number in range(400)], "no word is said twice"),
        ([("the same words", number % 2 == 0) for number in range(400)], "words say nothing"),
    ],
)
def test_what_teaches_nothing_gives_no_moods(labels: list[tuple[str, bool]], why: str) -> None:
    rows, _ = learnt_sentiments(*world(labels), {})
    assert rows.num_rows == 0, why


def test_a_model_that_is_worse_than_the_lexicon_is_not_used() -> None:
    """Random words of happy and unhappy people, of whom the lexicon is always right."""
    chance = random.Random(8)
    labels = [(f"{chance.choice('abcdef') * 3} {number}", number % 2 == 0) for number in range(400)]
    rows, texts, uses = world(labels, language="en")
    right = dict(labels)
    texts = texts.set_column(
        texts.schema.get_field_index("lexicon_score"),
        "lexicon_score",
        pa.array([0.9 if right[text] else -0.9 for text in texts["text"].to_pylist()]),
    )
    learnt = learning.learn(
        "en", rows.to_pylist(), {row["text_hash"]: learning._text_of(row) for row in texts.to_pylist()}
    )
    assert learnt is not None and not learnt.is_used
    made, kept = learnt_sentiments(rows, texts, uses, {})
    assert made.num_rows == 0
    # remembered, so that it is not learnt at each build
    assert kept["terms"].num_rows > 0


def test_scripts_without_blanks_are_read_by_characters() -> None:
    chance = random.Random(2)
    kinds = [chance.random() < 0.5 for _ in range(320)]
    labels = [(f"{chance.choice('店品物箱')}は{'早い' if is_happy else '遅い'}", is_happy) for is_happy in kinds]
    rows, _ = learnt_sentiments(*world(labels, language="ja"), {})
    moods = {row["text_hash"]: row["sentiment"] for row in rows.to_pylist()}
    assert all((mood > 0) == ("早" in text) for text, mood in moods.items()) and moods
