"""The Python step int_text_readings: the language of a text, and its mood by a lexicon of English.

Both packages bring what they know in their wheels; nothing is downloaded. The lexicon is VADER's (Hutto and Gilbert
2014, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text"), the languages are those of
py3langid, a naive Bayes classifier over byte n-grams (Lui and Baldwin 2012, "langid.py").
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

# The language of a text that may be in several, or that has no words: undetermined, as ISO 639 has it.
UNDETERMINED = "und"
# What py3langid says of digits and signs.
NO_WORDS = "zxx"
# A language counts when it is at least as likely as all others together; single words and names seldom are.
LEAST_PROBABILITY = 0.5
DECIMALS = 4

SCHEMA = pa.schema(
    [
        ("text_hash", pa.string()),
        ("language", pa.string()),
        ("lexicon_score", pa.float64()),
        ("lexicon_positive_share", pa.float64()),
        ("lexicon_negative_share", pa.float64()),
    ]
)


def text_readings(texts: pa.Table, kept: Mapping[str, pa.Table]) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The rows of int_text_readings, one per text of `texts` (text_hash, text), in its order.

    A text that was read in an earlier build is not read again: `kept` has them as `known`, and what is returned
    becomes the next `known`. Without a new text neither package is loaded.
    """
    known = {row["text_hash"]: row for row in kept["known"].to_pylist()} if kept else {}
    hashes, bodies = texts["text_hash"].to_pylist(), texts["text"].to_pylist()
    new = [(text_hash, text) for text_hash, text in zip(hashes, bodies, strict=True) if text_hash not in known]
    known.update((row["text_hash"], row) for row in read_texts(new))
    rows = pa.Table.from_pylist([known[text_hash] for text_hash in hashes], SCHEMA)
    return rows, {"known": rows}


def read_texts(texts: list[tuple[str, str]]) -> list[dict[str, object]]:
    """What each text (hash, text) says: language, mood from -1 (unhappy) to 1, shares of happy and unhappy words."""
    if not texts:
        return []
    from py3langid.langid import MODEL_FILE, LanguageIdentifier
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    languages = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    lexicon = SentimentIntensityAnalyzer()
    rows: list[dict[str, object]] = []
    for text_hash, text in texts:
        language, probability = languages.classify(text)
        is_certain = bool(text) and probability >= LEAST_PROBABILITY and language != NO_WORDS
        scores = lexicon.polarity_scores(text)
        rows.append(
            {
                "text_hash": text_hash,
                "language": language if is_certain else UNDETERMINED,
                "lexicon_score": round(float(scores["compound"]), DECIMALS),
                "lexicon_positive_share": round(float(scores["pos"]), DECIMALS),
                "lexicon_negative_share": round(float(scores["neg"]), DECIMALS),
            }
        )
    return rows
