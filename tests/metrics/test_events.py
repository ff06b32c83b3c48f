"""Sound events and grounded spans: sed_eval's scores, how answers are read, edges, properties."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metrics.activity import METRICS as SEGMENT_METRICS
from metrics.base import MetricError, Row
from metrics.bootstrap import interval, measure
from metrics.events import METRICS as EVENT_METRICS
from metrics.events import CollarMetric
from metrics.grounding import average_precision
from metrics.score import METRICS, MetricSpec, Score, ScoringSpec, check, score
from metrics.timed import Event, read_events, read_spans

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "expected.json").read_text("utf-8"))["sed"]
ROWS = [json.loads(line) for line in (DATA / "sed.jsonl").read_text("utf-8").splitlines()]
TIMED = [metric.name for metric in EVENT_METRICS] + ["temporal_iou", "grounding_map"]
SETTINGS: dict[str, dict[str, Any]] = {
    "event_t0.2_p0.5": {"offset_share": 50, "bounds": "sed_eval"},
    "event_t0.2_p0.2": {"bounds": "sed_eval"},
    "event_t0.2_p0.2_optimal": {"onset_collar": 0.2, "offset_share": 20.0, "bounds": "sed_eval"},
    "event_onset_only_t0.2": {"with_offset": False, "bounds": "sed_eval"},
    "segment_1.0s": {},
    "segment_1.0s_fixed_length": {"resolution": 1},
    "segment_0.1s": {"resolution": 0.1},
    "segment_0.1s_fixed_length": {"resolution": 0.1},
}


def record(number: int, raw: Any, *references: Any, **more: Any) -> dict[str, Any]:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in (raw, *references)]
    return {"id": f"s{number:05}", "raw": texts[0], "references": texts[1:], "fields": {}, "status": "ok", **more}


def scored(
    records: list[dict[str, Any]], metric: str, options: dict[str, Any] | None = None, labels: list[str] | None = None
) -> Score:
    spec = ScoringSpec({"it": MetricSpec(metric, options=options or {})}, primary="it", labels=labels)
    check(spec, records)
    return score(records, spec)[0]


def row(answer: str | None, *references: str) -> Row:
    return Row("r", answer, references)


def oracle(metric: str, options: dict[str, Any], labels: list[str] | None = None) -> Score:
    fields = {one["id"]: {"duration": one["duration"]} for one in ROWS}
    records = [
        {**record(0, one["prediction"], *one["references"]), "id": one["id"], "fields": fields[one["id"]]}
        for one in ROWS
    ]
    return scored(records, metric, options, labels)


def percent(value: float) -> Any:
    return pytest.approx(100 * value, rel=1e-9)


@pytest.mark.parametrize("family", SETTINGS)
def test_everything_that_sed_eval_says(family: str) -> None:
    kind, options, expected = family.split("_")[0], SETTINGS[family], EXPECTED[family]
    micro, errors = oracle(f"{kind}_f1", options), oracle(f"{kind}_error_rate", options)
    assert micro.value == percent(expected["micro"]["f_measure"])
    assert errors.value == percent(expected["micro_error"]["error_rate"])
    assert micro.details is not None
    overall, classes = micro.details["overall"], micro.details["classes"]
    for key in ("precision", "recall"):
        assert overall[key] == percent(expected["micro"][key])
    for key in ("error_rate", "substitution_rate", "deletion_rate", "insertion_rate"):
        assert overall[key] == percent(expected["micro_error"][key])
    counts = expected["counts"]
    assert [overall[key] for key in ("hits", "references", "answers")] == [counts[k] for k in ("Ntp", "Nref", "Nsys")]
    assert overall["substitutions"] == counts.get("Nsubs", counts.get("S"))
    missed, false = (overall[key] - overall["hits"] for key in ("references", "answers"))
    if kind == "event":
        taken = overall["substitutions"]
        assert (false - taken, missed - taken) == (counts["Nfp"], counts["Nfn"])
    else:
        assert (false, missed) == (counts["Nfp"], counts["Nfn"])
        found = micro.details["accuracy_of_whole_files" if family.endswith("fixed_length") else "accuracy"]
        assert found.pop("idle") == counts["Ntn"]
        assert found == {key: percent(value) for key, value in expected["accuracy"].items()}
    for label, f1 in expected["class_f"].items():
        assert classes[label]["f1"] == percent(f1)
    average, published = expected["class_avg"], {"classes": "sed_eval", **options}
    assert oracle(f"{kind}_macro_f1", published).value == percent(average["f_measure"])
    for key in ("precision", "recall"):
        values = [one[key] for one in classes.values() if one[key] is not None]
        assert np.mean(values) == percent(average[key])
    if "class_avg_error" in expected:
        average = expected["class_avg_error"]
        assert oracle(f"{kind}_macro_error_rate", published).value == percent(average["error_rate"])
        for key in ("deletion_rate", "insertion_rate"):
            assert np.mean([one[key] for one in classes.values()]) == percent(average[key])


def test_signatures_say_what_decides() -> None:
    assert oracle("event_f1", {}).signature == (
        "event_f1|norm:none.1|onset:0.2s|offset:max(0.2s,20%)|bounds:decimal|match:optimal|unread:wrong|agg:micro"
    )
    fold = oracle("event_macro_f1", {"with_offset": False, "fold_labels": True}).signature
    assert fold.endswith("offset:none|bounds:decimal|match:optimal|labels:folded|unread:wrong|agg:macro|classes:gold")
    assert oracle("segment_macro_f1", {}, EXPECTED["labels"]).signature.endswith(
        "segment:1s|unread:wrong|agg:macro|classes:fixed"
    )
    assert oracle("segment_error_rate", {"resolution": 0.1}).signature.endswith("|segment:0.1s|unread:wrong|agg:micro")
    assert oracle("segment_macro_f1", {"classes": "sed_eval"}).signature.endswith("|classes:sed_eval")


def test_a_class_never_named_lowers_the_mean_but_for_sed_eval() -> None:
    rows = [record(1, "dog: 1-2", "dog: 1-2\ncat: 3-4")]
    assert scored(rows, "event_macro_f1").value == 50
    assert scored(rows, "event_macro_f1", {"classes": "sed_eval"}).value == 100
    assert scored(rows, "event_macro_f1", labels=["dog", "cat", "cow", "hen"]).value == 25
    assert scored(rows, "event_macro_error_rate").value == 50
    assert scored(rows, "event_macro_error_rate", labels=["dog", "cat", "cow", "hen"]).value == 50
    rows = [record(1, "dog: 1-2\nowl: 5-6", "dog: 1-2")]
    assert scored(rows, "event_macro_f1").value == 100
    assert scored(rows, "event_f1").value == pytest.approx(200 / 3)
    strange = scored(rows, "event_macro_error_rate", {"classes": "sed_eval"})
    assert strange.value is not None and strange.value > 1e15, "as sed_eval divides"


def test_collars_include_their_bounds() -> None:
    def hit(answer: str, **options: Any) -> bool:
        return scored([record(1, answer, "a: 1.0-3.0")], "event_f1", options).value == 100

    assert hit("a: 1.2-3") and not hit("a: 1.21-3")
    assert hit("a: 1-3.4") and not hit("a: 1-3.41")
    assert hit("a: 1-3.41", with_offset=False) and hit("a: 1-4", offset_share=50)
    assert not hit("a: 1-3.3", offset_share=0) and hit("a: 1.5-3.5", onset_collar=0.5)
    assert not hit("A: 1-3") and hit("A: 1-3", fold_labels=True)


def test_collars_are_of_decimals_but_for_sed_eval() -> None:
    """0.9 - 0.7 is 0.20000000000000007 as floats."""
    onset, offset = record(1, "a: 0.9-2", "a: 0.7-2"), record(1, "a: 1-2.9", "a: 1-2.7")
    longer = record(1, "a: 0-4.2", "a: 0-3.5")
    for one in (onset, offset, longer):
        assert scored([one], "event_f1").value == 100
    assert scored([onset], "event_f1", {"bounds": "sed_eval"}).value == 0
    assert scored([record(1, "a: 0.900001-2", "a: 0.7-2")], "event_f1").value == 0


def test_pairing_is_the_best_there_is_whatever_the_order() -> None:
    # The first answer fits both references, the second only the first: a greedy pairing loses one
    rows = [record(1, "a: 1.1-2\na: 0.9-2", "a: 1.0-2\na: 1.25-2")]
    assert scored(rows, "event_f1").value == 100
    texts = ["b: 1.1-2", "b: 0.9-2", "a: 5-6"]
    rates = {
        scored(
            [record(1, "\n".join(random.Random(seed).sample(texts, 3)), "a: 1-2\na: 1.25-2")], "event_error_rate"
        ).value
        for seed in range(9)
    }
    assert rates == {150.0}, "two substitutions and an insertion on two references"


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('[{"event_label": "dog", "onset": 1, "offset": 2.5}]', [("dog", 1, 2.5)]),
        ('{"label": "dog", "start": 1, "end": 2.5, "file": "x"}', [("dog", 1, 2.5)]),
        ('```json\n[{"event": " dog ", "onset": 1, "offset": 2.5}]\n```', [("dog", 1, 2.5)]),
        ("<|1.20|>dog<|3.40|>", [("dog", 1.2, 3.4)]),
        ("<|en|><|0.00|><|sil|><|1.2|>dog bark<|3|><|5.0|>cat<|6.0|><|endoftext|>", [("dog bark", 1.2, 3), ("cat", 5, 6)]),
        ("dog_bark: 1.2-3.4", [("dog_bark", 1.2, 3.4)]),
        ("- dog: 1 s - 2.5 s, 4–5\n\n* a: b: 3 to 4 seconds;c:1-2", [("dog", 1, 2.5), ("dog", 4, 5), ("a: b", 3, 4), ("c", 1, 2)]),
        ("", []), (" \n", []), ("[]", []), ("None.", []), ("```\n[]\n```", []),
        ("כלב: 1-2\n😀: 3-3", [("כלב", 1, 2), ("😀", 3, 3)]),
    ],
)  # fmt: skip
def test_how_events_are_written(text: str, events: list[tuple[str, float, float]]) -> None:
    assert read_events(text) == [Event(*event) for event in events]


@pytest.mark.parametrize(
    "text",
    ["A dog barks.", "dog: 2-1", "dog: 1-2\nand so on", "1-2", ": 1-2", "dog: 1.2", "dog: 1-x", "[1, 2]", "[[1, 2]]", "[{}]",
     "[", "{", "[" * 100_000, '[{"label": "dog", "onset": "1", "offset": 2}]', '[{"label": "a", "onset": true, "offset": 2}]',
     '[{"label": "dog", "onset": NaN, "offset": 2}]', '[{"label": "a", "onset": -1, "offset": 2}]',
     '[{"label": "dog", "onset": 1, "offset": Infinity}]', '[{"label": 7, "onset": 1, "offset": 2}]', f"dog: 1-{'9' * 400}",
     f'[{{"label": "a", "onset": 0, "offset": {"9" * 5000}}}]', f'[{{"label": "a", "onset": 0, "offset": {"9" * 400}}}]',
     '[{"label": "a", "onset": 1, "offset": 2}, 3]', "<|2.0|>dog<|1.0|>", "<|1.0|>", "null", '"dog"', "\0", "\0: 1-", "dog: ١-٢"],
)  # fmt: skip
def test_what_is_no_list_of_events(text: str) -> None:
    assert read_events(text) is None
    with pytest.raises(MetricError, match=r"row 's00001': .*the reference .* is no list of events"):
        scored([record(1, "dog: 1-2", text)], "event_f1")
    only = scored([record(1, text, "dog: 1-2"), record(2, "dog: 1-2", "dog: 1-2")], "segment_f1")
    assert only.value == 50 and only.details is not None and only.details["unread"] == 1


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("1.2-3.4", [(1.2, 3.4)]), ("from: 1-2 (0.5), 3 - 4 (0.9)", [(3, 4), (1, 2)]), ("[1, 2]", [(1, 2)]),
        ("[[1, 2, 0.1], [3, 4, 0.2]]", [(3, 4), (1, 2)]), ("[[1, 2], [3, 4]]", [(1, 2), (3, 4)]),
        ('{"start": 1, "end": 2, "score": -3}', [(1, 2)]), ("<|1.0|><|2.0|>", [(1, 2)]), ("<|1.0|>dog<|2.0|>", [(1, 2)]),
    ],
)  # fmt: skip
def test_how_spans_are_written(text: str, spans: list[tuple[float, float]]) -> None:
    found = read_spans(text)
    assert found is not None and [(span.onset, span.offset) for span in found] == spans


@pytest.mark.parametrize(
    "text", ["[[1, 2, 0.1], [3, 4]]", "[1, 2, 3, 4]", "[1]", "one to two", "<|1.0|><|2.0|><|3.0|>"]
)
def test_what_is_no_span(text: str) -> None:
    assert read_spans(text) is None
    assert scored([record(1, text, "1-2")], "temporal_iou").value == 0


def test_overlap_of_a_grounded_span() -> None:
    assert scored([record(1, "2-4", "1-3")], "temporal_iou").value == pytest.approx(100 / 3)
    assert scored([record(1, "2-4 (0.1), 1-3 (0.9)", "1-3")], "temporal_iou").value == 100
    assert scored([record(1, "2-4", "1-3", [[2, 4], [7, 8]])], "temporal_iou").value == 100
    assert scored([record(1, "3-3", "1-3")], "temporal_iou").value == 0
    only = scored([record(1, "2-4", "1-3"), record(2, "0-6", "0-10")], "temporal_iou")
    assert only.details == {"unread": 0, "recall_at_1": {"0.3": 100, "0.5": 50, "0.7": 0}}
    assert only.signature == "temporal_iou|norm:none.1|span:first" and only.ci95 is not None
    for bad in ("", "2-2", "3-2", "dog"):
        with pytest.raises(MetricError, match=r"row 's00001': .*is no span of time"):
            scored([record(1, "1-2", bad)], "temporal_iou")


def test_map_by_hand() -> None:
    rows = [record(1, [[0, 10, 0.9], [20, 30, 0.8], [50, 56, 0.7]], [[0, 10], [50, 60]])]
    assert scored(rows, "grounding_map", {"thresholds": [0.5]}).value == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert scored(rows, "grounding_map", {"thresholds": 0.75}).value == 50
    only = scored(rows, "grounding_map", {"thresholds": [0.5, 0.75]})
    assert only.value == pytest.approx((100 * (1 + 2 / 3) / 2 + 50) / 2) and only.details is not None
    assert only.details["map_at"]["0.75"] == 50
    assert only.signature == "grounding_map|norm:none.1|iou:0.5+0.75|ap:interpolated|agg:samples"
    twice = [record(1, [[0, 10], [0, 10]], [[0, 10]])]
    assert scored(twice, "grounding_map").value == 100, "a second hit of the same span comes after all is found"
    for bad in ([], [0], "x", [1.5], True, [None]):
        with pytest.raises(MetricError, match="option 'thresholds'"):
            scored(rows, "grounding_map", {"thresholds": bad})


def test_average_precision_is_the_area_under_the_best_precisions() -> None:
    """Against the area computed point by point, as the definition of ActivityNet has it."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        overlaps = rng.random((rng.integers(0, 8), rng.integers(1, 6)))
        hits: list[int] = []
        free = set(range(overlaps.shape[1]))
        for ious in overlaps:
            order = [gold for gold in np.argsort(-ious) if gold in free and ious[gold] >= 0.5]
            hits.append(bool(order))
            free -= set(order[:1])
        recalls = np.concatenate([[0], np.cumsum(hits) / overlaps.shape[1], [1]])
        precisions = np.concatenate([[0], np.cumsum(hits) / np.arange(1, len(hits) + 1), [0]])
        for place in range(len(precisions) - 2, -1, -1):
            precisions[place] = max(precisions[place], precisions[place + 1])
        area = sum((recalls[1:] - recalls[:-1]) * precisions[1:])
        assert average_precision(overlaps, 0.5) == pytest.approx(area)


def random_events(rng: random.Random, most: int = 8) -> str:
    starts = [rng.randrange(0, 80) / 10 for _ in range(rng.randint(0, most))]
    return json.dumps(
        [{"event_label": rng.choice("abc"), "onset": at, "offset": at + rng.randrange(0, 30) / 10} for at in starts]
    )


def test_pairs_are_as_many_as_can_be() -> None:
    """Against trying every pairing."""

    def best(near: np.ndarray, same: np.ndarray, used: frozenset[int] = frozenset(), line: int = 0) -> tuple[int, int]:
        if line == len(near):
            return 0, 0
        options = [best(near, same, used, line + 1)]
        for column in np.flatnonzero(near[line]):
            if column not in used:
                hits, others = best(near, same, used | {int(column)}, line + 1)
                options.append((hits + bool(same[line, column]), others + (not same[line, column])))
        return max(options)

    rng, metric = random.Random(1), METRICS["event_f1"](options={"onset_collar": 1.5, "offset_share": 50})
    assert isinstance(metric, CollarMetric)
    for _ in range(150):
        golds, said = (read_events(random_events(rng, 5)) or [] for _ in "xx")
        near, same = np.zeros((2, len(golds), len(said)), dtype=bool)
        for line, gold in enumerate(golds):
            for column, one in enumerate(said):
                width = max(1.5, 0.5 * (gold.offset - gold.onset))
                near[line, column] = abs(gold.onset - one.onset) <= 1.5 and abs(gold.offset - one.offset) <= width
                same[line, column] = gold.label == one.label
        tally = metric.tally(golds, said)
        hits = sum(counts[0] for counts in tally.classes.values())
        assert (hits, tally.errors[0]) == best(near, same)


def test_segments_are_those_of_a_grid() -> None:
    rng, metric = random.Random(2), METRICS["segment_error_rate"](options={"resolution": 0.5})
    for _ in range(150):
        texts = [random_events(rng) for _ in "xx"]
        grids = []
        for text in texts:
            grid = np.zeros((30, 3), dtype=int)
            for event in read_events(text) or []:
                grid[math.floor(event.onset / 0.5) : math.ceil(event.offset / 0.5), "abc".index(event.label)] = 1
            grids.append(grid)
        golds, said = grids
        hits, pairs = (golds & said).sum(axis=1), np.minimum(golds.sum(axis=1), said.sum(axis=1))
        expected = [(pairs - hits).sum(), (golds.sum(axis=1) - pairs).sum(), (said.sum(axis=1) - pairs).sum()]
        assert list(metric.statistics(row(texts[1], texts[0]))[:3]) == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", TIMED)
def test_perfect_is_best_damage_is_worse_and_order_is_nothing(name: str) -> None:
    rng = random.Random(3)
    spans = [[at / 10, at / 10 + 1 + rng.random()] for at in rng.sample(range(100), 40)]
    texts = [f"{rng.choice('abc')}: {span[0]}-{span[1]}" for span in spans]
    right = [record(n, text, text, group=f"g{n % 9}") for n, text in enumerate(texts)]
    worst = [{**one, "raw": "no idea"} for one in right]
    for answers in (right, worst, [{**right[0], "raw": "c: 50-60"}, *right[1:]]):
        assert scored(answers, name) == scored(random.Random(4).sample(answers, len(answers)), name)
    perfect, damaged, none = (scored(rows, name) for rows in (right, [worst[0], *right[1:]], worst))
    best, low = (100, 0) if perfect.higher_is_better else (0, 200)
    assert perfect.value == pytest.approx(best) and perfect.ci95 == [pytest.approx(best)] * 2
    assert none.value == low and none.details is not None and none.details["unread"] == 40
    assert damaged.value is not None and min(best, low) < damaged.value < max(best, low)
    assert damaged.ci95 is not None and damaged.ci95[0] <= damaged.value <= damaged.ci95[1]
    assert json.loads(json.dumps(damaged.to_dict(), allow_nan=False))["value"] == damaged.value


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("raw", ["", "\0", "😀", "שלום: 1-2", "word " * 20_000, "a: 1-2\n" * 14_000, ":" * 100_000, None,
                                 "[[1,2]," * 14_000, "a: 1" + " " * 99_000 + "x", "<|1.0|>" * 14_000, "a: 0-1000000"])  # fmt: skip
def test_any_answer_has_a_defined_result(name: str, raw: str | None) -> None:
    only = Row("r", raw, ("a: 1.2-3.4",))
    value, _ = measure(METRICS[name](), [only])
    assert value is not None and math.isfinite(value)
    assert json.dumps(METRICS[name]().details([only]), allow_nan=False)


@pytest.mark.parametrize("name", [metric.name for metric in EVENT_METRICS])
def test_recordings_without_events(name: str) -> None:
    silent = [record(1, "", "[]"), record(2, "none", "")]
    only = scored(silent, name)
    assert only.value is None
    false = scored([record(1, "a: 1-2", "[]")], name)
    assert false.value == (0 if name in ("event_f1", "segment_f1") else None)
    both = scored([*silent, record(3, "a: 1-2", "a: 1-2")], name)
    assert both.value == (100 if both.higher_is_better else 0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("event_f1", {"onset_colar": 1}, r"no option 'onset_colar'; did you mean 'onset_collar'\?"),
        ("event_f1", {"onset_collar": -1}, r"option 'onset_collar' is -1; write a number from 0"),
        ("event_f1", {"offset_share": "a"}, r"'offset_share' is 'a'"),
        ("event_f1", {"with_offset": 1}, r"write true or false"),
        ("segment_f1", {"resolution": 0}, r"'resolution' is 0; write a number from 0.0001"),
        ("segment_f1", {"resolution": float("nan")}, r"write a number from 0.0001"),
        ("segment_macro_f1", {"classes": "all"}, r"write gold or sed_eval"),
        ("event_f1", {"bounds": "float"}, r"'bounds' is 'float'; write decimal or sed_eval"),
    ],
)
def test_options_that_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        scored([record(1, "", "a: 1-2")], name, options)


@pytest.mark.parametrize("duration", [1e308, 10**400, -1, float("nan"), float("inf"), True, "10", [1]])
def test_durations_that_are_refused(duration: Any) -> None:
    rows = [record(1, "", "a: 1-2", fields={"duration": duration})]
    with pytest.raises(MetricError, match=r"row 's00001': the field 'duration' is .*; write the seconds from 0 to"):
        scored(rows, "segment_f1", {"resolution": 1e-4})
    (only,) = score(rows, ScoringSpec({"it": MetricSpec("segment_f1", options={"resolution": 1e-4})}, "it"))
    assert only.value == 0 and only.details is not None and "accuracy_of_whole_files" not in only.details
    longest = [record(1, "", "a: 1-2", fields={"duration": 1e6})]
    details = scored(longest, "segment_f1", {"resolution": 1e-4}).details
    assert details is not None and details["accuracy_of_whole_files"]["idle"] == 10**10 - 10**4


@pytest.mark.parametrize(
    "name", [metric.name for metric in EVENT_METRICS] + [metric.name for metric in SEGMENT_METRICS]
)
def test_what_cannot_be_read_is_worse_than_whatever_can(name: str) -> None:
    """Beside answers as long as the reference, and none; on recordings with events and without, among others."""
    rng, metric = random.Random(7), METRICS[name]()
    others = [Row(f"o{n}", text, (text,)) for n, text in enumerate(["a: 1-3\nb: 2-5", "", "c: 0-1\na: 8-9", "b: 4-8"])]
    sign = 1 if metric.higher_is_better else -1

    def value(answer: str | None, reference: str) -> float:
        found = measure(metric, [Row("x", answer, (reference,)), *others], draws=0)[0]
        assert found is not None
        return sign * found

    for reference, events in (("a: 1-2\na: 4-6\nc: 2-4", 3), ("[]", 1), ("b: 3-3", 1)):
        worst = value(None, reference)
        assert worst == value("I hear a dog.", reference) <= value("", reference)
        if "macro" in name:
            continue
        assert worst < value(reference, reference)
        for _ in range(40):
            spans = [(rng.choice("abc"), at) for at in rng.sample(range(20), events)]
            assert value("\n".join(f"{label}: {at}-{at + 1}" for label, at in spans), reference) >= worst


def test_one_list_of_references() -> None:
    with pytest.raises(MetricError, match=r"row 's00001': .*2 references; write all events of a recording as one list"):
        scored([record(1, "", "a: 1-2", "b: 1-2")], "event_f1")


def test_the_interval_resamples_files() -> None:
    rng = random.Random(5)
    rows = [Row(f"{n:03}", random_events(rng), (random_events(rng),), None, f"g{n:03}") for n in range(60)]
    for name in ("event_f1", "segment_macro_f1", "event_macro_error_rate"):
        found, centre = interval(METRICS[name](), rows), measure(METRICS[name](), rows)[0]
        assert found is not None and centre is not None and found[0] < centre < found[1]
