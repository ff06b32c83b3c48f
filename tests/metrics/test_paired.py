"""Paired tests: calibrated where nothing differs, agreed with by sacreBLEU and scipy, refusing what is not paired."""

import json
import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from metrics import bootstrap, paired
from metrics.base import Metric, MetricError, Row, SumMetric
from metrics.bootstrap import measure
from metrics.paired import Comparison, Contest, compare, holm, mcnemar, one_against_many, rank
from metrics.randomization import randomized
from metrics.registry import METRICS


def system(rate: float, size: int = 200, groups: int = 40, seed: int = 0) -> list[Row]:
    """A system that gets each word wrong at a rate; the samples are the same for all seeds."""
    words, errors = random.Random(99), random.Random(seed)
    rows = []
    for number in range(size):
        reference = [words.choice("abcdefgh") for _ in range(8)]
        said = ["x" if errors.random() < rate else word for word in reference]
        rows.append(Row(f"{number:04}", " ".join(said), (" ".join(reference),), "en", f"g{number % groups}"))
    return rows


def classes(right: float, size: int = 200, groups: int = 50, seed: int = 0) -> list[Row]:
    truth, errors = random.Random(98), random.Random(seed)
    rows = []
    for number in range(size):
        reference = truth.choice(["dog", "cat", "cow"])
        answer = reference if errors.random() < right else errors.choice(["dog", "cat", "cow"])
        rows.append(Row(f"{number:04}", answer, (reference,), None, f"g{number % groups}"))
    return rows


CASES = [
    ("wer", system(0.2), system(0.3, seed=1)),
    ("bleu", system(0.2), system(0.3, seed=1)),
    ("accuracy", classes(0.6), classes(0.8, seed=1)),
    ("macro_f1", classes(0.6), classes(0.8, seed=1)),
]


@pytest.mark.parametrize(("metric", "first", "second"), CASES)
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_difference_is_found_and_turns_with_the_systems(
    metric: str, first: list[Row], second: list[Row], method: str
) -> None:
    it = METRICS[metric]()
    found = compare(it, first, second, method=method)
    assert (found.first, found.second) == (measure(it, first)[0], measure(it, second)[0])
    assert found.first is not None and found.second is not None and found.ci95 is not None
    assert found.difference == found.second - found.first
    assert found.ci95[0] < found.difference < found.ci95[1]
    assert found.p_bootstrap is not None and found.p_randomization is not None
    assert 1 / 1001 <= found.p_bootstrap < 0.01 and 1 / 1001 <= found.p_randomization < 0.01
    assert (found.n, found.draws, found.ci_method) == (200, 1000, method)
    assert json.loads(json.dumps(found.to_dict()))["metric"] == metric
    assert compare(it, first[::-1], random.Random(3).sample(second, len(second)), method=method) == found
    turned = compare(it, second, first, method=method)
    assert (turned.p_bootstrap, turned.p_randomization) == (found.p_bootstrap, found.p_randomization)
    assert turned.ci95 == pytest.approx((-found.ci95[1], -found.ci95[0]), rel=1e-9)
    assert compare(it, first, second, seed=5, method=method).ci95 != found.ci95


@pytest.mark.parametrize(("metric", "first", "second"), CASES)
def test_equal_systems_are_not_separated(metric: str, first: list[Row], second: list[Row]) -> None:
    found = compare(METRICS[metric](), first, first)
    assert (found.difference, found.ci95, found.p_bootstrap, found.p_randomization) == (0, (0, 0), 1, 1)
    assert found.mcnemar is None or found.mcnemar.p == 1


@pytest.mark.parametrize(
    ("metric", "make", "rate"), [("wer", system, 0.3), ("accuracy", classes, 0.6), ("macro_f1", classes, 0.6)]
)
def test_p_values_are_uniform_where_nothing_differs(metric: str, make: Any, rate: float) -> None:
    """Two systems of one kind: at most about 5 % of p values lie below 0.05, and half below 0.5."""
    runs = 60 if metric == "macro_f1" else 150
    found = [
        compare(METRICS[metric](), make(rate, seed=2 * n), make(rate, seed=2 * n + 1), draws=199 if runs == 150 else 99)
        for n in range(runs)
    ]
    for p_values in ([one.p_bootstrap for one in found], [one.p_randomization for one in found]):
        assert np.mean(np.array(p_values) < 0.05) < 0.12
        assert 0.35 < np.mean(np.array(p_values) < 0.5) < 0.65


def test_groups_are_swapped_and_drawn_whole() -> None:
    """Errors that come by speaker: by utterance the difference looks sure, by speaker it is not."""
    rng = random.Random(5)
    harder = {f"g{n}": rng.random() < 0.5 for n in range(6)}
    first = [Row(f"{n:03}", "a", ("a",), None, f"g{n % 6}") for n in range(120)]
    harder["g0"], harder["g1"] = True, False
    second = [row._replace(answer="b" if harder[row.group] and n // 6 % 3 else "a") for n, row in enumerate(first)]
    clustered = compare(METRICS["accuracy"](), first, second)
    single = compare(METRICS["accuracy"](), *([row._replace(group=row.id) for row in rows] for rows in (first, second)))
    assert (clustered.groups, single.groups) == (6, 120)
    assert clustered.p_randomization and single.p_randomization
    assert single.p_randomization < 0.01 < 0.05 < clustered.p_randomization


def test_randomisation_agrees_with_sacrebleu() -> None:
    """sacreBLEU's paired bootstrap is not compared: it folds differences before it centres them, about half of our p."""
    from sacrebleu.metrics import BLEU
    from sacrebleu.significance import PairedTest

    first, second = system(0.25, 120, 120), system(0.28, 120, 120, seed=8)
    ours = compare(METRICS["bleu"](), first, second, draws=4000)
    named = [("one", [row.answer for row in first]), ("two", [row.answer for row in second])]
    references = [[row.references[0] for row in first]]
    _, results = PairedTest(named, {"BLEU": BLEU()}, references=references, test_type="ar", n_samples=4000)()
    theirs = results["BLEU"]
    assert (theirs[0].score, theirs[1].score) == (ours.first, ours.second)
    assert theirs[1].p_value == pytest.approx(ours.p_randomization, abs=0.03)


def test_large_sets_are_compared_by_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = classes(0.6, 3000, 3000), classes(0.63, 3000, 3000, seed=1)
    one_by_one = compare(METRICS["accuracy"](), first, second, draws=3000)
    monkeypatch.setattr(bootstrap, "LARGE", 1000)
    kinds = compare(METRICS["accuracy"](), first, second, draws=3000)
    assert (kinds.first, kinds.second, kinds.mcnemar) == (one_by_one.first, one_by_one.second, one_by_one.mcnemar)
    assert kinds.ci95 == pytest.approx(one_by_one.ci95, abs=0.15) and kinds.ci95 != one_by_one.ci95
    assert kinds.p_bootstrap == pytest.approx(one_by_one.p_bootstrap, abs=0.03)
    assert kinds.p_randomization == pytest.approx(one_by_one.p_randomization, abs=0.03)


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0, 0), (1, 0), (3, 9), (9, 3), (7, 7), (40, 60), (500, 560), (0, 30), (9000, 9500)]
)
def test_mcnemar_is_the_exact_binomial_test(only_first: int, only_second: int) -> None:
    verdicts = [(True, False)] * only_first + [(False, True)] * only_second + [(True, True)] * 3 + [(False, False)] * 2
    rows = [
        [Row(f"{n:05}", "a" if pair[side] else "b", ("a",), None, f"{n:05}") for n, pair in enumerate(verdicts)]
        for side in (0, 1)
    ]
    found = mcnemar(METRICS["accuracy"](), *rows)
    assert (found.only_first, found.only_second) == (only_first, only_second)
    expected = binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    assert found.p == pytest.approx(expected, rel=1e-9)
    with pytest.raises(MetricError, match=r"right or wrong; metric 'wer' has none"):
        mcnemar(METRICS["wer"](), *rows)


def test_only_metrics_of_right_and_wrong_get_mcnemar() -> None:
    first, second = classes(0.6), classes(0.8, seed=1)
    for name in ("accuracy", "majority_accuracy", "unanimous_accuracy"):
        found = compare(METRICS[name](), first, second).mcnemar
        assert found is not None and found.p < 0.01 and found.only_first < found.only_second
    for name in ("wer", "macro_f1", "annotator_accuracy"):
        assert compare(METRICS[name](), first, second, draws=9).mcnemar is None
    for name, metric in METRICS.items():
        if metric.right_or_wrong:
            it = metric()
            table = it.table([row for row in first if it.covers(row)])  # type: ignore[attr-defined]
            assert set(table[:, 0]) <= {0, 1} and set(table[:, 1]) == {1}, name


def test_other_samples_are_refused() -> None:
    it, first = METRICS["wer"](), system(0.2)
    for second, said in (
        (first[:-5], r"5 of 200 samples of the first system are not the other's \('0195', '0196', '0197', ...\)"),
        ([*first, first[0]._replace(id="new")], r"1 of 201 samples of the second system are not the other's \('new'\)"),
        (
            [first[0]._replace(references=("z",)), *first[1:]],
            r"1 of 200 samples have another 'references' .*\('0000'\)",
        ),
        ([row._replace(group="one") for row in first], r"200 of 200 samples have another 'group'"),
        ([*first, first[3]], r"the second system has 1 samples twice"),
    ):
        with pytest.raises(MetricError, match=said):
            compare(it, first, second)
        with pytest.raises(MetricError, match=said):
            rank(it, {"one": first, "two": second})


def test_a_metric_that_covers_other_samples_cannot_compare() -> None:
    class Spoken(METRICS["wer"]):  # type: ignore[name-defined,misc]
        def covers(self, row: Row) -> bool:
            return bool(row.answer)

    first = system(0.2)
    with pytest.raises(MetricError, match=r"leaves out 1 samples of one system only \('0007'\)"):
        compare(Spoken(), first, [*first[:7], first[7]._replace(answer=""), *first[8:]])


def test_nothing_one_group_and_undefined() -> None:
    it = METRICS["wer"]()
    nothing = compare(it, [], [])
    assert (nothing.n, nothing.first, nothing.difference, nothing.ci95, nothing.p_randomization) == (
        0,
        None,
        None,
        None,
        None,
    )
    one = compare(it, system(0.2, 5, 1), system(0.4, 5, 1, seed=1))
    assert one.difference and one.ci95 is None and one.p_bootstrap is None and one.p_randomization is None
    empty = [Row("a", "x", ("",), None, "a"), Row("b", "y", ("",), None, "b")]
    undefined = compare(it, empty, empty)
    assert isinstance(undefined, Comparison) and undefined.first is None and undefined.difference is None


def test_holm() -> None:
    # 4 * 0.005; 3 * 0.01; 2 * 0.03; then 1 * 0.04 may not be less than what is before it
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert holm({"a": 0.7, "b": 0.6}) == {"a": 1, "b": 1} and holm({}) == {}


@pytest.mark.parametrize(
    ("metric", "make", "sign"), [("wer", system, 1), ("accuracy", classes, -1), ("macro_f1", classes, -1)]
)
def test_systems_in_a_group_are_not_separated(metric: str, make: Any, sign: int) -> None:
    rates = {"good": 0.1, "good too": 0.1, "middling": 0.35, "bad": 0.7, "as bad": 0.7}
    systems = {name: make(rate if sign > 0 else 1 - rate, seed=n) for n, (name, rate) in enumerate(rates.items())}
    found = rank(METRICS[metric](), systems, draws=499)
    assert [set(group) for group in found.groups] == [{"good", "good too"}, {"middling"}, {"bad", "as bad"}]
    order = [name for group in found.groups for name in group]
    values = {name: sign * float(found.values[name] or 0) for name in order}
    assert all(values[better] <= values[worse] for better, worse in pairwise(order))
    turned = rank(METRICS[metric](), {name: systems[name][::-1] for name in reversed(systems)}, draws=499)
    assert turned.groups == found.groups
    assert rank(METRICS[metric](), {"alone": systems["bad"]}).groups == (("alone",),)


@pytest.mark.parametrize("limit", [bootstrap.LARGE, 20], ids=["groups", "kinds of groups"])
@pytest.mark.parametrize("name", ["wer", "bleu", "cider_d", "accuracy"])
def test_one_against_many_finds_what_compare_does(name: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bootstrap, paired):
        monkeypatch.setattr(module, "LARGE", limit)
    make = classes if name == "accuracy" else system
    first, *others = [make(rate, seed=seed) for seed, rate in enumerate((0.3, 0.3, 0.32, 0.35))]
    metric = METRICS[name]()
    found = one_against_many(metric, *_tables(metric, first, others), [row.group for row in first])
    expected = [compare(metric, first, other) for other in others]
    assert [contest.difference for contest in found] == pytest.approx([one.difference for one in expected], rel=1e-12)
    assert [contest.p for contest in found] == [one.p_randomization for one in expected]
    assert len({contest.p for contest in found}) > 1


def _tables(metric: Metric, first: list[Row], others: list[list[Row]]) -> tuple[np.ndarray, list[np.ndarray]]:
    assert isinstance(metric, SumMetric)
    return metric.table(first), [metric.table(rows) for rows in others]


def test_one_against_many_has_no_p_without_groups_or_a_value() -> None:
    metric = METRICS["wer"]()
    assert isinstance(metric, SumMetric)
    alone, nothing = np.array([[1.0, 0, 0, 4]] * 3), np.zeros((3, 4))
    assert one_against_many(metric, alone, [alone], ["one"] * 3) == [Contest(None, None)]
    assert one_against_many(metric, alone, [nothing], ["a", "b", "c"]) == [Contest(None, None)]
    assert one_against_many(metric, alone, [], ["a", "b", "c"]) == []


@pytest.mark.parametrize("size", [40, 4000])
def test_differences_that_only_rounding_tells_apart_are_equally_far(size: int) -> None:
    """Eight samples lose the same: of the 2^8 ways to swap them two are as far, however the sums are rounded."""
    metric = METRICS["cider_d"]()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        first = np.stack([rng.random(size) * 3 + 1, np.ones(size)], axis=1)
        second = first.copy()
        second[rng.choice(size, 8, replace=False), 0] -= 0.3
        samples = bootstrap.sum_samples(metric, [first, second], np.arange(size))
        values = [bootstrap.value_of(sample) for sample in samples]
        assert randomized(metric, [], [], samples, values) == (2 / 2**8, 0)
