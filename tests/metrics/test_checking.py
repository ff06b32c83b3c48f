"""What check refuses: references and labels of which a normaliser leaves nothing or one, languages, options."""

import math
from typing import Any

import pytest

from metrics.base import MetricError, Row, exactly
from metrics.bootstrap import measure
from metrics.registry import METRICS
from metrics.score import MetricSpec, ScoringSpec, check, score

EMPTY_REFERENCES = {"wer", "cer", "mixed_error_rate", "bleu", "chrf", "chrf_pp", "ter"}
"""Metrics for which a reference of which nothing is left is defined: it has no words."""
WORDS = sorted(name for name, metric in METRICS.items() if not metric.structured)


def spec_of(metric: str, normalizer: str = "none", extractor: str = "exact", **more: Any) -> ScoringSpec:
    options = more.pop("options", {})
    return ScoringSpec({metric: MetricSpec(metric, normalizer, extractor, options)}, primary=metric, **more)


def record(number: int, raw: str, *references: str, **fields: Any) -> dict[str, Any]:
    fields = {"sentence": "a", "choices": ["x", "y"], **fields}
    return {"id": f"s{number}", "raw": raw, "references": list(references), "fields": fields, "status": "ok"}


@pytest.mark.parametrize("metric", sorted(set(WORDS) - EMPTY_REFERENCES - {"meteor", "spice", "spider"}))
@pytest.mark.parametrize(("normalizer", "reference"), [("basic", "(A)"), ("default", "???"), ("whisper_en", "[um]")])
def test_a_reference_of_which_nothing_is_left_is_refused(metric: str, normalizer: str, reference: str) -> None:
    spec = spec_of(metric, normalizer, language="en")
    left = rf"row 's2': normalizer '{normalizer}' leaves nothing of the reference .* {metric} .*use 'none' or another"
    with pytest.raises(MetricError, match=left):
        check(spec, [record(1, "a b", "a b"), record(2, "(B)", "a", reference)])
    check(spec_of(metric), [record(1, "(B)", reference)])


@pytest.mark.parametrize("metric", ["wer", "cer", "mixed_error_rate"])
def test_noise_is_a_reference_without_words(metric: str) -> None:
    noise = record(1, "uh oh", "[noise]")
    spec = spec_of(metric, "basic", language="en")
    check(spec, [noise])
    (both,) = score([noise, record(2, "a b", "a b")], spec)
    assert both.value is not None and both.value >= 100, "what was said into noise is inserted"
    for raw in ("uh oh", "", "(B)"):
        (alone,) = score([{**noise, "raw": raw}], spec)
        assert alone.value is None, "a rate of no words at all is none"


def test_labels_that_a_normaliser_makes_one_are_refused() -> None:
    with pytest.raises(MetricError, match=r"labels 'dog' and 'Dog\.' are one to normalizer 'basic'; use another"):
        check(spec_of("macro_f1", "basic", labels=["dog", "cat", "Dog."]))
    with pytest.raises(MetricError, match=r"normalizer 'basic' leaves nothing of the label '\(A\)'; use another"):
        check(spec_of("accuracy", "basic", labels=["(A)", "b"]))
    check(spec_of("macro_f1", labels=["dog", "cat", "Dog."]))


@pytest.mark.parametrize("metric", ["macro_f1", "uar"])
def test_a_mean_over_a_label_set_wants_references_of_it(metric: str) -> None:
    rows = [record(1, "dog", "dog"), record(2, "x", "bird")]
    with pytest.raises(MetricError, match=rf"row 's2': the reference 'bird' is not in the label set of .*'{metric}'"):
        check(spec_of(metric, labels=["dog", "cat"]), rows)
    check(spec_of("accuracy", labels=["dog", "cat"]), rows)


@pytest.mark.parametrize("language", ["Chinese", "EN", 5, ["en"]])
@pytest.mark.parametrize("field", ["language", "target_language"])
def test_the_language_of_a_row_is_a_code(language: Any, field: str) -> None:
    rows = [record(1, "a", "a", **{field: "zh-CN"}), record(2, "a", "a", **{field: language})]
    with pytest.raises(MetricError, match=r"^row 's2': 'language' is .*; write its code, such as 'en' or 'zh-CN'$"):
        check(spec_of("wer"), rows)
    check(spec_of("wer", language="zh"), rows)


@pytest.mark.parametrize("metric", sorted(set(METRICS) - set(WORDS)))
def test_more_than_words_takes_no_normaliser(metric: str) -> None:
    with pytest.raises(MetricError, match=rf"{metric} reads more than words, .* 'basic' .*; use 'none'"):
        check(spec_of(metric, "basic"))
    check(spec_of(metric))


def test_every_metric_of_more_than_words_says_so() -> None:
    assert {name for name in WORDS if METRICS[name].example.startswith(("[", "{", "<", "1"))} == set()


VALUES = [[1], {"a": 1}, {}, [], "x", "", None, True, -1, 0, 2.5, math.inf, math.nan, 10**400, [None]]


@pytest.mark.parametrize(("metric", "key"), [(name, key) for name in sorted(METRICS) for key in METRICS[name].options])
def test_an_option_of_any_kind_is_taken_or_refused_in_a_sentence(metric: str, key: str) -> None:
    example = METRICS[metric].example
    for value in VALUES:
        spec = spec_of(metric, options={key: value})
        try:
            check(spec, [record(1, example, example)])
        except MetricError as error:
            assert "\n" not in str(error) and str(error).count("metric ") <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ["wer"], "primary": "wer"}, "'metrics' is .*; write a mapping"),
        ({"metrics": {"a": {"metric": ["wer"]}}, "primary": "a"}, r"'metric' is \['wer'\]; write a name"),
        (
            {"metrics": {"a": {"metric": "wer", "normalizer": ["basic"]}}, "primary": "a"},
            r"'normalizer' is \['basic'\]",
        ),
        ({"metrics": {"a": {"metric": "wer", "extractor": {}}}, "primary": "a"}, r"'extractor' is \{\}; write a name"),
        ({"metrics": {"a": {"metric": "wer", "options": "x"}}, "primary": "a"}, "'options' is 'x'; write a mapping"),
        ({"metrics": {"a": {"metric": "wer"}}, "primary": ["a"]}, "'primary' is .*; write the name"),
        ({"metrics": {"a": {"metric": "wer"}}, "primary": "a", "labels": "dog"}, "'labels' is 'dog'; write a list"),
    ],
)
def test_settings_of_a_wrong_kind_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check(ScoringSpec.from_dict(settings))


def test_a_sentence_says_once_where_it_is() -> None:
    for metric, options in (("bleu", {"tokenize": "14a"}), ("top_k", {"k": 0}), ("cpwer", {"normalizer": [1]})):
        with pytest.raises(MetricError, match=rf"^metric '{metric}': (?!metric)"):
            check(spec_of(metric, options=options))
    with pytest.raises(MetricError, match=r"^row 's1': (?!row)"):
        check(spec_of("temporal_iou"), [record(1, "1-2", "never")])


def test_different_options_have_different_signatures() -> None:
    assert [exactly(number) for number in (0.25, 20, 1 / 3, 1e-5, 1000001)] == [
        "0.25",
        "20",
        "0.3333333333333333",
        "1e-05",
        "1000001",
    ]
    for metric, key in (("event_f1", "onset_collar"), ("segment_f1", "resolution"), ("der", "collar")):
        row = Row("1", METRICS[metric].example, (METRICS[metric].example,))
        one, other = (METRICS[metric](options={key: value}).signature_parts([row]) for value in (0.1234567, 0.1234568))
        assert one != other
    parts = [METRICS["min_dcf"](options={"p_target": p}).signature_parts([]) for p in (0.01234567, 0.01234568)]
    assert parts[0] != parts[1]


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "uar", "top_k"])
def test_several_references_are_in_the_signature(metric: str) -> None:
    (one,), (two,) = (score([record(1, "a", *references)], spec_of(metric)) for references in ("a", "ab"))
    assert "refs:any" in two.signature and two.signature.replace("|refs:any", "") == one.signature


def test_a_draw_without_a_class_does_not_lower_the_interval() -> None:
    rows = [Row(str(n), label, (label,), None, str(n)) for n, label in enumerate("aaaabbccde")]
    metric = METRICS["macro_f1"](labels=list("abcde"))
    assert measure(metric, rows) == (100, (100, 100))
    never = METRICS["macro_f1"](labels=list("abcdef"))
    value, interval = measure(never, rows)
    assert value == pytest.approx(500 / 6), "a class that no row has counts 0"
    assert interval is not None and interval[0] < 500 / 6 < interval[1] + 1e-9
