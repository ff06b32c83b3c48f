"""Notes, labels and entities: scores of the evaluation scripts and reference libraries must come out exactly."""

import json
from pathlib import Path
from typing import Any

import pytest

from metrics.score import MetricSpec, Score, ScoringSpec, check, score

DATA = Path(__file__).parent / "data"
EXPECTED: dict[str, dict[str, Any]] = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def scored(family: str, metric: str, labels: bool = False, **options: Any) -> Score:
    rows = [json.loads(line) for line in (DATA / f"{family}.jsonl").read_text(encoding="utf-8").splitlines()]
    records = [
        {"id": row["id"], "raw": text(row["prediction"]), "references": list(map(text, row["references"]))}
        for row in rows
    ]
    spec = ScoringSpec({"it": MetricSpec(metric, options=options)}, "it", labels=rows[0]["labels"] if labels else None)
    check(spec, [{**record, "fields": {}} for record in records])
    (only,) = score(records, spec)
    assert only.n == len(records)
    return only


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("macro_all_classes", {"classes": "all"}),
        ("macro_classes_with_positives", {}),
        ("macro_classes_with_positives", {"classes": "with_positives"}),
        ("micro", {"average": "micro", "classes": "all"}),
    ],
)
def test_mean_average_precision(key: str, options: dict[str, str]) -> None:
    found = scored("map", "mean_ap", labels=True, **options)
    assert found.value == pytest.approx(EXPECTED["map"][key], rel=1e-12)
    said = f"avg:{options.get('average', 'macro')}|classes:{options.get('classes', 'with_positives_and_negatives')}"
    assert found.signature == f"mean_ap|norm:none.1|set:6.6968ec|labels:fixed|unread:worst|{said}"
    assert found.details is not None and found.details["without_positives"] == ["siren"]
    for label, value in EXPECTED["map"]["per_class"].items():
        one = found.details["classes"][label]["mean_ap"]
        assert one == (None if label == "siren" else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize("family", ["note", "note_dense"])
@pytest.mark.parametrize(
    ("metric", "key", "scale"),
    [
        ("note_instrument", "instrument_acc", 100),
        ("note_velocity", "velocity_acc", 100),
        ("note_pitch", "pitch_top1_acc", 100),
        ("note_chroma", "pitch_chroma_acc", 100),
        ("note_qualities", "sonic_macro_ap", 1),
    ],
)
def test_notes_as_published(family: str, metric: str, key: str, scale: int) -> None:
    found = scored(family, metric, published=True)
    assert found.value == pytest.approx(scale * EXPECTED[family][key], rel=1e-12)
    assert found.signature.startswith(f"{metric}|norm:none.1|form:published")


@pytest.mark.parametrize("family", ["note", "note_dense"])
def test_true_pitch_class(family: str) -> None:
    found = scored(family, "note_chroma")
    assert found.value == pytest.approx(100 * EXPECTED[family]["true_chroma_acc_for_comparison"], rel=1e-12)
    assert found.signature == "note_chroma|norm:none.1|form:strict"


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize(
    ("metric", "key", "options"),
    [
        ("intent_f1", "scenario", {"part": "scenario"}),
        ("intent_f1", "action", {"part": "action"}),
        ("intent_f1", "intent", {}),
        ("entity_f1", "entity_exact", {}),
        ("entity_f1", "entity_word", {"distance": "word"}),
        ("entity_f1", "entity_char", {"distance": "char"}),
        ("slu_f1", "slu", {}),
    ],
)
def test_slurp(average: str, metric: str, key: str, options: dict[str, str]) -> None:
    found = scored("slurp", metric, average=average, **options)
    assert found.value == pytest.approx(100 * EXPECTED["slurp"][f"{average}_{key}"], rel=1e-12)
    assert f"|avg:{average}" in found.signature
    if key in ("scenario", "action", "intent"):
        right = scored("slurp", "intent_accuracy", part=key).value
        assert right == pytest.approx(100 * EXPECTED["slurp"][f"micro_{key}"], rel=1e-12)


@pytest.mark.parametrize("labels", [True, False])
def test_unweighted_average_recall(labels: bool) -> None:
    found = scored("f1_uar", "uar", labels=labels)
    assert found.value == pytest.approx(100 * EXPECTED["f1_uar"]["uar_balanced_accuracy"], rel=1e-12)


def test_macro_f1_over_the_union() -> None:
    found = scored("f1_uar", "macro_f1", classes="union")
    assert found.value == pytest.approx(100 * EXPECTED["f1_uar"]["macro_f1_union"], rel=1e-12)
    assert found.signature == "macro_f1|norm:none.1|labels:union"
