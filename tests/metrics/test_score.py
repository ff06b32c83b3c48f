"""Scoring records: subsets, failures, counts, intervals, signatures, and errors before any work."""

import json
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics.base import MetricError, Row
from metrics.bootstrap import interval, measure
from metrics.score import METRICS, MetricSpec, ScoringSpec, answers, check, count, score

CHECKOUT = Path(__file__).parents[2]
JAVA = {"meteor", "spice", "spider"}
"""Programs in Java that take seconds to start, or are not here: test_meteor.py and test_java.py have them."""
STRUCTURED = {name for name, metric in METRICS.items() if metric.example != "a"} - JAVA
"""The metrics whose answers are more than a text."""
JUDGES = {name for name in METRICS if name.startswith("judge_")}
"""Language models behind an endpoint: test_judge.py has them."""
ANY_TEXT = sorted(METRICS.keys() - {"annotator_accuracy_yes_no", "comet"} - JAVA - JUDGES - STRUCTURED)
"""The metrics that score texts of any kind."""
STRANGE = [
    "",
    "\0",
    "😀",
    "שלום",
    "word " * 20_000,
    "[" * 100_000,
    '{"a": 1e999}',
    '{"a": true}',
    "[1]",
    "1" * 5000,
    "null",
]


def record(number: int, raw: str, *references: str, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number:05}", "raw": raw, "references": list(references), "fields": {}, "status": "ok", **more}


def spec_of(metric: str, normalizer: str = "none", extractor: str = "exact", **more: Any) -> ScoringSpec:
    return ScoringSpec({metric: MetricSpec(metric, normalizer, extractor)}, primary=metric, **more)


def value(rows: list[dict[str, Any]], spec: ScoringSpec) -> float | None:
    return score(rows, spec)[0].value


def noisy(size: int, groups: int, seed: int = 0) -> list[Row]:
    """Rows whose error rate goes with their group."""
    rng = random.Random(seed)
    rows = []
    for number in range(size):
        group = number % groups
        words = [rng.choice("abcdefgh") for _ in range(10)]
        said = [word if rng.random() > 0.6 * group / groups else "x" for word in words]
        rows.append(Row(f"{number:05}", " ".join(said), (" ".join(words),), "en", f"g{group}"))
    return rows


def test_edges_of_the_word_error_rate() -> None:
    spec = spec_of("wer", language="en")
    assert value([record(1, "a b c", "a b")], spec) == 50
    assert value([record(1, "", "a b")], spec) == 100
    assert value([record(1, "x y", ""), record(2, "a", "a")], spec) == 200  # insertions count, no length
    assert value([record(1, "", "")], spec) is None
    assert value([record(1, "x", "")], spec) is None
    assert value([record(1, "a c", "a b", "a c", "x")], spec) == 0
    assert value([record(1, "你好", "你坏")], spec_of("wer", language="zh")) == 50
    assert value([record(1, "你好", "你坏")], spec) == 100
    assert value([record(1, "我要 a cup of 茶", "我想要 a cup of茶")], spec_of("mixed_error_rate")) == pytest.approx(
        100 / 7
    )
    assert value([record(1, "a" * 100_000, "a")], spec) == 100
    assert value([record(1, "😀 שלום \0", "😀 שלום \0")], spec) == 0


def test_language_of_a_row() -> None:
    rows = [record(1, "你好", "你坏", fields={"language": "zh"}), record(2, "a", "a", fields={"language": "en"})]
    only = score(rows, spec_of("wer"))[0]
    assert only.value == pytest.approx(100 / 3)
    assert only.signature.startswith("wer|norm:none.1|tok:lang|agg:corpus|jiwer:")
    rows = [record(1, "你好吗朋友", "你好吗朋友", fields={"language": "en", "target_language": "zh"})]
    assert "tok:zh" in score(rows, spec_of("bleu"))[0].signature
    assert "tok:13a" in score(rows, spec_of("bleu", language="de"))[0].signature
    assert "norm:qwen_audio.1|lang:zh|" in score(rows, spec_of("wer", "qwen_audio"))[0].signature


def test_subsets_come_after_all_rows_and_a_single_one_alone() -> None:
    rows = [
        record(1, "a", "a", subset="y"),
        record(2, "b", "a", subset="x"),
        record(3, "", "a", subset="x", status="failed"),
    ]
    scores = score(rows, spec_of("accuracy"))
    assert [(one.subset, one.value, one.n) for one in scores] == [(None, 50, 2), ("x", 0, 1), ("y", 100, 1)]
    assert [one.subset for one in score(rows[:1], spec_of("accuracy"))] == ["y"]
    assert [one.subset for one in score([record(1, "a", "a")], spec_of("accuracy"))] == [None]


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize(
    "rows", [[], [record(1, "", "a", status="failed", raw_error="x"), record(2, "", "b", status="failed")]]
)
def test_nothing_to_score_is_none_not_a_crash(metric: str, rows: list[dict[str, Any]]) -> None:
    (only,) = score(rows, spec_of(metric))
    assert (only.value, only.ci95, only.n) == (None, None, 0)
    assert json.loads(json.dumps(only.to_dict()))["signature"].startswith(f"{metric}|norm:none.1|")


@pytest.mark.parametrize("metric", ANY_TEXT)
@pytest.mark.parametrize("raw", ["", "\0", "😀", "שלום", "word " * 20_000])
def test_one_row_of_anything(metric: str, raw: str) -> None:
    (only,) = score([record(1, raw, "a b")], spec_of(metric))
    assert only.n == 1 and only.ci95 is None
    assert only.value is not None and math.isfinite(only.value)


@pytest.mark.parametrize("metric", sorted(STRUCTURED))
@pytest.mark.parametrize("raw", STRANGE)
def test_one_row_of_anything_beside_a_reference_of_its_kind(metric: str, raw: str) -> None:
    example = METRICS[metric].example
    (only,) = score([record(1, raw, example)], spec_of(metric))
    (right,) = score([record(1, example, example)], spec_of(metric))
    (failed,) = score([record(1, raw, example, status="failed")], spec_of(metric))
    assert failed.value is None and json.dumps(only.to_dict(), ensure_ascii=False).encode()
    if only.value is not None and right.value is not None:
        assert right.value >= only.value if only.higher_is_better else right.value <= only.value


@pytest.mark.parametrize("metric", ANY_TEXT)
def test_right_is_perfect_and_one_wrong_is_worse(metric: str) -> None:
    texts = [f"the {word} barks at the old door tonight" for word in ("dog", "cat", "bird", "horse")]
    right = [record(number, text, text) for number, text in enumerate(texts)]
    wrong = [record(0, "the dog barks at the new door tonight", texts[0]), *right[1:]]
    perfect, worse = (score(rows, spec_of(metric))[0] for rows in (right, wrong))
    assert perfect.value == pytest.approx(METRICS[metric].range[perfect.higher_is_better])
    assert worse.value is not None and perfect.value is not None
    assert (worse.value < perfect.value) == worse.higher_is_better


def test_counts_and_unparsed_is_wrong() -> None:
    spec = spec_of("accuracy", extractor="label", labels=["dog", "cat"])
    rows = [
        record(1, "dog", "dog"),
        record(2, "A dog.", "dog", flags=["truncated_audio"]),
        record(3, "", "dog", flags=["empty"]),
        record(4, "dog or cat", "dog", flags=["chunked_audio", "hit_max_new_tokens"]),
        {"id": "s5", "raw": None, "references": ["cat"], "status": "failed", "flags": None},
    ]
    assert count(rows, spec, expected=7).to_dict() == {
        "expected": 7, "scored": 4, "failed": 1, "empty": 1, "truncated": 1, "chunked": 1,
        "unparsed": 2, "rewritten": 1,
    }  # fmt: skip
    assert value(rows, spec) == 50
    assert [row.answer for row in answers(rows, spec, "accuracy")] == ["dog", "dog", None, None]
    assert score(rows, spec)[0].signature == "accuracy|extract:label.3|norm:none.1|set:2.cd73b2|match:exact"


@pytest.mark.parametrize("metric", sorted(METRICS.keys() - JAVA))
def test_the_order_of_rows_does_not_matter(metric: str) -> None:
    rng = random.Random(4)
    words = ["dog", "cat", "a bird sings in the tree", "the dog runs over the street"]
    right = [METRICS[metric].example] if metric in STRUCTURED else words
    rows = [
        record(n, rng.choice(words + right), rng.choice(right), group=f"g{n % 7}", subset=f"t{n % 2}")
        for n in range(40)
    ]
    shuffled = random.Random(5).sample(rows, len(rows))
    assert score(rows, spec_of(metric)) == score(shuffled, spec_of(metric))


def test_intervals_are_seeded_cluster_and_hold_the_value() -> None:
    clustered = noisy(400, groups=8)
    single = [Row(row.id, row.answer, row.references, row.language, row.id) for row in clustered]
    wide, narrow = interval(METRICS["wer"](), clustered), interval(METRICS["wer"](), single)
    assert wide is not None and narrow is not None
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    assert wide == interval(METRICS["wer"](), clustered)
    assert wide == interval(METRICS["wer"](), clustered[::-1])
    assert wide != interval(METRICS["wer"](), clustered, seed=7)
    centre = measure(METRICS["wer"](), clustered)[0]
    assert centre is not None and wide[0] < centre < wide[1]
    assert interval(METRICS["wer"](), [Row(str(n), "a", ("b",), "en", "one") for n in range(9)]) is None


def test_a_large_task_is_scored_in_seconds() -> None:
    rows = noisy(20_000, groups=20_000)
    started = time.perf_counter()
    assert measure(METRICS["wer"](), rows)[1] is not None
    assert time.perf_counter() - started < 10  # about 0.5 s where this was written


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    rows = [Row(f"{n:04}", "a" if n % 4 else "b", ("a",), None, f"{n:04}") for n in range(1000)]
    found = interval(METRICS["accuracy"](), rows)
    half = 1.96 * math.sqrt(0.75 * 0.25 / 1000) * 100
    assert found is not None
    assert np.allclose(found, (75 - half, 75 + half), atol=0.35)


ANNOTATED = [
    record(1, "yes", "yes", "yes", "no", group="a"),
    record(2, "Yes", "yes", "yes", "yes", group="b"),
    record(3, "two", "two", "2", "twice", group="c"),
    record(4, "no", "no", "No", "maybe", group="d"),
]


@pytest.mark.parametrize(
    ("metric", "normalizer", "percent", "covered"),
    [
        ("annotator_accuracy", "none", 100 * 4 / 12, 4),
        ("annotator_accuracy", "basic", 100 * 8 / 12, 4),
        ("annotator_accuracy_yes_no", "none", 100 * 3 / 8, 3),
        ("majority_accuracy", "none", 100 * 1 / 2, 2),
        ("majority_accuracy", "basic", 100, 3),
        ("unanimous_accuracy", "none", 0, 1),
        ("unanimous_accuracy", "basic", 100, 1),
    ],
)
def test_samples_that_a_metric_leaves_out_are_not_in_its_n(
    metric: str, normalizer: str, percent: float, covered: int
) -> None:
    (only,) = score(ANNOTATED, spec_of(metric, normalizer))
    assert (only.value, only.n) == (pytest.approx(percent), covered)
    kept = [row for row in answers(ANNOTATED, spec_of(metric, normalizer), metric) if METRICS[metric]().covers(row)]
    assert only.ci95 == (None if covered == 1 else pytest.approx(interval(METRICS[metric](), kept)))
    assert only.signature.startswith(f"{metric}|norm:{normalizer}.1|match:exact|refs:")


def test_nothing_that_a_metric_covers_is_none() -> None:
    rows = [record(1, "two", "two", "2", "twice")]
    for metric in ("annotator_accuracy_yes_no", "majority_accuracy", "unanimous_accuracy"):
        (only,) = score(rows, spec_of(metric))
        assert (only.value, only.ci95, only.n) == (None, None, 0)
    (half,) = score([record(1, "a", "a", "a", "b", "b")], spec_of("majority_accuracy"))
    assert half.n == 0, "half is no majority"
    (missing,) = score([record(1, "perhaps", "yes", "yes", "no")], spec_of("majority_accuracy", "none", "short_answer"))
    assert (missing.value, missing.n) == (0, 1), "an answer that cannot be read is wrong, not left out"


def test_settings_go_there_and_back() -> None:
    settings = {
        "metrics": {"wer": {"metric": "wer", "normalizer": "basic", "extractor": "quoted"}, "cer": {"metric": "cer"}},
        "primary": "wer",
        "language": "en",
        "labels": None,
    }
    spec = ScoringSpec.from_dict(settings)
    check(spec)
    assert spec.metrics["cer"] == MetricSpec("cer", "none", "exact")
    assert ScoringSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": {"wer": {"metric": "weer"}}, "primary": "wer"}, r"no metric named 'weer'; did you mean 'wer'\?"),
        (
            {"metrics": {"wer": {"metric": "wer", "normaliser": "basic"}}, "primary": "wer"},
            r"did you mean 'normalizer'\?",
        ),
        ({"metrics": {"wer": {"metric": "wer"}}, "primary": "werr"}, r"'werr' is not among.*did you mean 'wer'\?"),
        ({"metrics": {"wer": {"metric": "wer"}}, "primary": "wer", "lables": []}, r"did you mean 'labels'\?"),
        ({"metrics": {"wer": {"metric": "wer"}}}, r"'primary' is missing"),
        ({"metrics": {"wer": {"metric": "wer", "normalizer": "bsic"}}, "primary": "wer"}, r"did you mean 'basic'\?"),
        ({"metrics": {"a": {"metric": "accuracy", "extractor": "lable"}}, "primary": "a"}, r"did you mean 'label'\?"),
        ({"metrics": {"a": {"metric": "accuracy", "extractor": "label"}}, "primary": "a"}, r"needs the label set"),
        (
            {"metrics": {"a": {"metric": "accuracy", "extractor": "label"}}, "primary": "a", "labels": ["Car", "car"]},
            r"'Car' and 'car' differ in case",
        ),
        (
            {"metrics": {"w": {"metric": "wer", "normalizer": "whisper_en"}}, "primary": "w", "language": "de"},
            r"use normalizer 'basic'",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_first(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        check(ScoringSpec.from_dict(settings))


def test_samples_are_checked_by_row() -> None:
    sample = {"id": "s1", "references": ["dogg"], "fields": {}}
    with pytest.raises(MetricError, match=r"row 's1': the reference 'dogg'.*did you mean 'dog'\?"):
        check(spec_of("accuracy", extractor="label", labels=["dog", "cat"]), [sample])
    with pytest.raises(MetricError, match=r"row 's1': extractor 'choice' needs the field 'choices'"):
        check(spec_of("accuracy", extractor="choice"), [sample])
    with pytest.raises(MetricError, match=r"row 's1': normalizer 'qwen2_audio' works by language"):
        check(spec_of("wer", "qwen2_audio"), [sample])
    with pytest.raises(MetricError, match=r"row 's1': 'references' is \[\]"):
        check(spec_of("wer"), [{**sample, "references": []}])
    check(spec_of("wer", "qwen2_audio"), [{**sample, "fields": {"language": "fr"}}])


def test_labels_pass_the_normaliser_too() -> None:
    spec = spec_of("macro_f1", "basic", "label", labels=["Dog", "Cat"])
    rows = [record(1, "It is a DOG.", "Dog"), record(2, "cat", "Cat")]
    check(spec, rows)
    assert value(rows, spec) == 100


def test_import_is_light_and_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] in ('torch', 'transformers'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import metrics.score as s\n"
        "heavy = {'sklearn', 'scipy', 'yaml', 'sacrebleu', 'whisper_normalizer', 'zhconv', 'jiwer', 'pandas',\n"
        "         'pycocoevalcap', 'pyannote', 'meeteval', 'cn2an', 'kanjize', 'comet'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "n = 0\n"
        "for m, kind in s.METRICS.items():\n"
        "    text = kind.example\n"
        "    spec = s.ScoringSpec({m: s.MetricSpec(m, 'none' if kind.structured else 'qwen2_audio')}, m, 'en')\n"
        "    s.check(spec)\n"
        "    n += len(s.score([{'id': 'a', 'raw': text, 'references': [text], 'status': 'ok'}], spec))\n"
        "print(n)\n"
    )
    without_java = {**os.environ, "PATH": "", "JAVA_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=without_java, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == (str(len(METRICS)), 0), done.stderr


def test_each_score_says_what_its_own_extractor_could_not_read() -> None:
    raws = ["a dog", "Dog.", "cat", "who knows"]
    records = [{"id": str(n), "raw": raw, "references": ["dog"], "status": "ok"} for n, raw in enumerate(raws)]
    metrics = {"published": MetricSpec("accuracy"), "ours": MetricSpec("accuracy", extractor="label")}
    published, ours = score(records, ScoringSpec(metrics, "published", labels=["dog", "cat"]))
    assert (published.unparsed, published.rewritten) == (0, 0)
    assert (ours.unparsed, ours.rewritten, ours.n) == (1, 2, 4)
