"""Caption metrics against pycocoevalcap and formulas, without Java."""

import math
import random
import time
from itertools import chain
from typing import Any

import numpy as np
import pytest
from caption_rows import BLEU, PYTHON, rows_of, scored, tokens_of, value
from captions import captions
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.base import Row
from metrics.bootstrap import measure
from metrics.captions import common_subsequence, ngrams
from metrics.score import METRICS

WORDS = st.lists(
    st.sampled_from(["a", "the", "dog", "cat", "bird", "barks", "sings", "runs", "and", "loudly"]), max_size=9
).map(" ".join)


SETS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=1, max_size=6)


@pytest.mark.filterwarnings("ignore")
def against_the_library(rows: list[Row]) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    references, answers = tokens_of(rows)
    for name, expected in zip(BLEU, Bleu(4).compute_score(references, answers, verbose=0)[0], strict=True):
        assert value(name, rows) == pytest.approx(100 * expected, rel=1e-12, abs=1e-300)
    expected, each = Rouge().compute_score(references, answers)
    assert value("rouge_l", rows) == pytest.approx(100 * expected, rel=1e-12)
    assert METRICS["rouge_l"]().table(rows)[:, 0] == pytest.approx(each, rel=1e-12)  # type: ignore[attr-defined]
    if any(text.split() for texts in references.values() for text in texts):  # else the library fails
        expected, each = Cider().compute_score(references, answers)
        assert value("cider_d", rows) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert METRICS["cider_d"]().table(rows)[:, 0] == pytest.approx(each, rel=1e-9, abs=1e-12)  # type: ignore[attr-defined]


def plain_cider(rows: list[Row]) -> float:
    """CIDEr from the formula of the paper, with matrices."""
    references, answers = tokens_of(rows)
    total = 0.0
    for order in range(4):
        documents = {row: [ngrams(text)[order] for text in texts] for row, texts in references.items()}
        said = {row: ngrams(texts[0])[order] for row, texts in answers.items()}
        known = sorted({gram for counts in [*said.values(), *chain(*documents.values())] for gram in counts})
        if not known:
            continue
        seen = np.array(
            [sum(any(gram in counts for counts in texts) for texts in documents.values()) for gram in known]
        )
        idf = np.log(len(rows) / np.maximum(1, seen))
        for row, texts in documents.items():
            mine = idf * [said[row][gram] for gram in known]
            for counts in texts:
                theirs = idf * [counts[gram] for gram in known]
                norms = np.linalg.norm(mine) * np.linalg.norm(theirs)
                total += 10 / 4 * (mine @ theirs / norms if norms > 1e-12 else 0) / len(texts) / len(rows)
    return total


@pytest.mark.usefixtures("no_java")
def test_captions_equal_pycocoevalcap() -> None:
    @settings(max_examples=60, deadline=None)
    @given(SETS)
    def equal(pairs: list[tuple[str, list[str]]]) -> None:
        against_the_library(rows_of(pairs))
        assert value("cider", rows_of(pairs)) == pytest.approx(plain_cider(rows_of(pairs)), rel=1e-9, abs=1e-9)

    equal()
    made = captions(240, seed=3)
    rng = random.Random(4)
    pairs = [(made[n] if n % 3 else made[n + 1][:20], made[n : n + rng.randint(1, 5)]) for n in range(0, 200, 2)]
    against_the_library(rows_of(pairs))
    assert value("cider", rows_of(pairs)) == pytest.approx(plain_cider(rows_of(pairs)), rel=1e-9)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
@settings(max_examples=200, deadline=None)
def test_common_subsequence(first: list[str], second: list[str]) -> None:
    from pycocoevalcap.rouge.rouge import my_lcs

    assert common_subsequence(first, second) == my_lcs(first, second)


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("metric", PYTHON)
def test_damage_is_worse_and_order_does_not_matter(metric: str) -> None:
    texts = captions(30, seed=8)
    right = [(text, [text]) for text in texts]
    wrong = [("a thing", [texts[0]]), *right[1:]]
    best = value(metric, rows_of(right))
    worse = value(metric, rows_of(wrong))
    assert best is not None and worse is not None and worse < best
    assert best == pytest.approx(METRICS[metric].range[1], rel=1e-6 if metric in PYTHON[:5] else 0.2)
    assert value(metric, rows_of(wrong)[::-1]) == pytest.approx(worse, rel=1e-12)


@pytest.mark.usefixtures("no_java")
def test_document_frequencies_are_the_sets_own() -> None:
    (single,) = scored([("a dog barks", ["a dog barks"])], "cider_d").values()
    assert single.value == 0, "with one row every n-gram is in every document"
    assert single.details == {
        "document_frequencies_of": 1,
        "warning": "document frequencies of only 1 rows: not comparable with a value of the whole set",
    }
    pairs = [(text, [text]) for text in captions(120, seed=9)]
    many = scored(pairs, "cider_d", "cider")
    assert many["cider_d"].details == {"document_frequencies_of": 120}
    assert many["cider_d"].signature == "cider_d|norm:none.1|tok:ptb-py.1|n:4|df:rows|sigma:6|agg:mean"
    assert many["cider"].signature == "cider|norm:none.1|tok:ptb-py.1|n:4|df:rows|clip:no|agg:mean"
    assert value("cider_d", rows_of(pairs[:60])) != pytest.approx(value("cider_d", rows_of(pairs)))
    metric: Any = METRICS["cider_d"]()
    each = metric.table(rows_of(pairs))[:, 0]
    assert many["cider_d"].ci95 is not None
    assert np.allclose(many["cider_d"].ci95, each.mean() + np.array([-1.96, 1.96]) * each.std() / 120**0.5, atol=0.1)


def test_a_set_of_the_size_of_clothos_is_scored_in_seconds() -> None:
    made = captions(6 * 1045, seed=11)
    rows = rows_of([(made[n], made[n + 1 : n + 6]) for n in range(0, len(made), 6)])
    started = time.perf_counter()
    for metric in PYTHON:
        assert measure(METRICS[metric](), rows)[1] is not None
    assert time.perf_counter() - started < 15


def test_nothing_that_a_caption_can_hold_is_an_error() -> None:
    pairs = [
        ("\0", [""]),
        ("", ["\0"]),
        ("\ud83d", ["a"]),
        ("a" * 100_000, ["a"]),
        ("שלום 😀", ["\u2028"]),
        ("...", ["."]),
    ]
    for metric in PYTHON:
        found = value(metric, rows_of(pairs))
        assert found is not None and math.isfinite(found)
