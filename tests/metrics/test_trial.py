"""The trial of metrics: silent on every metric's own kind of text, and a sentence for each way to score wrongly."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from metrics.base import Row, SumMetric
from metrics.bootstrap import measure
from metrics.records import MetricSpec, ScoringSpec
from metrics.registry import METRICS
from metrics.trial import changed, trial, tried_names


def samples(*references: str | Sequence[str], **fields: Any) -> list[dict[str, Any]]:
    listed = [[entry] if isinstance(entry, str) else list(entry) for entry in references]
    return [{"id": str(number), "references": texts, "fields": fields} for number, texts in enumerate(listed)]


def spec(metric: str, labels: list[str] | None = None, language: str | None = None, **how: Any) -> ScoringSpec:
    return ScoringSpec({metric: MetricSpec(metric, **how)}, metric, language, labels)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_no_metric_is_doubted_on_its_own_kind_of_text(name: str) -> None:
    example = METRICS[name].example
    assert trial(samples(*[example] * 3), spec(name)) == []
    if name in tried_names(spec(name)):
        value, _ = measure(METRICS[name](), [Row("a", example, (example,), group=n) for n in "abc"])
        low, high = METRICS[name].range
        if METRICS[name].right_is_best and value is not None:
            assert value == pytest.approx(high if METRICS[name].higher_is_better else low)


def test_tasks_of_many_shapes_pass() -> None:
    texts = ["hello there, general", "", "a bold one", "早上好", "ein Satz mit vielen Wörtern", "no", "17", "!"] * 3
    for name in (
        "wer",
        "cer",
        "mixed_error_rate",
        "bleu",
        "chrf",
        "chrf_pp",
        "ter",
        "exact_match",
        "token_f1",
        "cider_d",
    ):
        for normalizer in ("none", "basic"):
            assert trial(samples(*texts), spec(name, normalizer=normalizer)) == [], (name, normalizer)
    scenes = ["Bus", "SubwayStation", "Bus", "Cafe"]
    for name in ("accuracy", "macro_f1", "uar"):
        assert trial(samples(*scenes), spec(name, [*"XYZ", *sorted(set(scenes))], extractor="label")) == []
    asked = samples(["yes", "yes", "no"], ["two", "2", "twice"], ["no", "no", "no"], ["rain", "Rain", "drizzle"])
    for name in ("majority_accuracy", "unanimous_accuracy", "annotator_accuracy", "annotator_accuracy_yes_no"):
        assert trial(asked, spec(name, extractor="short_answer", normalizer="basic")) == []
    choices = samples("a dog", "a cat", choices=["a dog", "a cat", "C major"])
    assert trial(choices, spec("accuracy", extractor="choice")) == []
    captions = samples(["a dog barks", "dogs bark loudly"], ["a bell", "a church bell rings twice"])
    for name in ("cider", "cider_d", "rouge_l", "caption_bleu4"):
        assert trial(captions, spec(name)) == []
    quoted = samples('He said: "Go!"', "plain", "words")
    assert trial(quoted, spec("wer", extractor="reported", normalizer="basic")) == [], "a rewritten one is left out"
    assert trial(samples("target", "nontarget", "target"), spec("eer")) == []


@pytest.mark.parametrize(
    ("how", "texts", "said"),
    [
        ({"extractor": "yes_no"}, ["true", "false"], "reads no right answer as one: its extractor is 'yes_no', and a"),
        (
            {"normalizer": "basic"},
            ["...", "?!"],
            "compares nothing: its normaliser 'basic' leaves no word of the refer",
        ),
    ],
)
def test_a_setting_that_does_not_fit_the_references(how: dict[str, str], texts: list[str], said: str) -> None:
    (problem,) = trial(samples(*texts), spec("wer", **how))
    assert problem.startswith("metric 'wer' ") and said in problem


class Odd(SumMetric):
    """A double: the share of answers that ``right`` says, and faults on the way to it."""

    name = "odd"
    fault = ""

    def statistics(self, row: Row) -> Sequence[float]:
        right = row.answer in row.references
        if self.fault == "empty" and not row.answer:
            raise IndexError("string index out of range")
        if self.fault == "blank" and not row.references[0]:
            raise ZeroDivisionError("no words")
        if self.fault == "turned":
            right = not right
        return float(right) / (2 if self.fault == "half" else 1), 1.0

    def score(self, summed: np.ndarray) -> float:
        share = 100 * float(summed[0]) / float(summed[1])
        return 100.0 if self.fault == "blind" and summed[1] > 1 else share

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        return {}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("empty", ["cannot score empty answers: IndexError: string index out of range"]),
        ("half", ["gives right answers 50, and the best there is is 100"]),
        ("blind", ["sees a changed answer by itself, and not among right ones"]),
        (
            "turned",
            [
                "gives right answers 0, and the best there is is 100",
                "gives changed answers 100, and right ones no better than 0",
                "gives empty answers 100, and right ones no better than 0",
                "gives unreadable answers 100, and right ones no better than 0",
                "is better with a changed answer among right ones than without it",
            ],
        ),
    ],
)
def test_a_faulty_metric(fault: str, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "odd", Odd)
    monkeypatch.setattr(Odd, "fault", fault)
    assert trial(samples("one", "two", "three"), spec("odd")) == [f"metric 'odd' {what}" for what in said]


def test_an_empty_reference_is_looked_for_in_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "odd", Odd)
    monkeypatch.setattr(Odd, "fault", "blank")
    assert trial(samples(*"abcdefghijklm"), spec("odd")) == []
    problems = trial(samples(*"abcdefghijklm", " ", ""), spec("odd", normalizer="basic"))
    assert problems[0] == "metric 'odd' cannot score right answers: ZeroDivisionError: no words"


def test_what_is_not_here_is_not_tried() -> None:
    assert tried_names(ScoringSpec({"w": MetricSpec("wer"), "j": MetricSpec("judge_correct")}, "w")) == ["w"]
    assert trial(samples("a"), spec("judge_correct")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Bus", "Cafe"),
        ("Yes", "no"),
        ("two longer words", "two zyzzyva words"),
        ('["dog_bark"]', '["dog_zyzzyva"]'),
        ("1.2-3.4", "2.2-3.4"),
        ("9", "0"),
        ("", "zyzzyva"),
        ("早上好", "zyzzyva"),
        ("?!", "?!"),
    ],
)
def test_a_part_is_changed(text: str, wrong: str) -> None:
    assert changed(text, ["Bus", "Cafe"]) == wrong
