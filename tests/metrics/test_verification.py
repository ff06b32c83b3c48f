"""EER and minDCF against scikit-learn's ROC, with weights; answers that are no score."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from metrics.base import MetricError, Row, SetMetric
from metrics.bootstrap import measure
from metrics.verification import EqualErrorRate, MinimumDetectionCost

TRIALS = st.lists(
    st.tuples(st.booleans(), st.integers(-6, 6).map(lambda n: n / 4), st.integers(0, 3)), min_size=2, max_size=25
)


def rows_of(*trials: tuple[bool, Any]) -> list[Row]:
    return [Row(f"{n:03}", None if s is None else str(s), (str(int(t)),)) for n, (t, s) in enumerate(trials)]


def value(metric: SetMetric, *trials: tuple[bool, Any]) -> float | None:
    return measure(metric, rows_of(*trials), draws=0)[0]


@settings(max_examples=150, deadline=None)
@given(TRIALS)
def test_both_equal_scikit_learn_weights_too(trials: list[tuple[bool, float, int]]) -> None:
    targets, scores, weights = (np.array(column) for column in zip(*trials, strict=True))
    rows = rows_of(*((target, score) for target, score, _ in trials))
    eer, cost = EqualErrorRate(), MinimumDetectionCost(options={"p_target": 0.2, "c_miss": 3})
    both = weights[targets].sum() and weights[~targets].sum()
    found = eer.score(eer.encode(rows), weights), cost.score(cost.encode(rows), weights)
    if not both:
        assert np.isnan(found).all()
        return
    fpr, tpr, _ = roc_curve(targets, scores, sample_weight=weights, drop_intermediate=False)
    crossing = [
        first + (gap := first - (1 - hit)) / (gap - (second - (1 - next_hit))) * (second - first)
        for first, second, hit, next_hit in zip(fpr, fpr[1:], tpr, tpr[1:], strict=False)
        if first - (1 - hit) < 0 <= second - (1 - next_hit)
    ]
    assert found[0] == pytest.approx(100 * crossing[0], rel=1e-12, abs=1e-10)
    least = np.min(3 * 0.2 * (1 - tpr) + 0.8 * fpr) / min(3 * 0.2, 0.8)
    assert found[1] == pytest.approx(least, rel=1e-12, abs=1e-12)
    repeated = [row for row, weight in zip(rows, weights, strict=True) for _ in range(weight)]
    assert found[0] == pytest.approx(eer.score(eer.encode(repeated), np.ones(len(repeated))), rel=1e-12, abs=1e-10)


def test_right_is_perfect_and_damage_is_worse() -> None:
    right = [(True, 0.9), (True, 0.8), (False, 0.3), (False, 0.1)]
    for metric in (EqualErrorRate(), MinimumDetectionCost()):
        assert value(metric, *right) == 0
        worse = value(metric, *right[:3], (False, 0.85))
        worst = value(metric, *((not target, score) for target, score in right))
        assert worse is not None and worst is not None and 0 < worse <= worst
    assert value(EqualErrorRate(), *((not target, score) for target, score in right)) == 100
    assert value(MinimumDetectionCost(), *((target, 0) for target, _ in right)) == 1


def test_words_are_scores_and_what_is_neither_is_most_wrong() -> None:
    assert value(EqualErrorRate(), (True, "Yes."), (True, "yes"), (False, "no"), (False, " NO ")) == 0
    assert value(EqualErrorRate(), (True, "true"), (False, "0.4")) == 0
    for nonsense in ("", None, "maybe", "NaN", "Infinity", "1e999", "9" * 5000, "1" + "0" * 400, "[1]", "\0", "😀"):
        assert value(EqualErrorRate(), (True, nonsense), (False, "-5")) == 100
        assert value(EqualErrorRate(), (True, "5"), (False, nonsense)) == 100
        assert EqualErrorRate().details(rows_of((True, nonsense), (False, 1))) == {
            "targets": 1, "nontargets": 1, "unreadable": 1, "different_scores": 1,
        }  # fmt: skip


def test_undefined_without_both_kinds() -> None:
    assert measure(EqualErrorRate(), []) == (None, None)
    assert value(EqualErrorRate(), (True, 1)) is None and value(MinimumDetectionCost(), (False, 1), (False, 0)) is None


@pytest.mark.parametrize("reference", ["2", "", "same?", "[1]"])
def test_references_that_say_neither_are_refused(reference: str) -> None:
    with pytest.raises(MetricError, match="write 1 for a target trial, 0 for another"):
        EqualErrorRate().check_row(Row("1", None, (reference,)))
    for good in ("1", "0", "1.0", "yes", "No", "target", "nontarget", "true"):
        EqualErrorRate().check_row(Row("1", None, (good,)))


def test_references_that_contradict_each_other_are_refused() -> None:
    EqualErrorRate().check_row(Row("1", None, ("1", "yes", "target")))
    with pytest.raises(MetricError, match=r"the references contradict each other; write 1 .* once"):
        EqualErrorRate().check_row(Row("1", None, ("1", "0")))


NUMBERS = (0, -1, 5e-324, 1e308, float("nan"), float("inf"), 10**400, "a", True, None, [1])


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: str(value)[:9])
@pytest.mark.parametrize("key", ["p_target", "c_miss", "c_fa"])
def test_costs_are_checked(key: str, value: Any) -> None:
    with pytest.raises(MetricError, match=f"option '{key}' is .*; write a number from 1e-06 to"):
        MinimumDetectionCost(options={key: value})
    with pytest.raises(MetricError, match="option 'p_target' is 1; "):
        MinimumDetectionCost(options={"p_target": 1})


def test_any_cost_that_is_taken_gives_a_cost() -> None:
    trials = rows_of((True, 0.9), (True, 0.2), (False, 0.3), (False, 0.1))
    for p_target in (1e-6, 1 - 1e-6):
        for costs in ((1e-6, 1e6), (1e6, 1e-6)):
            metric = MinimumDetectionCost(options={"p_target": p_target, "c_miss": costs[0], "c_fa": costs[1]})
            found = measure(metric, trials)[0]
            assert found is not None and 0 <= found <= 1
