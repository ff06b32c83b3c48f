"""Scores of the evaluation scripts and reference libraries, on rows written for the edges, must come out exactly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metrics.score import MetricSpec, Score, ScoringSpec, check, score

DATA = Path(__file__).parent / "data"
EXPECTED: dict[str, dict[str, Any]] = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))


def rows_of(family: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{family}.jsonl").read_text(encoding="utf-8").splitlines()]


def scored(
    family: str,
    metric: str,
    normalizer: str = "none",
    language: str | None = None,
    labels: list[str] | None = None,
    decoded: Callable[[str], str] = str,
) -> Score:
    records = [{**row, "raw": decoded(row["prediction"]), "status": "ok", "fields": {}} for row in rows_of(family)]
    spec = ScoringSpec({"it": MetricSpec(metric, normalizer)}, primary="it", language=language, labels=labels)
    check(spec)
    (only,) = score(records, spec)
    assert only.n == len(records)
    return only


@pytest.mark.parametrize(
    ("language", "normalizer"),
    [("en", "qwen_audio"), ("zh", "qwen_audio"), ("zh-CN", "qwen_audio")]
    + [(language, "qwen2_audio") for language in ("en", "zh", "zh-CN", "yue", "fr")],
)
def test_word_error_rate_as_published(language: str, normalizer: str) -> None:
    family = f"asr_{language.split('-')[0]}"
    expected = 100 * EXPECTED[family][f"{normalizer}_wer"]
    assert scored(family, "wer", normalizer, language).value == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("target", "language"), [("de", "de"), ("zh", "zh"), ("zh", "zh-CN"), ("zh", "cmn"), ("ja", "ja")]
)
def test_translation_as_published(target: str, language: str) -> None:
    expected = EXPECTED[f"st_en_{target}"]
    bleu = scored(f"st_en_{target}", "bleu", language=language)
    assert bleu.value == expected["bleu"]
    assert bleu.signature == f"bleu|norm:none.1|{expected['signature']}"
    assert scored(f"st_en_{target}", "chrf", language=language).value == expected["chrf"]


@pytest.mark.parametrize(
    ("family", "metric", "language"), [("jiwer_en", "wer", "en"), ("jiwer_en", "cer", "en"), ("jiwer_zh", "cer", "zh")]
)
def test_error_rates_as_jiwer_gives_them(family: str, metric: str, language: str) -> None:
    assert scored(family, metric, language=language).value == pytest.approx(100 * EXPECTED[family][metric], rel=1e-13)


@pytest.mark.parametrize(
    ("family", "key", "decoded"),
    [(family, "qwen_audio_acc", str.strip) for family in ("cls_scene", "cls_emotion", "cls_vocal")]
    + [(family, "qwen_audio_acc_without_decode_strip", str) for family in ("cls_scene", "cls_emotion", "cls_vocal")]
    + [(family, "qwen2_audio_acc", str.lstrip) for family in ("cls_emotion", "cls_vocal")]
    + [("aqa", "acc", str.strip), ("f1_uar", "accuracy", str)],
)
def test_accuracy_as_published(family: str, key: str, decoded: Callable[[str], str]) -> None:
    assert scored(family, "accuracy", decoded=decoded).value == pytest.approx(100 * EXPECTED[family][key], rel=1e-13)


@pytest.mark.parametrize(
    ("metric", "key", "compared"),
    [("annotator_accuracy", "acc", "each"), ("annotator_accuracy_yes_no", "binary_acc", "each_yes_no")],
)
def test_answers_of_all_annotators_as_published(metric: str, key: str, compared: str) -> None:
    """The published evaluation has a row for each annotator; here a question is one sample with all their answers."""
    questions: dict[str, dict[str, Any]] = {}
    for row in rows_of("aqa"):
        question = questions.setdefault(row["group"], {"id": row["group"], "references": [], "status": "ok"})
        question["raw"] = row["prediction"].strip()
        question["references"] += row["references"]
    spec = ScoringSpec({"it": MetricSpec(metric)}, primary="it")
    (only,) = score(list(questions.values()), spec)
    assert only.value == pytest.approx(100 * EXPECTED["aqa"][key], rel=1e-13)
    assert only.signature == f"{metric}|norm:none.1|match:exact|refs:{compared}"
    binary = sum(bool({"yes", "no"} & set(map(str.lower, row["references"]))) for row in questions.values())
    assert only.n == (binary if compared == "each_yes_no" else len(questions))


@pytest.mark.parametrize(
    ("family", "metric", "unit"),
    [("jiwer_en", "wer", "word"), ("jiwer_en", "cer", "char"), ("jiwer_zh", "cer", "char")],
)
def test_details_of_error_rates_as_jiwer_gives_them(family: str, metric: str, unit: str) -> None:
    details = scored(family, metric).details
    assert details is not None
    for key, name in (("hits", "hits"), ("sub", "substitutions"), ("ins", "insertions"), ("del", "deletions")):
        assert details[name] == EXPECTED[family][f"{unit}_{key}"]


def test_word_timestamps_as_published() -> None:
    expected = EXPECTED["srwt"]
    aas, half = scored("srwt", "aas"), scored("srwt", "aas_half")
    assert aas.value == pytest.approx(1000 * expected["qwen_audio_aas"], rel=1e-13)
    assert half.value == pytest.approx(500 * expected["qwen_audio_aas"], rel=1e-13)
    assert aas.details is not None and aas.details["matched_words"] == expected["accumulated_tokens"]
    words = scored("srwt", "wer", "qwen_audio", "zh")
    assert words.value == pytest.approx(100 * expected["qwen_audio_wer"], rel=1e-13)


def structured(family: str, metric: str, **options: Any) -> Score:
    records = [
        {
            "id": row["id"],
            "raw": json.dumps(row["prediction"]),
            "references": [json.dumps(reference) for reference in row["references"]],
            "fields": {"uem": row.get("uem")},
        }
        for row in rows_of(family)
    ]
    spec = ScoringSpec({"it": MetricSpec(metric, options=options)}, primary="it")
    check(spec, records)
    (only,) = score(records, spec)
    assert only.n == len(records) and only.value is not None and only.ci95 is not None
    assert only.ci95[0] <= only.value <= only.ci95[1]
    return only


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("skip_overlap", [True, False])
@pytest.mark.parametrize("collar", [0, 0.25])
def test_diarization_error_rate_as_pyannote_gives_it(collar: float, skip_overlap: bool, merge: bool) -> None:
    key = "" if merge else "no_merge_"
    key += "der_collar" + ("0.25_each_side" if collar else "0") + ("_skip_overlap" if skip_overlap else "")
    found = structured("diarization", "der", collar=collar, skip_overlap=skip_overlap, merge=merge)
    assert found.value == pytest.approx(100 * EXPECTED["diarization"][key], rel=1e-12)
    assert f"|collar:{collar}s.each|" in found.signature


@pytest.mark.parametrize(("merge", "key"), [(True, "jer"), (False, "no_merge_jer")])
def test_jaccard_error_rate_as_pyannote_gives_it(merge: bool, key: str) -> None:
    found = structured("diarization", "jer", merge=merge)
    assert found.value == pytest.approx(100 * EXPECTED["diarization"][key], rel=1e-12)


def test_verification_as_scikit_learn_gives_it() -> None:
    expected = EXPECTED["verification"]
    assert structured("verification", "eer").value == pytest.approx(100 * expected["eer_linear_crossing"], rel=1e-12)
    for p_target in (0.01, 0.05, 0.5):
        found = structured("verification", "min_dcf", p_target=p_target)
        assert found.value == pytest.approx(expected[f"min_dcf_p{p_target}"], rel=1e-12)


CAPTIONS = {f"caption_bleu{order}": f"Bleu_{order}" for order in range(1, 5)} | {
    "rouge_l": "ROUGE_L",
    "cider_d": "CIDEr",
}


@pytest.mark.parametrize("metric", CAPTIONS)
@pytest.mark.parametrize("tokens", ["java", "python"])
def test_captions_as_published(
    metric: str, tokens: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What coco-caption prints as CIDEr is `cider_d`."""
    if tokens == "java":
        request.getfixturevalue("java")
    else:
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("JAVA_HOME", raising=False)
    only = scored("caption", metric)
    expected = EXPECTED["caption"][CAPTIONS[metric]]
    assert only.value == pytest.approx(expected * (1 if metric == "cider_d" else 100), rel=1e-12)
    assert only.signature.startswith(f"{metric}|norm:none.1|tok:{'ptb-3.4.1' if tokens == 'java' else 'ptb-py.1'}|")


def test_macro_f1_over_fixed_and_gold_labels() -> None:
    labels = rows_of("f1_uar")[0]["labels"]
    fixed, gold = scored("f1_uar", "macro_f1", labels=labels), scored("f1_uar", "macro_f1")
    assert fixed.value == pytest.approx(100 * EXPECTED["f1_uar"]["macro_f1_fixed_labels"], rel=1e-13)
    assert gold.value == pytest.approx(100 * EXPECTED["f1_uar"]["macro_f1_gold_labels"], rel=1e-13)
    assert (fixed.signature, gold.signature) == (
        "macro_f1|norm:none.1|set:5.691d40|labels:fixed",
        "macro_f1|norm:none.1|labels:gold",
    )
