"""The corpora: prompts to the letter of the published evaluations, scores of perfect answers, whole runs."""

import json
import re
import runpy
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
import soundfile
from corpora import make_root
from support import CHECKOUT, command, read_lines

from evaluate import compose
from evaluate.__main__ import main
from evaluate.config import Config, tasks_of
from evaluate.models.base import Model, UnsuitedError, make_model
from evaluate.prompts import PromptError
from evaluate.tasks import ReadyTask, ready
from metrics.score import score

MINIATURE = CHECKOUT / "datasets_prep/miniature/data"
OFFICIAL = json.loads((Path(__file__).parent / "data/official_prompts.json").read_text("utf-8"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("data"))


def composed(*overrides: str) -> Config:
    """The configuration of a command line, as the command composes it."""
    compose.register()
    with hydra.initialize_config_dir(str(compose.CONFIGS), version_base="1.3"):
        config = hydra.compose("config", list(overrides), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    del config.hydra
    return compose.typed(config, choices.get("suite"), choices.get("model"), overrides)


def made_ready(model: Model, root: Path, *overrides: str) -> list[ReadyTask]:
    arguments = ["model=tiny", f"data.root={root}", *overrides]
    return [ready(task, str(root), model) for task in tasks_of(composed(*arguments), compose.said_keys(arguments))]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, make_whisper: Callable[..., Path]) -> dict[str, Model]:
    """A model for each prompt style."""
    make = runpy.run_path(str(CHECKOUT / "tests/support/make_qwen2_audio.py"))["make"]
    folder = tmp_path_factory.mktemp("models")
    make(folder / "base")
    make(folder / "instruct", instruct=True)
    paths = {"qwen2_audio": folder / "base", "qwen2_audio_instruct": folder / "instruct"}
    paths["whisper"] = make_whisper("--multilingual")
    made = {
        name: make_model(composed(f"model={name}", f"model.path={path}", "task=asr/librispeech").model)
        for name, path in paths.items()
    }
    tiny = make_model(composed("model=tiny", "task=asr/librispeech").model)
    return {
        "qwen_audio": tiny,
        "qwen2_audio": made["qwen2_audio"],
        "chat": made["qwen2_audio_instruct"],
        "whisper": made["whisper"],
    }


@pytest.mark.parametrize("official", OFFICIAL, ids=lambda entry: f"{entry['style']}-{entry['task']}-{entry['pair']}")
def test_prompts_and_lengths_are_the_official_ones(
    official: dict[str, Any], models: dict[str, Model], root: Path
) -> None:
    """Of one sample of made-up corpora, or of every sample of the miniature."""
    pair = [f"task.pair={official['pair']}"] if official["pair"] else []
    where = root if official["sample"] else MINIATURE
    (task,) = made_ready(models[official["style"]], where, f"task={official['task']}", *pair)
    prompts = {item.request.id: item.request.prompt for item in task.items}
    assert (
        prompts and {prompts[official["sample"]]}
        if official["sample"]
        else set(prompts.values()) == {official["prompt"]}
    )
    generation = task.task.generation
    assert (generation.max_new_tokens, generation.temperature) == (official["max_new_tokens"], 0.0)
    assert json.loads(task.asked["generation"])["max_new_tokens"] == official["max_new_tokens"]


@pytest.mark.parametrize(
    ("style", "arguments", "prompt"),
    [
        (
            "qwen2_audio",
            ["task=asc/cochlscene"],
            "<audio>1</audio>Recognize the acoustic scene with keywords in English:",
        ),
        (
            "qwen2_audio",
            ["task=aqa/clothoaqa"],
            "<audio>1</audio>Answer the question about the audio with keywords in English: Is it raining?",
        ),
        ("chat", ["task=asr/librispeech"], "Answer with the transcript only."),
        ("chat", ["task=s2tt/covost2", "task.pair=en_zh-CN"], "Translate the speech into Mandarin. Answer with"),
        ("chat", ["task=asc/cochlscene"], "Bus, Cafe, Car, CrowdedIndoor, Elevator"),
        ("chat", ["task=aqa/clothoaqa"], "Is it raining? Answer with yes, no or one word."),
        (
            "whisper",
            ["task=asr/librispeech"],
            "<audio>1</audio><|startoftranscript|><|en|><|transcribe|><|notimestamps|>",
        ),
        (
            "whisper",
            ["task=s2tt/covost2", "task.pair=de_en"],
            "<audio>1</audio><|startoftranscript|><|de|><|translate|><|notimestamps|>",
        ),
    ],
)
def test_other_prompts(style: str, arguments: list[str], prompt: str, models: dict[str, Model], root: Path) -> None:
    (task,) = made_ready(models[style], root, *arguments)
    assert prompt in task.items[0].request.prompt
    assert task.task.generation.max_new_tokens >= 64, "no sentence of a chat model is cut"


def test_what_whisper_cannot_do(models: dict[str, Model], root: Path) -> None:
    with pytest.raises(UnsuitedError, match=r"^Whisper translates into English only, .* is de$"):
        made_ready(models["whisper"], root, "task=s2tt/covost2")
    for task in ("asc/cochlscene", "aqa/clothoaqa"):
        with pytest.raises(UnsuitedError, match=r"^no prompt for model whisper, which is spoken to as whisper; it has"):
            made_ready(models["whisper"], root, f"task={task}")


def test_a_language_without_a_tag_is_refused(models: dict[str, Model], root: Path) -> None:
    with pytest.raises(PromptError, match=r"<\|sv\|> is no tag of this model"):
        made_ready(models["qwen_audio"], root, "task=s2tt/covost2", "task.pair=sv-SE_en")
    (task,) = made_ready(models["chat"], root, "task=s2tt/covost2", "task.pair=sv-SE_en")
    assert task.task.name == "s2tt/covost2_sv-SE_en"


def test_a_wrong_pair_names_the_nearest(capsys: Capture, root: Path) -> None:
    assert main(["task=s2tt/covost2", "task.pair=en_zh", "model=tiny", f"data.root={root}"]) == 2
    said = capsys.readouterr().err
    assert (
        said == "evaluate: task s2tt/covost2_en_zh: covost2 has no subset 'en_zh.test'; did you mean 'en_zh-CN.test'?\n"
    )


def test_a_pair_that_nobody_reads_is_refused(capsys: Capture, root: Path) -> None:
    assert main(["task=asr/librispeech", "task.pair=en_de", "model=tiny", f"data.root={root}"]) == 2
    assert "task.pair=en_de: asr/librispeech has no language pairs; leave it out" in capsys.readouterr().err


def test_a_subset_that_is_not_prepared_says_what_is(capsys: Capture, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "librispeech", tmp_path / "librispeech")
    (tmp_path / "librispeech/dev-other.jsonl").unlink()
    assert main(["task=asr/librispeech", "model=tiny", f"data.root={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert "no manifest" in said and "dev-other.jsonl; python -m datasets_prep prepare librispeech" in said
    assert "or corpus.subsets=[dev-clean,test-clean,test-other] takes what is there" in said


def test_all_that_a_suite_lacks_is_named(capsys: Capture, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "librispeech", tmp_path / "librispeech")
    assert main(["suite=quick", "model=tiny", f"data.root={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "s2tt/covost2_en_de (en_de.test); s2tt/covost2_de_en (de_en.test)" in said
    without = re.search(r"makes them, (.*) leaves them out", said)
    assert without
    drop = shlex.split(without[1])
    assert len(drop) == 4
    assert main(["suite=quick", "model=tiny", f"data.root={tmp_path}", *drop, "show=prompt"]) == 0


MINIATURE = CHECKOUT / "datasets_prep/miniature/data"


def test_a_manifest_changed_since_is_refused(capsys: Capture, tmp_path: Path) -> None:
    shutil.copytree(MINIATURE / "cochlscene", tmp_path / "cochlscene")
    manifest = tmp_path / "cochlscene/test.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[1:]))
    words = ["task=asc/cochlscene", "model=tiny", f"data.root={tmp_path}", f"run.dir={tmp_path / 'run'}"]
    assert main(words) == 2
    assert "test.jsonl is not the manifest that was prepared" in capsys.readouterr().err
    assert main([*words, f"task.corpus.manifest={manifest}", "show=prompt"]) == 0, "as one of the user's own it is"


def test_a_clip_of_another_length_is_refused(capsys: Capture, tmp_path: Path) -> None:
    shutil.copytree(MINIATURE / "cochlscene", tmp_path / "cochlscene")
    clip = next((tmp_path / "cochlscene/CochlScene/Test").rglob("*.wav"))
    soundfile.write(clip, np.zeros(8_000), 16_000)
    words = ["task=asc/cochlscene", "model=tiny", f"data.root={tmp_path}", f"run.dir={tmp_path / 'run'}"]
    assert main(words) == 2
    assert f"{clip.name} is 0.50 s long, not 1.50 s as when it was prepared" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("standing", "said"), [("unchecked", "could be held against nothing"), (None, "has no record")]
)
def test_how_the_data_stands_is_said_wherever_its_scores_are(
    standing: str | None, said: str, tmp_path: Path, capsys: Capture
) -> None:
    shutil.copytree(MINIATURE / "cochlscene", tmp_path / "cochlscene")
    record = tmp_path / "cochlscene/corpus.json"
    if standing:
        record.write_text(record.read_text().replace('"standing": "unofficial"', f'"standing": "{standing}"'))
    else:
        record.unlink()
    run = tmp_path / "run"
    done = command(
        "evaluate", "task=asc/cochlscene", "model=tiny", f"data.root={tmp_path}", f"run.dir={run}", "limit=2"
    )
    assert done.returncode == 0, done.stderr
    assert f"tiny: the data of asc/cochlscene {said}" in done.stdout
    assert said in (run / "leaderboard.md").read_text()
    rows = json.loads((run / "leaderboard.json").read_text())
    assert {row["data"] for row in rows} == {standing or "unrecorded"}
    assert ",data\n" in (run / "leaderboard.csv").read_text()
    again = command("results", "rescore", run)
    assert again.returncode == 0 and said in again.stdout


def test_a_sweep_looks_at_all_its_jobs_first(capsys: Capture, tmp_path: Path) -> None:
    words = ["-m", "suite=quick", "model=tiny,whisper", f"run.dir={tmp_path}/${{model.name}}"]
    assert main([*words, "checkpoints.whisper=/no/such"]) == 2
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "model.path=/no/such: no such folder" in said and "model.path is not set" in said
    assert not list(tmp_path.iterdir())


DEFAULTS = {"asr": "wer", "s2tt": "bleu", "asc": "accuracy", "aqa": "majority_accuracy"}
"""The score, by type of task, that is fair to every model."""


def test_right_answers_are_perfect(models: dict[str, Model], root: Path) -> None:
    pairs = "covost2_en_de,covost2_de_en,covost2_en_zh,covost2_zh_en,covost2_es_en,covost2_fr_en,covost2_it_en"
    only = f"only=[librispeech,{pairs},cochlscene,clothoaqa]"
    for task in made_ready(models["qwen_audio"], root, "suite=qwen_audio_paper", only):
        rows = [
            {"id": sample.id, "raw": sample.references[0], "references": list(sample.references), "status": "ok"}
            | {"fields": dict(sample.fields), "group": sample.group, "subset": None}
            for sample in task.samples.values()
        ]
        values = {entry.name: entry for entry in score(rows, task.spec)}
        default = values[DEFAULTS[task.task.name.partition("/")[0]]]
        if task.task.name.startswith("s2tt/"):  # a sentence of three tokens has no BLEU
            assert values["chrf"].value == pytest.approx(100)
            target = "zh" if task.task.name.endswith("zh-CN") else "13a"
            assert f"|tok:{target}|" in default.signature and f"|tok:{target}|" in values["bleu_qwen_audio"].signature
        else:
            perfect = 0 if task.task.name == "asr/librispeech" else 100
            assert values["macro_f1"].value == pytest.approx(100 * 3 / 13) if "macro_f1" in values else True
            assert default.value == perfect


def test_the_rows_of_scores_say_how_they_came_about(models: dict[str, Model], root: Path) -> None:
    tasks = {task.task.name: task.spec for task in made_ready(models["qwen_audio"], root, "suite=quick")}
    how = {
        name: [(row, part.metric, part.normalizer, part.extractor) for row, part in spec.metrics.items()]
        for name, spec in tasks.items()
    }
    assert how["asr/librispeech"] == [
        ("wer_qwen_audio", "wer", "qwen_audio", "exact"),
        ("wer_qwen2_audio", "wer", "qwen2_audio", "exact"),
        ("wer", "wer", "whisper_en", "reported"),
        ("cer", "cer", "whisper_en", "reported"),
    ]
    assert how["s2tt/covost2_en_de"] == [
        ("bleu_qwen_audio", "bleu", "none", "exact"),
        ("bleu", "bleu", "no_tags", "reported"),
        ("chrf", "chrf", "no_tags", "reported"),
    ]
    assert how["asc/cochlscene"] == [
        ("accuracy_qwen_audio", "accuracy", "none", "exact"),
        ("accuracy", "accuracy", "none", "label"),
        ("macro_f1", "macro_f1", "none", "label"),
    ]
    assert how["aqa/clothoaqa"] == [
        ("accuracy_qwen_audio", "annotator_accuracy", "none", "exact"),
        ("accuracy_yes_no_qwen_audio", "annotator_accuracy_yes_no", "none", "exact"),
        ("majority_accuracy", "majority_accuracy", "basic", "short_answer"),
        ("unanimous_accuracy", "unanimous_accuracy", "basic", "short_answer"),
    ]
    primaries = [spec.primary for spec in tasks.values()]
    assert primaries == ["wer", "bleu", "bleu", "accuracy", "majority_accuracy"]


def test_the_papers_suite(models: dict[str, Model]) -> None:
    tasks = made_ready(models["qwen_audio"], MINIATURE, "suite=qwen_audio_paper")
    pairs = ["en_de", "de_en", "en_zh-CN", "zh-CN_en", "es_en", "fr_en", "it_en"]
    assert [task.task.name for task in tasks] == [
        "asr/librispeech", "asr/aishell1", "asr/aishell2", *(f"s2tt/covost2_{pair}" for pair in pairs),
        "srwt/librispeech_words", "aac/clotho", "asc/cochlscene", "asc/tut2017", "emotion/meld", "aqa/clothoaqa",
        "vsc/vocalsound", "mna/nsynth",
    ]  # fmt: skip
    assert all(task.spec.primary.endswith("_qwen_audio") for task in tasks), "the published score stands for the task"


def test_a_run_of_the_demo(root: Path, tmp_path: Path) -> None:
    """Its record holds the settings that were used, and its table what each score counted."""
    done = command("evaluate", "suite=quick", "model=tiny", f"data.root={root}", f"run.dir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    answers = read_lines(tmp_path / "run/aqa/clothoaqa/predictions.jsonl")
    assert max(row["new_tokens"] for row in answers) <= 4 and len(answers) == 3
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["config"]["tasks"]["clothoaqa"]["generation"]["max_new_tokens"] == 4
    assert record["config"]["tasks"]["clothoaqa"]["generation_for"] == {}
    assert json.loads(record["tasks"]["asc/cochlscene"]["asked"]["generation"])["max_new_tokens"] == 10
    scores = json.loads((tmp_path / "run/aqa/clothoaqa/scores.json").read_text())["scores"]
    assert {entry["name"]: entry["n"] for entry in scores} == {
        "accuracy_qwen_audio": 3, "accuracy_yes_no_qwen_audio": 1, "majority_accuracy": 2, "unanimous_accuracy": 1,
    }  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if "majority_accuracy ↑" in line]
    assert [cell.strip() for cell in line.split("|")][7:10] == ["2", "3", "3"], "n, expected, scored"


def test_the_miniature_is_found_from_anywhere(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = f"root: {CHECKOUT / 'datasets_prep/miniature/data'}\n"
    for arguments in (["suite=quick"], ["task=asc/cochlscene", "data=miniature"]):
        assert main([*arguments, "model=tiny", "show=config"]) == 0
        assert place in capsys.readouterr().out
    assert main(["suite=quick", "data=official", "model=tiny", "show=config"]) == 0
    assert "root: data\n" in capsys.readouterr().out
