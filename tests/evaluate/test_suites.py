"""Every task: in a suite, on corpora that are declared, and run on the miniature from its prompt to its scores."""

import json
from pathlib import Path

import pytest
import yaml
from support import CHECKOUT, command, read_lines

from datasets_prep.corpus import corpora
from evaluate.catalogue import TYPES, entries
from evaluate.compose import options_of

SUITES = CHECKOUT / "configs/suite"
PUBLIC = [name for name in options_of("task") if not name.endswith("/manifest")]
KINDS = {name.partition("/")[0] for name in PUBLIC}


def tasks_of(suite: str) -> list[str]:
    defaults = yaml.safe_load((SUITES / f"{suite}.yaml").read_text("utf-8"))["defaults"]
    return [name for entry in defaults if isinstance(entry, dict) for key, name in entry.items() if "/task@" in key]


def test_there_is_a_task_of_every_type_of_the_paper_that_has_an_open_set() -> None:
    wanted = (
        "asr s2tt srwt osr lid did gender age entities sv sd emotion ks ic slots vsc aac sec asc sed aqa sid smer mc"
    )
    assert {*wanted.split(), "mic", "mna", "mgr", "mqa", "chat"} == KINDS <= TYPES.keys()
    assert len(PUBLIC) >= 80


def test_all_is_all_and_a_type_is_its_tasks() -> None:
    assert set(tasks_of("all")) == set(PUBLIC)
    for kind in KINDS:
        assert set(tasks_of(kind)) == {name for name in PUBLIC if name.partition("/")[0] == kind}


@pytest.mark.parametrize("entry", [entry for entry in entries() if entry.corpus], ids=lambda entry: entry.name)
def test_a_task_reads_what_its_corpus_declares_and_says_what_it_is(entry) -> None:  # type: ignore[no-untyped-def]
    known = {split.name for split in entry.corpus.splits}
    assert entry.subsets and all(subset in known or subset.startswith("...") for subset in entry.subsets)
    assert len(entry.meaning) > 60 and entry.meaning.endswith((".", "?"))
    assert entry.prompt in ("official", "derived", "none")


def test_every_corpus_has_a_task() -> None:
    assert {entry.corpus.name for entry in entries() if entry.corpus} == corpora().keys()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all tasks on the miniature."""
    folder = tmp_path_factory.mktemp("all") / "run"
    done = command("evaluate", "suite=all", "data=miniature", "model=tiny", f"run.dir={folder}")
    assert done.returncode == 0, done.stderr
    return folder


def test_all_tasks_run_on_the_miniature(everything: Path) -> None:
    """Each has its primary score with a signature, of all its samples."""
    found = {path.parent.relative_to(everything).as_posix(): path for path in everything.rglob("scores.json")}
    assert len(found) >= 90
    for name, path in found.items():
        scores = json.loads(path.read_text("utf-8"))["scores"]
        primary = [entry for entry in scores if entry["primary"]]
        assert primary and all(entry["value"] is not None and entry["signature"] for entry in primary), name
        answers = read_lines(path.with_name("predictions.jsonl"))
        assert len(answers) >= 2 and all(row["status"] == "ok" for row in answers), name


def test_the_small_model_hears_in_every_task(everything: Path) -> None:
    [session] = json.loads((everything / "run.json").read_text("utf-8"))["sessions"]
    heard = {task: asked["hears"] for task, asked in session["hearing"].items()}
    assert len(heard) >= 90 and {task for task, hears in heard.items() if hears is not True} == set()


LEARNED = {
    "ks/speech_commands_v1": 80,
    "ks/speech_commands_v2": 80,
    "lid/voxlingua107": 80,
    "mna/nsynth_family": 60,
    "asc/cochlscene": 60,
    "asc/tut2017": 60,
    "sec/esc50": 60,
    "sec/urbansound8k": 60,
}
"""Accuracies that the small model is above, per cent."""


def score_of(run: Path, task: str, name: str | None = None) -> float:
    """The score of a name over all subsets; without one, the primary score."""
    scores = json.loads((run / task / "scores.json").read_text("utf-8"))["scores"]
    chosen = [entry for entry in scores if (entry["name"] == name if name else entry["primary"])]
    whole = [entry for entry in chosen if entry["subset"] is None] or chosen  # of a single subset there is no more
    assert len(whole) == 1
    return float(whole[0]["value"])


def test_the_small_model_has_learned(everything: Path) -> None:
    """On clips and sentences that it was never trained on."""
    reached = {task: score_of(everything, task) for task in LEARNED}
    assert {task: score for task, score in reached.items() if score <= LEARNED[task]} == {}
    notes = read_lines(everything / "mna/nsynth_pitch/predictions.jsonl")
    near = [abs(int(note["raw"]) - int(note["references"][0])) <= 1 for note in notes if note["raw"].isdecimal()]
    assert sum(near) > 0.6 * len(notes)
    assert score_of(everything, "aqa/clothoaqa", "accuracy_yes_no_qwen_audio") > 75
    assert score_of(everything, "asr/librispeech") < 50


def test_with_silence_there_is_chance(tmp_path: Path) -> None:
    """One answer to all, which is right for some."""
    (tmp_path / "suite").mkdir()
    lines = [f"  - /task@tasks.{name.replace('/', '_')}: {name}" for name in LEARNED]
    (tmp_path / "suite/learned.yaml").write_text("\n".join(["# @package _global_", "defaults:", *lines, ""]))
    words = [f"hydra.searchpath=['file://{tmp_path}']", "suite=learned", "data=miniature", "model=tiny"]
    done = command("evaluate", *words, "control=silence", f"run.dir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    reached = {task: score_of(tmp_path / "run", task) for task in LEARNED}
    assert {task: score for task, score in reached.items() if score > 30} == {}


@pytest.mark.parametrize(
    "suite",
    [
        "qwen_audio_paper",
        "qwen2_audio_paper",
        *(
            pytest.param(path.stem, marks=pytest.mark.long)
            for path in sorted(SUITES.glob("*.yaml"))
            if "paper" not in path.stem
        ),
    ],
)
def test_a_look_at_a_suite_is_clean(suite: str, tmp_path: Path) -> None:
    done = command(
        "evaluate", f"suite={suite}", "data=miniature", "model=tiny", "check=true", f"run.dir={tmp_path}/run"
    )
    assert done.returncode == 0 and "problem" not in done.stdout + done.stderr, done.stdout + done.stderr
