"""METEOR against pycocoevalcap, and with captions of extreme length."""

import json
import time
from typing import Any

import numpy as np
import pytest
from caption_rows import DATA, rows_of, tokens_of
from captions import captions

from metrics.base import MetricError, Row
from metrics.bootstrap import measure
from metrics.score import METRICS, MetricSpec, ScoringSpec, check

METEOR_ROWS = [
    ("A dog barks.", ["A dog is barking loudly", "the dog barked"]),
    ("A dog barks.", ["A dog barks!"]),
    ("", ["a dog"]),
    ("a dog", [""]),
    ("", [""]),
    ("\0", ["x \0 y"]),
    ("😀 שלום מרחبا 日本語", ["שלום 😀"]),
    ("a ||| b ||| c", ["||| a b", "c|||"]),
    ("word " * 1_000, ["a word"]),
    ("a" * 100_000, ["a b"]),
    ("on the mat sat the cats", ["a cat sat on the mat"]),
    ("one\rtwo\u2028three", ["one two three"]),
    *(
        (text, [other, more])
        for text, other, more in zip(captions(60, 5), captions(60, 6), captions(60, 7), strict=True)
    ),
]


@pytest.fixture(scope="module")
def meteor(java: str) -> tuple[list[Row], np.ndarray]:
    """Rows and their statistics, in one start."""
    del java
    rows = [Row("none", None, ("a dog",)), *rows_of(METEOR_ROWS)]
    oracle = [json.loads(line) for line in (DATA / "caption.jsonl").read_text("utf-8").splitlines()]
    rows += [Row(row["id"], row["prediction"], tuple(row["references"])) for row in oracle]
    return rows, METRICS["meteor"]().table(rows)  # type: ignore[attr-defined]


def test_meteor_equals_pycocoevalcap(meteor: tuple[list[Row], np.ndarray]) -> None:
    from pycocoevalcap.meteor.meteor import Meteor

    rows, table = meteor
    metric: Any = METRICS["meteor"]()
    references, answers = tokens_of(rows)
    corpus, each = Meteor().compute_score(references, answers)
    assert metric.score(table.sum(axis=0)) == pytest.approx(100 * corpus, rel=1e-12)
    assert [metric.score(row) for row in table] == pytest.approx([100 * one for one in each], rel=1e-12)
    assert table[0].tolist() == metric.table([Row("empty", "", ("a dog",))])[0].tolist()
    # The published value, from the statistics of its rows among all these; equal tokens are not asked twice
    oracle = [place for place, row in enumerate(rows) if row.id.startswith("caption-")]
    expected = json.loads((DATA / "expected.json").read_text())["caption"]["METEOR"]
    assert metric.score(table[oracle].sum(axis=0)) == pytest.approx(100 * expected, rel=1e-12)
    started = time.perf_counter()
    assert measure(metric, [rows[place] for place in oracle])[0] == pytest.approx(100 * expected, rel=1e-12)
    assert time.perf_counter() - started < 2, "a thousand draws, no second start"


def test_meteor_at_the_edges(meteor: tuple[list[Row], np.ndarray]) -> None:
    metric: Any = METRICS["meteor"]()
    values = [metric.score(row) for row in meteor[1]]
    assert all(0 <= one <= 100 for one in values)
    assert values[0] == values[3] == values[4] == values[5] == 0
    assert values[2] == values[12] == pytest.approx(100)
    assert metric.score(np.zeros(23)) == 0


LONG = "word " * 10_000
"""With twenty times `word` in the reference more than the program's memory holds."""


def test_a_caption_of_extreme_length_costs_its_own_row(java: str) -> None:
    del java
    metric: Any = METRICS["meteor"]()
    references = (("word " * 20).strip(),)
    others = rows_of([(text, [other]) for text, other in zip(captions(9, 5), captions(9, 6), strict=True)])
    rows = [Row("long", LONG, references), *others]
    table = metric.table(rows)
    assert metric.score(table[0]) == 0
    assert table[0].tolist() == metric.table([Row("none", None, references)])[0].tolist(), "as the empty caption"
    assert table[1:].tolist() == metric.table(others).tolist(), "all others are as they were"
    assert metric.details(rows) == {"answers_too_long": 1}
    most, more = (metric.captions([Row("1", "word " * words, references)])[0][0] for words in (1_000, 1_001))
    assert len(most.split()) == 1_000 and more == ""
    assert metric.signature_parts(rows)["max"] == "1000"


def test_a_reference_of_extreme_length_is_refused() -> None:
    spec = ScoringSpec({"meteor": MetricSpec("meteor")}, primary="meteor")
    sample = {"id": "s1", "references": ["a dog", LONG], "fields": {}}
    with pytest.raises(MetricError, match="row 's1': a reference has 10000 tokens; METEOR takes 1000 at most"):
        check(spec, [sample])
    check(spec, [{**sample, "references": ["a" * 100_000, "word " * 1_000]}])
