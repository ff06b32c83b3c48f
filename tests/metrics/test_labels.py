"""Metrics of classes and of several labels equal scikit-learn on random inputs; their edges and errors."""

import json
import random
import warnings
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    label_ranking_average_precision_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from metrics.base import Metric, MetricError, Row
from metrics.bootstrap import measure
from metrics.score import METRICS, MetricSpec, ScoringSpec, check, score

LABELS = ["dog", "cat", "rain", "hail"]
FEW = settings(max_examples=60, deadline=None, derandomize=True)


def value_of(metric: Metric, rows: list[Row]) -> float | None:
    return measure(metric, rows, draws=0)[0]


def valued(metric: Metric, rows: list[Row], weights: np.ndarray) -> float:
    return float(metric.score(metric.encode(rows), weights))  # type: ignore[attr-defined]


@st.composite
def multilabel(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, scores (with ties) and weights, shape = (n, 4), (n, 4), (n,)."""
    size = draw(st.integers(1, 12))
    grid = st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=size, max_size=size)
    levels = st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=size, max_size=size)
    counts = st.lists(st.integers(0, 3), min_size=size, max_size=size)
    return np.array(draw(grid)), np.array(draw(levels)) / 4, np.array(draw(counts))


def rows_of(truth: np.ndarray, scores: np.ndarray) -> list[Row]:
    return [
        Row(
            f"{number:03}",
            json.dumps(dict(zip(LABELS, given_scores.tolist(), strict=True))),
            (json.dumps([label for label, right in zip(LABELS, line, strict=True) if right]),),
        )
        for number, (line, given_scores) in enumerate(zip(truth, scores, strict=True))
    ]


@FEW
@given(multilabel())
def test_average_precision_and_area_equal_scikit_learn(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, scores, weights = drawn
    rows, kept = rows_of(truth, scores), weights > 0
    positive = (truth[kept].sum(axis=0) > 0) if kept.any() else np.zeros(4, dtype=bool)
    both = positive & (truth[kept].sum(axis=0) < kept.sum())
    every = valued(METRICS["mean_ap"](LABELS, {"classes": "all"}), rows, weights)
    present = valued(METRICS["mean_ap"](LABELS, {"classes": "with_positives"}), rows, weights)
    measurable = valued(METRICS["mean_ap"](LABELS), rows, weights)
    micro = valued(METRICS["mean_ap"](LABELS, {"classes": "all", "average": "micro"}), rows, weights)
    dprime = valued(METRICS["d_prime"](LABELS), rows, weights)
    if not positive.any():
        assert np.isnan([every, present, measurable, micro, dprime]).all()
        return
    truth, scores, weights = truth[kept], scores[kept], weights[kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (UndefinedMetricWarning, UserWarning))  # type: ignore[arg-type]
        by_class = [average_precision_score(truth[:, n], scores[:, n], sample_weight=weights) for n in range(4)]
        assert every == pytest.approx(np.mean(by_class), rel=1e-12)
        assert present == pytest.approx(np.mean(np.array(by_class)[positive]), rel=1e-12)
        assert micro == pytest.approx(
            average_precision_score(truth, scores, average="micro", sample_weight=weights), rel=1e-12
        )
        if both.any():
            areas = [roc_auc_score(truth[:, n], scores[:, n], sample_weight=weights) for n in np.flatnonzero(both)]
            area = min(max(float(np.mean(areas)), 2**-53), 1 - 2**-53)
            assert NormalDist().cdf(dprime / 2**0.5) == pytest.approx(area, rel=1e-9, abs=1e-12)
            assert measurable == pytest.approx(np.mean(np.array(by_class)[both]), rel=1e-12)
        else:
            assert np.isnan([dprime, measurable]).all()


@FEW
@given(multilabel())
def test_label_ranking_equals_scikit_learn(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, scores, _ = drawn
    found = value_of(METRICS["lwlrap"](LABELS), rows_of(truth, scores))
    weights = truth.sum(axis=1)
    if not weights.any():
        assert found is None
        return
    assert found == pytest.approx(
        label_ranking_average_precision_score(truth, scores, sample_weight=weights), rel=1e-12
    )


@FEW
@given(multilabel())
def test_a_missing_score_is_one_below_all(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, scores, _ = drawn
    lowest = scores.min(axis=None)
    rows = rows_of(truth, scores)
    sparse = [
        Row(row.id, json.dumps({k: v for k, v in json.loads(row.answer or "").items() if v > lowest}), row.references)
        for row in rows
    ]
    for metric in (
        METRICS["mean_ap"](LABELS),
        METRICS["mean_ap"](LABELS, {"average": "micro"}),
        METRICS["d_prime"](LABELS),
    ):
        assert (value_of(metric, sparse) or -1) == pytest.approx(value_of(metric, rows) or -1, rel=1e-12)
    hard = [Row(row.id, json.dumps(list(json.loads(row.answer or ""))), row.references) for row in sparse]
    as_numbers = rows_of(truth, (scores > lowest).astype(float))
    ap = METRICS["mean_ap"](LABELS)
    assert (value_of(ap, hard) or -1) == pytest.approx(value_of(ap, as_numbers) or -1, rel=1e-12)


@pytest.mark.parametrize("name", ["mean_ap", "d_prime", "lwlrap"])
def test_perfect_and_damaged_labels(name: str) -> None:
    rng = random.Random(8)
    metric = METRICS[name](LABELS)
    golds = [json.dumps(sorted(rng.sample(LABELS, rng.randint(0, 3)))) for _ in range(30)]
    rows = [Row(f"{n:03}", gold, (gold,)) for n, gold in enumerate(golds)]
    perfect = value_of(metric, rows)
    assert perfect == pytest.approx(metric.range[1], rel=1e-12)
    for damage in ("nonsense", "[]", None, '["thunder"]', "{}", '["dog"'):
        number = next(n for n, gold in enumerate(golds) if gold != "[]")
        worse = value_of(metric, [*rows[:number], Row(f"{number:03}", damage, (golds[number],)), *rows[number + 1 :]])
        assert worse is not None and worse < perfect
    assert value_of(metric, [Row("1", "x", ("[]",))]) is None


def test_equal_scores_and_classes_that_cannot_be_ranked() -> None:
    """`rain` is in every reference: whatever is answered, its average precision is 1."""
    golds = ['["dog", "rain"]', '["rain"]', '["cat", "rain"]', '["rain"]']
    for answer in ("[]", "{}", '{"dog": 0.5, "cat": 0.5, "rain": 0.5}'):
        rows = [Row(f"{n}", answer, (gold,)) for n, gold in enumerate(golds)]
        assert value_of(METRICS["mean_ap"](LABELS), rows) == 0.25, "the share of the positives"
        assert value_of(METRICS["mean_ap"](LABELS, {"classes": "with_positives"}), rows) == pytest.approx(1.5 / 3)
        assert value_of(METRICS["d_prime"](LABELS), rows) == 0
        details = METRICS["mean_ap"](LABELS).details(rows)
        assert details is not None and details["classes"]["rain"] == {"positives": 4, "mean_ap": None}
        assert details["without_positives"] == ["hail"]
    every = [Row(f"{n}", "[]", ('["rain"]',)) for n in range(3)]
    for average in ("macro", "micro"):
        assert value_of(METRICS["mean_ap"](options={"average": average}), every) is None


UNREAD = [("mean_ap", {}), ("mean_ap", {"classes": "with_positives"}), ("mean_ap", {"classes": "all"}), ("d_prime", {}),
          ("lwlrap", {})]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), UNREAD)
@FEW
@given(drawn=multilabel())
def test_no_answer_is_worse_than_one_that_cannot_be_read(
    name: str, options: dict[str, str], drawn: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """Without ties: a step of several equal scores can be worth less than one on the lowest place."""
    truth, scores, _ = drawn
    distinct = np.argsort(scores.ravel(), kind="stable").argsort().reshape(scores.shape) / 10
    rows, metric = rows_of(truth, distinct), METRICS[name](LABELS, options)
    for answer in (None, "I hear a dog", '{"dog": NaN}'):
        unread = value_of(metric, [Row(rows[0].id, answer, rows[0].references), *rows[1:]])
        for text in (rows[0].answer, "[]", '["dog", "rain"]', '{"dog": -9e99, "cat": 9e99, "hail": 0.25}'):
            read = value_of(metric, [Row(rows[0].id, text, rows[0].references), *rows[1:]])
            assert (read is None) == (unread is None)
            assert read is None or unread is None or read >= unread - 1e-12


def test_labels_without_a_set_are_those_seen() -> None:
    rows = [Row("1", '["dog", "fox"]', ('["dog"]',)), Row("2", '["cat"]', ('["cat"]',))]
    assert value_of(METRICS["mean_ap"](), rows) == 1
    assert value_of(METRICS["mean_ap"](options={"classes": "all"}), rows) == pytest.approx(2 / 3)
    assert METRICS["mean_ap"]().signature_parts(rows) == {
        "labels": "seen", "unread": "worst", "avg": "macro", "classes": "with_positives_and_negatives",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("dgo", r"row 's1': the reference has the label 'dgo', which is not in the set; did you mean 'dog'\?"),
        ('{"dog": 1}', "is no list of labels"),
        ("[1]", "is no list of labels"),
        ("[" * 100_000, "is no list of labels"),
        ('["dgo"]', r"has the label 'dgo', which is not in the set; did you mean 'dog'\?"),
    ],
)
@pytest.mark.parametrize("name", ["mean_ap", "d_prime", "lwlrap"])
def test_bad_references_of_labels_are_refused(name: str, reference: str, message: str) -> None:
    spec = ScoringSpec({"it": MetricSpec(name)}, "it", labels=LABELS)
    with pytest.raises(MetricError, match=message):
        check(spec, [{"id": "s1", "references": [reference], "fields": {}}])
    with pytest.raises(MetricError, match="row 's1': 2 references that are lists of labels; a sample has one, of all"):
        check(spec, [{"id": "s1", "references": ['["dog"]'] * 2, "fields": {}}])
    free = ScoringSpec({"it": MetricSpec(name)}, "it")
    with pytest.raises(
        MetricError, match=r"row 's1': the reference 'dog' is no list of labels in JSON, such as \[\"dog"
    ):
        check(free, [{"id": "s1", "references": ["dog"], "fields": {}}])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mean_ap", {"average": "weighted"}, "'average' is 'weighted'; it is one of macro, micro"),
        ("mean_ap", {"classes": 3}, "'classes' is 3; it is one of with_positives_and_negatives, with_positives, all"),
        ("top_k", {"k": 0}, "'k' is 0; it is a whole number from 1 on"),
        ("top_k", {"k": "5"}, "'k' is '5'"),
        ("macro_f1", {"classes": "gold"}, "'classes' is 'gold'; write 'union' or leave it out"),
        ("note_pitch", {"published": 1}, "'published' is true or false"),
        ("slot_f1", {"fold": "yes"}, "'fold' is true or false"),
        ("entity_f1", {"distance": "words"}, "'distance' is 'words'; it is one of exact, word, char"),
        ("intent_f1", {"average": []}, r"'average' is \[\]; it is one of micro, macro"),
        ("bleu", {"tokenize": "14a"}, r"no tokenizer '14a'; did you mean '13a'\?"),
        ("ter", {"normalized": "no"}, "'normalized' is 'no'; it is true or false"),
    ],
)
def test_bad_options_are_refused_first(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check(ScoringSpec({"it": MetricSpec(name, options=options)}, "it"))


@pytest.mark.parametrize(
    ("answer", "k", "right"),
    [
        ('["cat", "dog", "rain"]', 1, False),
        ('["cat", "dog", "rain"]', 2, True),
        ('["cat", "cat", "dog"]', 2, True),
        ('{"dog": 0.2, "cat": 0.9, "rain": 0.1}', 2, True),
        ('{"dog": 0.2, "cat": 0.2}', 1, False),
        ('{"dog": 0.2, "cat": 0.2}', 2, True),
        ('{"dog": -3}', 1, True),
        (' ["dog"]', 1, True),
        ("dog", 1, True),
        ("cat", 5, False),
        ("", 5, False),
        ("[]", 5, False),
        ('["dog"', 5, False),
        ('{"dog": NaN}', 5, False),
        ('{"dog": true}', 5, False),
        ('{"dog": 1' + "0" * 400 + "}", 5, False),
        ("[1, 2]", 5, False),
        ('[["dog"]]', 5, False),
        (None, 5, False),
    ],
)
def test_top_k(answer: str | None, k: int, right: bool) -> None:
    metric = METRICS["top_k"](options={"k": k})
    assert value_of(metric, [Row("1", answer, ("wolf", "dog"))]) == (100 if right else 0)
    assert metric.signature_parts([])["k"] == str(k)


def test_top_k_equals_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    scores, gold = rng.permuted(np.tile(np.arange(4.0), (50, 1)), axis=1), rng.integers(0, 4, 50)
    rows = [
        Row(f"{n:03}", json.dumps(dict(zip(LABELS, line, strict=True))), (LABELS[right],))
        for n, (line, right) in enumerate(zip(scores.tolist(), gold, strict=True))
    ]
    ranked = [
        Row(row.id, json.dumps([LABELS[i] for i in np.argsort(-line)]), row.references)
        for row, line in zip(rows, scores, strict=True)
    ]
    for k in (1, 2, 3):
        expected = 100 * top_k_accuracy_score(gold, scores, k=k, labels=range(4))
        for answers in (rows, ranked):
            assert value_of(METRICS["top_k"](options={"k": k}), answers) == pytest.approx(expected, rel=1e-12)


@st.composite
def classed(draw: st.DrawFn) -> tuple[list[Row], np.ndarray]:
    said = st.sampled_from([*LABELS, "fox", "", None])
    pairs = draw(st.lists(st.tuples(said, st.sampled_from(LABELS)), min_size=1, max_size=20))
    weights = draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)))
    return [Row(f"{n:03}", answer, (gold,)) for n, (answer, gold) in enumerate(pairs)], np.array(weights)


@FEW
@given(classed(), st.booleans())
def test_recall_and_f1_equal_scikit_learn(drawn: tuple[list[Row], np.ndarray], fixed: bool) -> None:
    rows, weights = drawn
    labels = LABELS if fixed else None
    uar, union = METRICS["uar"](labels), METRICS["macro_f1"](labels, {"classes": "union"})
    kept = [(row, weight) for row, weight in zip(rows, weights, strict=True) if weight]
    if not kept:
        assert np.isnan(valued(uar, rows, weights)) and np.isnan(valued(union, rows, weights))
        return
    gold = [row.references[0] for row, _ in kept]
    sample_weight = [weight for _, weight in kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = balanced_accuracy_score(gold, [str(row.answer) for row, _ in kept], sample_weight=sample_weight)
    assert valued(uar, rows, weights) == pytest.approx(100 * expected, rel=1e-12)
    answers = [str(row.answer) for row, _ in kept]
    seen = sorted({*gold, *(row.answer for row, _ in kept if row.answer is not None)})
    expected = f1_score(gold, answers, average="macro", labels=seen, sample_weight=sample_weight, zero_division=0)
    assert valued(union, rows, weights) == pytest.approx(100 * expected, rel=1e-12)


@FEW
@given(classed())
def test_details_of_accuracy(drawn: tuple[list[Row], np.ndarray]) -> None:
    rows, _ = drawn
    found = METRICS["accuracy"](LABELS).details(rows)
    assert found is not None and json.loads(json.dumps(found)) == found
    gold = [row.references[0] for row in rows]
    said = [row.answer if row.answer in LABELS else "other" for row in rows]
    expected = confusion_matrix(gold, said, labels=[*LABELS, "other"])[:4]
    assert found["labels"] == LABELS and found["confusion"] == expected.tolist()
    for n, recall in enumerate(found["recall"]):
        total = gold.count(LABELS[n])
        assert recall == (pytest.approx(100 * expected[n, n] / total) if total else None)
    most = max(map(gold.count, LABELS))
    assert found["majority"]["percent"] == pytest.approx(100 * most / len(rows))
    assert gold.count(found["majority"]["label"]) == most


def test_details_of_accuracy_are_bounded() -> None:
    rows = [Row(str(n), "x", (f"{n} " * 1000,)) for n in range(1000)]
    found = METRICS["accuracy"]().details(rows)
    assert found is not None and len(json.dumps(found)) < 200 and "confusion" not in found


def test_scores_of_many_labels_are_fast_enough() -> None:
    rng = np.random.default_rng(1)
    names = [f"c{n}" for n in range(50)]
    rows = [
        Row(
            f"{n:05}",
            json.dumps(dict(zip(names, line.round(3).tolist(), strict=True))),
            (json.dumps(rng.choice(names, 2, replace=False).tolist()),),
        )
        for n, line in enumerate(rng.random((2000, 50)))
    ]
    spec = ScoringSpec({"it": MetricSpec("mean_ap")}, "it", labels=names)
    records = [{"id": row.id, "raw": row.answer, "references": list(row.references)} for row in rows]
    (only,) = score(records, spec)
    assert only.value is not None and only.value == pytest.approx(0.04, abs=0.02) and only.ci95


@pytest.mark.parametrize("metric", ["mean_ap", "lwlrap", "d_prime"])
def test_references_that_are_labels_are_right_together(metric: str) -> None:
    """The same value as with one list of them in JSON; answers are read by the extractor of several labels."""
    spec = ScoringSpec(metrics={"row": MetricSpec(metric, extractor="labels")}, primary="row", labels=LABELS)
    truth = [["dog"], ["cat", "rain"], ["hail", "dog"], ["rain"]]
    said = ["a dog", "rain on a roof", "hail and a dog and a cat", "no idea"]

    def scored(references: list[list[str]]) -> Any:
        rows = [
            {"id": str(place), "references": right, "raw": raw}
            for place, (right, raw) in enumerate(zip(references, said, strict=True))
        ]
        check(spec, rows)
        (found,) = score(rows, spec)
        return found.value, found.ci95, found.signature

    assert scored(truth) == scored([[json.dumps(labels)] for labels in truth])
    with pytest.raises(MetricError, match="'wind', which is not in the set"):
        check(spec, [{"id": "0", "references": ["dog", "wind"], "fields": {}}])
