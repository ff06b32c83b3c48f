"""Verification: verdicts by interval, rounding and tolerance, and for each way to get another number than the paper's the
cause that is named first."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from support import command

from metrics.score import MetricSpec, ScoringSpec
from results.__main__ import main
from results.causes import gap, point
from results.files import RunError
from results.journal import ClipRecord, Failure, Prediction
from results.published import published
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task
from results.verify import CLOSE, NOT_COMPARABLE, OFF, REPRODUCED, Line, as_markdown, chosen, models_of, verify

LIBRISPEECH, VOCALSOUND = "asr/librispeech", "vsc/vocalsound"
PROMPTS = {
    LIBRISPEECH: "<|startoftranscript|><|{language}|><|transcribe|><|{language}|><|notimestamps|><|wo_itn|>",
    VOCALSOUND: "<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|vocal_classification|>",
}
LABELS = ["Laughter", "Sigh", "Cough", "Throat clearing", "Sneeze", "Sniff"]
AS_PUBLISHED = MetricSpec("wer", "qwen_audio", "exact")
CLIP = ClipRecord("a.wav", None, None, 1.0, "0" * 64)
Pair = tuple[str, str | None]


def speech(wrong: float = 2.0, count: int = 2620) -> list[Pair]:
    """References in capitals and answers in tags, of ten words each, so many percent of which are wrong to the letter,
    but not once British spelling is made American."""
    words = "THE COLOR OF THE OLD HOUSE IS GRAY AND BLUE"
    every = 100 / (10 * wrong)
    return [
        (words, "<|en|>" + (words.replace("COLOR", "COLOUR") if number % every < 1 else words).lower())
        for number in range(count)
    ]


def sounds(right: int, in_words: int, count: int = 1000) -> list[Pair]:
    """Labels: so many to the letter, so many within a sentence, and the rest wrong."""
    found = []
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        other = LABELS[(number + 1) % len(LABELS)]
        found.append((label, label if number < right else f"I hear {label}." if number < right + in_words else other))
    return found


def make_run(
    path: Path,
    pairs: list[Pair],
    metrics: dict[str, MetricSpec],
    task: str = LIBRISPEECH,
    subset: str | None = "test-clean",
    model: str = "qwen_audio",
    asked: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    flags: tuple[str, ...] = (),
    labels: list[str] | None = None,
    data: dict[str, str] | None = None,
    **of_run: Any,
) -> RunDirectory:
    """A finished run of one task; an answer None is a sample that failed."""
    spec = ScoringSpec(metrics, primary=next(iter(metrics)), language="en", labels=labels)
    longest = 256 if task == LIBRISPEECH else 4
    fingerprint = {
        "prompt": f"qwen_audio: {PROMPTS.get(task, 'p')}",
        "generation": json.dumps({"max_new_tokens": longest, "temperature": 0.0, "top_p": 1.0, "seed": 0}),
        "dtype": "float32",
    }
    entry = TaskRecord(fingerprint | (asked or {}), spec.to_dict(), len(pairs), data or {})
    settings = {"model": {"name": model, "dtype": "float32"}, "batch": {"max_clips": 16}} | (config or {})
    directory, record = RunDirectory(path), RunRecord(model, task, settings, {task: entry}, {}, None, **of_run)
    with directory.claim():
        directory.write(record)
        directory.journal(task).append(
            [
                Prediction(
                    f"s{number:05}", subset, None, [reference], {}, "p", [CLIP], raw, "ok" if raw is not None else "failed",
                    list(flags) if number < 7 else [], None if raw is not None else Failure("missing", "it is not there"),
                )
                for number, (reference, raw) in enumerate(pairs)
            ]
        )  # fmt: skip
        score_task(directory, record, task)
    return directory


def one(directory: RunDirectory, **asked: Any) -> Line:
    (line,), _ = verify(directory, **asked)
    return line


def test_a_run_as_published_is_reproduced(tmp_path: Path) -> None:
    line = one(make_run(tmp_path / "run", speech(), {"wer_qwen_audio": AS_PUBLISHED}))
    assert (line.verdict, line.reasons) == (REPRODUCED, ())
    assert line.score is not None and line.score.value == pytest.approx(2.0) and line.published.value == 2.0


def test_a_wrong_normaliser_is_the_cause_named_first(tmp_path: Path) -> None:
    wrong = MetricSpec("wer", "none", "exact")
    directory = make_run(
        tmp_path / "run", speech(), {"wer_qwen_audio": wrong}, asked={"prompt": "chat: Say it.", "dtype": "bfloat16"}
    )
    line = one(directory)
    assert line.verdict == OFF and line.score is not None and line.score.value is not None and line.score.value > 90
    assert line.reasons[0] == (
        "normaliser: none in the run, qwen_audio in the published score; with normaliser qwen_audio the value would be 2"
    )
    assert line.reasons[1].startswith("prompt: ")
    done = command("results", "verify", directory.path)
    assert done.returncode == 1 and "asr/librispeech test-clean, off:\n- normaliser: none in the run" in done.stdout


def test_a_normaliser_that_flatters_is_named_too(tmp_path: Path) -> None:
    """Better than the paper is no reproduction either."""
    line = one(make_run(tmp_path / "run", speech(), {"wer": MetricSpec("wer", "whisper_en", "exact")}))
    assert line.verdict == OFF and line.difference == pytest.approx(-2.0)
    assert line.reasons[0].startswith("normaliser: whisper_en in the run, qwen_audio in the published score; with ")
    assert line.reasons[1] == "score: the run has no wer_qwen_audio; wer stands in for it"


def test_a_normaliser_that_does_not_explain_it_is_said_not_to(tmp_path: Path) -> None:
    line = one(make_run(tmp_path / "run", speech(8.0), {"wer_qwen_audio": MetricSpec("wer", "whisper_en", "exact")}))
    assert line.verdict == OFF
    assert line.reasons == (
        "normaliser: whisper_en in the run, qwen_audio in the published score; scored as published the value would be 8, "
        "which is not it either",
    )


def test_a_wrong_extractor_is_the_cause_named_first(tmp_path: Path) -> None:
    metrics = {"accuracy_qwen_audio": MetricSpec("accuracy", "none", "label")}
    directory = make_run(tmp_path / "run", sounds(929, 50), metrics, VOCALSOUND, "test", labels=LABELS)
    line = one(directory)
    assert line.verdict == OFF and line.score is not None and line.score.value == pytest.approx(97.9)
    assert line.reasons[0] == (
        "extractor: label in the run, exact in the published score; with extractor exact the value would be 92.9"
    )


def test_extractor_and_normaliser_together(tmp_path: Path) -> None:
    """Neither alone explains it, both do: 1 % of the words are spelt otherwise, one answer in 40 is a sentence."""
    pairs = speech(1.0)
    for place in range(5, 2620, 40):
        reference, raw = pairs[place]
        pairs[place] = (reference, f'The person says: "{(raw or "").removeprefix("<|en|>")}".')
    line = one(make_run(tmp_path / "run", pairs, {"wer_qwen_audio": MetricSpec("wer", "whisper_en", "reported")}))
    assert line.verdict == OFF and line.score is not None and line.score.value == 0
    first, second = line.reasons
    assert first.endswith("; with normaliser qwen_audio and extractor exact the value would be 2.008")
    assert second == "extractor: reported in the run, exact in the published score"


def test_what_was_asked_otherwise_is_named(tmp_path: Path) -> None:
    cases = {
        "prompt: asked in the style 'chat', the published number in 'qwen_audio'": {"prompt": "chat: Transcribe it."},
        "prompt: 'Transcribe it.', where the published number was asked '<|startoftranscript|>": {
            "prompt": "qwen_audio: Transcribe it."
        },
        "generation: at most 32 new tokens, the published number at most 256": {
            "generation": json.dumps({"max_new_tokens": 32, "temperature": 0.0})
        },
        "generation: sampled (temperature 0.7), the published number was not": {
            "generation": json.dumps({"max_new_tokens": 256, "temperature": 0.7})
        },
        "dtype: float16, whose rounding": {"dtype": "float16"},
    }
    for number, (said, asked) in enumerate(cases.items()):
        directory = make_run(tmp_path / f"{number}", speech(9.0), {"wer_qwen_audio": AS_PUBLISHED}, asked=asked)
        line = one(directory)
        assert line.verdict == OFF and line.reasons[0].startswith(said), line.reasons
    assert line.reasons[1] == "batch: up to 16 clips at a time, which in float16 changes an answer now and then"


def test_what_became_of_the_samples_is_named(tmp_path: Path) -> None:
    pairs = speech(9.0)
    pairs[5:17] = [(reference, None) for reference, _ in pairs[5:17]]
    line = one(
        make_run(
            tmp_path / "run", pairs, {"wer_qwen_audio": AS_PUBLISHED}, flags=("truncated_audio",),
            data={"test-clean": "unchecked"}, audit={LIBRISPEECH: {"flips": ["s00001", "s00002"]}},
        )
    )  # fmt: skip
    assert line.verdict == OFF
    assert line.reasons == (
        "failed: 12 of 2,620 samples have no answer, and are not in the score",
        "audio: of 7 samples it was cut to what the model takes",
        "data: it could be held against nothing that was published",
        "batch: 2 of the samples that were answered once more, each alone, have another answer",
    )


def test_a_part_of_the_set_is_named_and_too_small_a_part_says_nothing(tmp_path: Path) -> None:
    limit = {"each": {"limit": 1500}}
    metrics = {"wer_qwen_audio": AS_PUBLISHED}
    line = one(make_run(tmp_path / "off", speech(9.0, 1500), metrics, config=limit))
    assert (line.verdict, line.reasons) == (OFF, ("n: 1,500 of 2,620 samples (limit)",))
    line = one(make_run(tmp_path / "good", speech(2.0, 1500), metrics, config=limit))
    assert (line.verdict, line.reasons) == (REPRODUCED, ("n: 1,500 of 2,620 samples (limit)",))
    line = one(make_run(tmp_path / "few", speech(2.0, 40), metrics))
    assert (line.verdict, line.reasons) == (NOT_COMPARABLE, ("n: 40 of 2,620 samples, too few to tell",))
    line = one(make_run(tmp_path / "wide", [*speech(2.0, 58), ("A", "b " * 9), ("A", "b " * 9)], metrics))
    assert line.verdict == NOT_COMPARABLE and "an interval too wide to tell" in line.reasons[0]
    # More samples than there are: it is another set
    line = one(make_run(tmp_path / "more", speech(9.0, 2700), metrics))
    assert line.reasons == ("n: 2,700 of 2,620 samples",)


def test_where_nobody_says_how_many_there_are_the_limit_tells(tmp_path: Path) -> None:
    metrics = {"accuracy_qwen_audio": MetricSpec("accuracy")}
    for number, config in enumerate(({"tasks": {"v": {"name": VOCALSOUND, "limit": 100}}}, {"limit": 100})):
        line = one(make_run(tmp_path / f"{number}", sounds(92, 0, 100), metrics, VOCALSOUND, "test", config=config))
        assert line.verdict == NOT_COMPARABLE and line.reasons[0].startswith("n: 100 samples (limit), and an interval")
    line = one(make_run(tmp_path / "all", sounds(929, 0), metrics, VOCALSOUND, "test"))
    assert (line.verdict, line.reasons) == (REPRODUCED, ())


def test_unparsed_answers_are_named(tmp_path: Path) -> None:
    metrics = {"accuracy_qwen_audio": MetricSpec("accuracy", "none", "label")}
    pairs = sounds(700, 0, 800) + [("Cough", "hm")] * 200
    line = one(make_run(tmp_path / "run", pairs, metrics, VOCALSOUND, "test", labels=LABELS))
    assert line.verdict == OFF and "extractor: 200 answers could not be read, and count as wrong" in line.reasons


def test_a_control_is_not_compared(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "run", speech(), {"wer_qwen_audio": AS_PUBLISHED}, control="silence")
    line = one(directory)
    assert (line.verdict, line.reasons) == (NOT_COMPARABLE, ("control: each clip was silence of its length",))
    assert main(["verify", str(directory.path)]) == 0


def test_what_is_true_of_several_lines_is_said_once_and_the_verdicts_are_counted(tmp_path: Path) -> None:
    control = one(make_run(tmp_path / "a", speech(), {"wer_qwen_audio": AS_PUBLISHED}, control="silence"))
    good = one(make_run(tmp_path / "b", speech(), {"wer_qwen_audio": AS_PUBLISHED}))
    text = as_markdown([control, good, control], ["a note"])
    assert "\n[1] [3], not comparable:\n- control: each clip was silence of its length\n" in text
    assert text.endswith("\na note  \n3 published numbers: 1 reproduced, 2 not comparable  ")


def test_close_is_close(tmp_path: Path) -> None:
    metrics = {"accuracy_qwen_audio": MetricSpec("accuracy")}
    verdicts = {}
    for right in (929, 905, 870):
        line = one(make_run(tmp_path / f"{right}", sounds(right, 0), metrics, VOCALSOUND, "test"))
        verdicts[right] = line.verdict
        if line.verdict == CLOSE:
            assert line.reasons[0].startswith("nothing that the run's record tells differs")
    assert verdicts == {929: REPRODUCED, 905: CLOSE, 870: OFF}


def test_tolerance_and_rounding(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "run", speech(2.3), {"wer_qwen_audio": AS_PUBLISHED})
    assert one(directory).verdict == CLOSE
    assert one(directory, tolerance=0.25).verdict == CLOSE
    assert one(directory, tolerance=0.26).verdict == REPRODUCED, "what rounds to 2.0 ends at 2.05"
    paper = next(row for row in published() if row.metric == "cider_qwen_audio")
    assert gap(0.4414, paper) == 0 and gap(0.45, paper) == pytest.approx(0.0085)
    assert (point("CIDEr-D"), point("%"), point("BLEU")) == (0.01, 1, 1)


def test_what_the_run_lacks_is_said(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "run", speech(), {"cer": MetricSpec("cer")})
    (line,), notes = verify(directory)
    assert (line.verdict, line.score) == (NOT_COMPARABLE, None)
    assert line.reasons == ("the run has no score wer_qwen_audio; it has cer",)
    assert notes == ["asr/librispeech: published too, and not in the run: dev-clean, dev-other, test-other"]
    failed = make_run(tmp_path / "failed", [("A", None)] * 60, {"wer_qwen_audio": AS_PUBLISHED})
    line = one(failed)
    assert line.reasons == ("wer_qwen_audio has no value here: no sample could be scored",)


def test_a_task_of_a_pair_is_found_under_its_corpus(tmp_path: Path) -> None:
    config = {"tasks": {"c": {"name": "s2tt/covost2_en_zh-CN", "pair": "en_zh-CN"}}}
    record = RunRecord("qwen_audio", "s", config, {}, {}, None)
    ((row,),) = chosen("s2tt/covost2_en_zh-CN", record, ("Qwen-Audio",))
    assert (row.subset, row.value) == ("en_zh-CN.test", 41.5)
    # A task whose name begins as another's is not it
    assert chosen("mna/nsynth_family", record, ("Qwen-Audio",)) == []


def test_the_model_comes_from_the_configuration() -> None:
    def stands_for(name: str, path: str | None = None) -> tuple[str, ...]:
        return models_of(RunRecord("label", "s", {"model": {"name": name, "path": path}}, {}, {}, None), None)

    assert stands_for("qwen_audio") == ("Qwen-Audio",)
    assert stands_for("qwen2_audio")[-1] == "Qwen2-Audio"
    assert "openai/whisper-large-v3" in stands_for("whisper", "openai/whisper-large-v3")
    names = {row.model for row in published()}
    for name in ("qwen_audio", "qwen_audio_chat", "qwen2_audio", "qwen2_audio_instruct"):
        assert set(stands_for(name)) <= names
    with pytest.raises(RunError, match="stands for no published one"):
        stands_for("whisper", "own/whisper")
    with pytest.raises(RunError, match="stands for no published one"):
        stands_for("tiny")


def test_the_checkpoint_that_was_released_comes_before_the_paper(tmp_path: Path) -> None:
    directory = make_run(
        tmp_path / "run", speech(1.7), {"wer_qwen2_audio": MetricSpec("wer", "qwen_audio")}, model="qwen2_audio",
        asked={"prompt": "qwen2_audio: Detect the language and recognize the speech: <|{language}|>"},
    )  # fmt: skip
    line = one(directory)
    assert (line.published.model, line.published.value, line.verdict) == (
        "Qwen2-Audio-7B (HF checkpoint)", 1.7, REPRODUCED,
    )  # fmt: skip


def test_a_value_of_unknown_scoring_is_never_off(tmp_path: Path) -> None:
    metrics = {"wer": MetricSpec("wer", "none", "exact")}
    lines, notes = verify(
        make_run(tmp_path / "run", speech(2.0, 500), metrics, model="own"), model="openai/whisper-large-v3"
    )
    (line,) = lines
    assert line.verdict == NOT_COMPARABLE and line.published.scoring is None
    assert line.reasons[0].startswith("score: how the published value was scored is not known; wer is the nearest")
    assert any(reason.startswith("normaliser: with qwen_audio the value would be about 2") for reason in line.reasons)
    assert notes[0] == "held against openai/whisper-large-v3 as --model says; the run's model is own"


def test_tasks_of_which_nothing_is_published_are_a_sentence_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = make_run(tmp_path / "run", speech(count=60), {"wer": AS_PUBLISHED}, task="asr/own")
    assert verify(directory) == ([], ["nothing is published here of Qwen-Audio on asr/own"])
    assert main(["verify", str(directory.path)]) == 0
    assert capsys.readouterr().out.strip() == "nothing is published here of Qwen-Audio on asr/own"


def test_an_unfinished_task_is_a_sentence(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "run", speech(count=60), {"wer_qwen_audio": AS_PUBLISHED})
    directory.forget_scores(LIBRISPEECH)
    assert verify(directory)[1] == [f"{LIBRISPEECH} is not finished; the command that began it goes on"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = make_run(tmp_path / "run", speech(), {"wer_qwen_audio": AS_PUBLISHED})
    done = command("results", "verify", directory.path, "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and len(found["notes"]) == 1
    (line,) = found["lines"]
    assert (line["published"], line["printed"], line["verdict"], line["n"]) == (2.0, "2.0", REPRODUCED, 2620)
    assert line["signature"].startswith("wer|norm:qwen_audio.1") and "Qwen-Audio README.md" in line["source"]
    record = directory.must_read()
    directory.write(dataclasses.replace(record, model="tiny", config={}))
    for arguments, said in (
        ((), "the run is of the model 'tiny', which stands for no published one"),
        (("--model", "Qwen-Audo"), "did you mean 'Qwen-Audio'?"),
        (("--tolerance", "-1", "--model", "Qwen-Audio"), "it is a number of points, 0 or more"),
    ):
        assert main(["verify", str(directory.path), *arguments]) == 2
        told = capsys.readouterr().err
        assert said in told and len(told.splitlines()) == 1
    assert main(["verify", str(tmp_path)]) == 2 and "is no run directory" in capsys.readouterr().err


def test_names_stay_text_in_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = make_run(
        tmp_path / "run", speech(9.0), {"wer_qwen_audio": AS_PUBLISHED}, asked={"prompt": "<b>|`: \x1b[31m<script>"}
    )
    assert main(["verify", str(directory.path)]) == 1
    text = capsys.readouterr().out
    assert "<script>" not in text and "<b>" not in text and "\x1b" not in text and "&lt;b>" in text
