"""The Python step int_learnt_sentiments: a model per language, learnt from texts that a company's customers scored.

Words and pairs of words, weighed by TF-IDF, and the scores of the lexicon go into a logistic regression that weighs
happy and unhappy texts alike. There is one per fold of customers, learnt from those of the other folds: no text is
scored by a model that saw a text of the same customer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

FOLDS = (1, 2, 3, 4)
# Of each kind, happy and unhappy, so that every fold has some to learn from.
LEAST_OF_A_KIND = 20
MOST_TERMS = 20_000
# Scripts that write no blank between words: there pieces of up to three characters take the place of words.
WITHOUT_BLANKS = ("ja", "km", "lo", "th", "zh")
LEXICON = ("lexicon_score", "lexicon_positive_share", "lexicon_negative_share")
DECIMALS = 4
# A model that separates no better than a coin says nothing.
LEAST_AUC = 0.5

TERMS = pa.schema(
    [
        ("language", pa.string()),
        ("version", pa.string()),
        ("is_used", pa.bool_()),
        ("fold", pa.int64()),
        ("place", pa.int64()),
        ("term", pa.string()),
        ("rarity", pa.float64()),
        ("weight", pa.float64()),
    ]
)
ROWS = pa.schema(
    [("text_hash", pa.string()), ("language", pa.string()), ("fold", pa.int64()), ("sentiment", pa.float64())]
)
SCORES = ROWS.append(pa.field("version", pa.string()))
# Names of what is no word among the terms of a model; words hold no colon.
INTERCEPT = "::intercept"


@dataclass(frozen=True)
class Text:
    """A text, and what the lexicon says of it."""

    text_hash: str
    body: str
    lexicon: tuple[float, ...]


@dataclass(frozen=True)
class Model:
    """What a language's texts are scored by for the customers of one fold."""

    language: str
    terms: tuple[str, ...]
    rarities: np.ndarray
    weights: np.ndarray
    intercept: float

    def scores(self, texts: Sequence[Text]) -> np.ndarray:
        """The mood of each text, from -1 (as certain as can be from an unhappy customer) to 1."""
        features = _features(texts, self.terms, self.rarities, self.language)
        happy = 1 / (1 + np.exp(-(features @ self.weights + self.intercept)))
        return np.asarray(np.round(2 * happy - 1, DECIMALS) + 0.0)


@dataclass(frozen=True)
class Learnt:
    """The models of a language by fold, and whether they are worth using."""

    models: Mapping[int, Model]
    is_used: bool


def learnt_sentiments(
    labels: pa.Table, texts: pa.Table, uses: pa.Table, kept: Mapping[str, pa.Table]
) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The rows of int_learnt_sentiments: a text's mood for the customers of each fold that said it.

    `labels` (feedback_id, text_hash, language, fold, is_happy) has the languages with labels enough, `texts` the texts
    in them with what int_text_readings says, `uses` which text was said in which fold. `kept` has the models' `terms`
    and the `scores` of the last build; where a language's labels are the same, nothing is learnt again, and a text that
    has a score keeps it. Without a language that has labels enough, scikit-learn is not loaded.
    """
    terms, scores = (kept["terms"].to_pylist(), kept["scores"].to_pylist()) if kept else ([], [])
    known = {row["text_hash"]: _text_of(row) for row in texts.to_pylist()}
    language_of = dict(zip(texts["text_hash"].to_pylist(), texts["language"].to_pylist(), strict=True))
    wanted = [(row["text_hash"], row["fold"]) for row in uses.to_pylist() if row["text_hash"] in known]
    new_terms: list[dict[str, Any]] = []
    new_scores: list[dict[str, Any]] = []
    for language, of_language in _by_language(labels):
        version = hashlib.sha256(json.dumps(of_language, sort_keys=True).encode()).hexdigest()[:32]
        rows = [row for row in terms if row["language"] == language and row["version"] == version]
        learnt = _remembered(language, rows) or learn(language, of_language, known)
        if learnt is None:
            continue
        new_terms += rows or _rows_of(language, version, learnt)
        if not learnt.is_used:
            continue
        scored = {
            (row["text_hash"], row["fold"]): row["sentiment"]
            for row in scores
            if row["language"] == language and row["version"] == version
        }
        pairs = [pair for pair in wanted if language_of[pair[0]] == language]
        for fold, model in learnt.models.items():
            missing = [known[text_hash] for text_hash, of in pairs if of == fold and (text_hash, fold) not in scored]
            if missing:
                found = model.scores(missing).tolist()
                scored.update(((text.text_hash, fold), one) for text, one in zip(missing, found, strict=True))
        new_scores += [
            {"text_hash": text_hash, "language": language, "fold": fold, "version": version,
             "sentiment": scored[text_hash, fold]}
            for text_hash, fold in pairs
        ]  # fmt: skip
    made = pa.Table.from_pylist(new_scores, SCORES)
    return made.select(ROWS.names), {"terms": pa.Table.from_pylist(new_terms, TERMS), "scores": made}


def learn(language: str, labels: Sequence[Mapping[str, Any]], texts: Mapping[str, Text]) -> Learnt | None:
    """The models of a language; None where its labels can teach none (too few of a kind, or all alike).

    They are not used where they separate happy from unhappy no better than the lexicon does, or a coin: the area under
    the curve, each label scored by the model of its own fold, which did not see it.
    """
    happy = np.array([row["is_happy"] for row in labels], bool)
    folds = np.array([row["fold"] for row in labels])
    if min(happy.sum(), (~happy).sum()) < LEAST_OF_A_KIND:
        return None
    of_labels = [texts[row["text_hash"]] for row in labels]
    models: dict[int, Model] = {}
    scores = np.zeros(len(labels))
    for fold in FOLDS:
        others, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(set(happy[others])) < 2:
            return None
        models[fold] = fit(language, [of_labels[place] for place in others], happy[others])
        if len(own):
            scores[own] = models[fold].scores([of_labels[place] for place in own])
    least = area_under_curve([text.lexicon[0] for text in of_labels], happy) if language == "en" else LEAST_AUC
    return Learnt(models, area_under_curve(scores, happy) > max(least, LEAST_AUC))


def fit(language: str, texts: Sequence[Text], is_happy: np.ndarray) -> Model:
    """A model that is learnt from texts and whether each is of a happy customer; the same from the same texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    vectorizer = TfidfVectorizer(**_words_of(language), min_df=2, max_features=MOST_TERMS)
    try:
        vectorizer.fit([text.body for text in texts])
        terms, rarities = tuple(vectorizer.get_feature_names_out().tolist()), vectorizer.idf_
    except ValueError:
        # no term is in two texts: the lexicon alone is learnt from
        terms, rarities = (), np.zeros(0)
    # a sum over threads depends on how many there are
    with threadpool_limits(1):
        features = _features(texts, terms, rarities, language)
        found = LogisticRegression(class_weight="balanced", max_iter=1000).fit(features, is_happy)
    return Model(language, terms, np.asarray(rarities), found.coef_[0], float(found.intercept_[0]))


def area_under_curve(scores: Sequence[float] | np.ndarray, is_happy: np.ndarray) -> float:
    """The chance that a happy text scores above an unhappy one, ties half (Hanley and McNeil 1982).

    >>> area_under_curve([0.1, 0.4, 0.4, 0.9], np.array([False, True, False, True]))
    0.875
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_happy, scores))


def _words_of(language: str) -> dict[str, Any]:
    if language in WITHOUT_BLANKS:
        return {"analyzer": "char", "ngram_range": (1, 3), "sublinear_tf": True}
    return {"ngram_range": (1, 2), "sublinear_tf": True}


def _features(texts: Sequence[Text], terms: Sequence[str], rarities: np.ndarray, language: str) -> Any:
    """A sparse matrix, texts by terms and the lexicon's scores."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    lexicon = csr_matrix(np.array([text.lexicon for text in texts]))
    if not terms:
        return lexicon
    vectorizer = TfidfVectorizer(**_words_of(language), vocabulary=list(terms))
    vectorizer.idf_ = np.asarray(rarities)
    return hstack([vectorizer.transform([text.body for text in texts]), lexicon]).tocsr()


def _text_of(row: Mapping[str, Any]) -> Text:
    return Text(row["text_hash"], row["text"], tuple(row[name] for name in LEXICON))


def _by_language(labels: pa.Table) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    rows = labels.to_pylist()
    for language in sorted({row["language"] for row in rows}):
        yield language, [row for row in rows if row["language"] == language]


def _rows_of(language: str, version: str, learnt: Learnt) -> list[dict[str, Any]]:
    """The rows of `terms` that models are kept as."""
    rows: list[dict[str, Any]] = []
    for fold, model in learnt.models.items():
        names = [*model.terms, *(f"::{name}" for name in LEXICON), INTERCEPT]
        rarities = [*model.rarities.tolist(), *(None for _ in (*LEXICON, INTERCEPT))]
        weights = [*model.weights.tolist(), model.intercept]
        rows += [
            {"language": language, "version": version, "is_used": learnt.is_used, "fold": fold, "term": name,
             "rarity": rarity, "weight": weight, "place": place}
            for place, (name, rarity, weight) in enumerate(zip(names, rarities, weights, strict=True))
        ]  # fmt: skip
    return rows


def _remembered(language: str, rows: Sequence[Mapping[str, Any]]) -> Learnt | None:
    """The models that rows of `terms` are; None for no rows."""
    if not rows:
        return None
    models: dict[int, Model] = {}
    for fold in FOLDS:
        of_fold = sorted((row for row in rows if row["fold"] == fold), key=lambda row: row["place"])
        words = of_fold[: -1 - len(LEXICON)]
        models[fold] = Model(
            language,
            tuple(row["term"] for row in words),
            np.array([row["rarity"] for row in words]),
            np.array([row["weight"] for row in of_fold[:-1]]),
            of_fold[-1]["weight"],
        )
    return Learnt(models, bool(rows[0]["is_used"]))
