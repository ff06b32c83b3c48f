"""Intervals: their numbers as recorded, BCa against scipy, large tasks, and that they cover the truth."""

import math
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from metrics import bootstrap
from metrics.base import MetricError, Row, SumMetric
from metrics.bootstrap import SEED, SumSample, interval, measure, ordered, resampled, sample_of
from metrics.registry import METRICS


def noisy(size: int, groups: int, seed: int = 0) -> list[Row]:
    rng = random.Random(seed)
    rows = []
    for number in range(size):
        group = number % groups
        words = [rng.choice("abcdefgh") for _ in range(10)]
        said = [word if rng.random() > 0.6 * group / groups else "x" for word in words]
        rows.append(Row(f"{number:05}", " ".join(said), (" ".join(words),), "en", f"g{group}"))
    return rows


def verdicts(size: int, seed: int = 1) -> list[Row]:
    rng = random.Random(seed)
    return [
        Row(f"{n:05}", rng.choice("abc"), (rng.choice("abc"), rng.choice("abc"), rng.choice("abc")), None, f"g{n % 37}")
        for n in range(size)
    ]


# Recorded when a draw was one bincount and one product of its own
RECORDED = [
    ("wer", noisy(200, 40), (30.95, (24.798750000000002, 36.45125))),
    ("wer", noisy(3000, 3000), (30.203333333333333, (29.45325, 31.026666666666667))),
    ("cer", noisy(200, 40), (16.289473684210527, (13.051973684210527, 19.184868421052634))),
    ("mixed_error_rate", noisy(200, 40), (30.95, (24.798750000000002, 36.45125))),
    ("bleu", noisy(200, 40), (45.20473899492664, (37.01643681337911, 54.48512614976645))),
    ("chrf", noisy(200, 40), (39.47443783068783, (31.96138227513228, 48.261201223544965))),
    ("accuracy", verdicts(300), (70.66666666666667, (65.88608989424208, 75.49668874172185))),
    ("macro_f1", verdicts(300), (70.58357788308368, (65.74646652105635, 75.32799719154784))),
    ("majority_accuracy", verdicts(300), (31.87772925764192, (25.4359649122807, 39.271834128804315))),
    ("annotator_accuracy", verdicts(300), (32.888888888888886, (29.725880288061376, 36.2231981981982))),
]


@pytest.mark.parametrize(("metric", "rows", "recorded"), RECORDED)
@pytest.mark.parametrize("cells", [1, 10_000, bootstrap.CELLS])
def test_numbers_stay_to_the_last_digit(
    metric: str, rows: list[Row], recorded: Any, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "CELLS", cells)
    assert measure(METRICS[metric](), rows) == recorded


@pytest.mark.parametrize("metric", sorted({metric for metric, _, _ in RECORDED} - {"macro_f1"}))
def test_scores_of_many_sums_are_those_of_each(metric: str) -> None:
    it = METRICS[metric]()
    assert isinstance(it, SumMetric)
    table = it.table(verdicts(40) if "accuracy" in metric else noisy(40, 40))
    table[0] = 0  # a set of nothing
    sums = np.random.default_rng(1).integers(0, 2, (50, 40)) @ table
    expected = [it.score(summed) for summed in sums]
    assert it.scores(sums).tolist() == expected and len(set(expected)) > 9


def test_undefined_values_are_nan_in_many_too() -> None:
    wer, majority = METRICS["wer"](), METRICS["majority_accuracy"]()
    assert isinstance(wer, SumMetric) and isinstance(majority, SumMetric)
    found = wer.scores(np.array([[0, 0, 0, 0], [0, 0, 2, 0], [1, 1, 1, 4]], dtype=float))
    assert np.array_equal(found, [math.nan, math.nan, 75], equal_nan=True)
    assert np.array_equal(majority.scores(np.array([[0, 0], [1, 4.0]])), [math.nan, 25], equal_nan=True)


@pytest.mark.parametrize(("metric", "rows"), [(metric, rows) for metric, rows, _ in RECORDED if len(rows) < 3000])
def test_bca_is_scipys(metric: str, rows: list[Row]) -> None:
    it = METRICS[metric]()
    sample = sample_of(it, ordered(it, rows))
    groups = len(sample.sizes)

    def statistic(chosen: np.ndarray, axis: int = -1) -> Any:
        weights = [np.bincount(row.astype(int), minlength=groups) for row in chosen.reshape(-1, chosen.shape[-1])]
        values = sample.values(np.array(weights))
        return values.reshape(chosen.shape[:-1]) if chosen.ndim > 1 else values[0]

    known = SimpleNamespace(bootstrap_distribution=resampled(sample, 1000, SEED))
    found = scipy_bootstrap(
        (np.arange(groups),), statistic, n_resamples=0, bootstrap_result=known, method="BCa", vectorized=True
    ).confidence_interval
    assert interval(it, rows, method="bca") == pytest.approx((found.low, found.high), rel=1e-12)
    assert interval(it, rows, method="bca") != interval(it, rows)
    assert interval(it, rows[::-1], method="bca") == interval(it, rows, method="bca")


def test_edges_of_bca() -> None:
    right = [Row(str(n), "a", ("a",), None, str(n)) for n in range(9)]
    assert interval(METRICS["accuracy"](), right, method="bca") == (100, 100)
    assert interval(METRICS["accuracy"](), right[:1], method="bca") is None
    wrong_once = [Row("x", "b", ("a",), None, "x"), *right]
    low, high = interval(METRICS["accuracy"](), wrong_once, method="bca") or (0, 0)
    assert low < 90 < high <= 100
    with pytest.raises(MetricError, match=r"no interval named 'bcaa'; did you mean 'bca'\?"):
        measure(METRICS["accuracy"](), right, method="bcaa")


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_kinds_of_groups_have_the_interval_of_groups(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond LARGE: the same distribution, so the same interval up to its own noise."""
    rows = [Row(f"{n:05}", "a" if n % 4 else "b", ("a",), None, f"{n:05}") for n in range(4000)]
    one_by_one = measure(METRICS["accuracy"](), rows, draws=4000, method=method)
    monkeypatch.setattr(bootstrap, "LARGE", 1000)
    it = METRICS["accuracy"]()
    sample = sample_of(it, ordered(it, rows))
    assert isinstance(sample, SumSample) and sorted(sample.sizes) == [1000, 3000]
    kinds = measure(it, rows, draws=4000, method=method)
    assert kinds[0] == one_by_one[0] == 75
    assert kinds == measure(it, rows[::-1], draws=4000, method=method)
    assert kinds[1] == pytest.approx(one_by_one[1], abs=0.12)  # the interval is 2.7 wide


def test_distinct_groups_are_no_kinds() -> None:
    sums = np.random.default_rng(2).random((100, 3))
    sizes, kept = bootstrap._kinds(sums)
    assert sizes.tolist() == [1] * 100 and kept is sums


SPEAKERS, TRUE_RATE = 100, 15.0


def simulated(rng: np.random.Generator, utterances: int, clustered: bool) -> list[Row]:
    """Speakers whose error rates are drawn around TRUE_RATE; each word is kept, another one, or left out."""
    rows = []
    rates = rng.beta(6, 34, SPEAKERS)  # mean 0.15, standard deviation 0.056
    for speaker, rate in enumerate(rates):
        for number in range(utterances):
            fate = rng.random(10)
            said = [
                "x" if draw < rate / 2 else f"w{place}"
                for place, draw in enumerate(fate)
                if draw > rate or draw < rate / 2
            ]
            identity = f"{speaker:03}-{number}"
            rows.append(
                Row(
                    identity,
                    " ".join(said),
                    ("w0 w1 w2 w3 w4 w5 w6 w7 w8 w9",),
                    "en",
                    f"s{speaker}" if clustered else identity,
                )
            )
    return rows


def coverage(simulations: int, utterances: int, clustered: bool, method: str = "percentile") -> float:
    """How often the 95 % interval holds the true rate."""
    held = 0
    for number in range(simulations):
        rows = simulated(np.random.default_rng([7, number]), utterances, clustered)
        found = interval(METRICS["wer"](), rows, method=method)
        assert found is not None
        held += found[0] <= TRUE_RATE <= found[1]
    return held / simulations


def test_the_interval_covers_the_truth() -> None:
    assert 0.89 <= coverage(100, 12, clustered=True) <= 0.99
    assert coverage(50, 30, clustered=False) < 0.87, "as if speakers were alike: too narrow"


@pytest.mark.long
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_interval_covers_the_truth_in_a_thousand_simulations(method: str) -> None:
    assert 0.93 <= coverage(1000, 20, clustered=True, method=method) <= 0.97


@pytest.mark.long
def test_an_interval_of_utterances_is_too_narrow_in_a_thousand_simulations() -> None:
    assert coverage(1000, 20, clustered=False) < 0.85
