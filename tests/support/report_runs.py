"""Runs made by hand for the report: ordinary ones with clips, and one whose every text is hostile."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from metrics.score import MetricSpec, ScoringSpec
from results import leaderboard
from results.journal import ClipRecord, Failure, Prediction
from results.run import DeviceUse, RunDirectory, RunRecord, Session, TaskRecord
from results.scoring import score_task

WORDS = [
    "the",
    "lamp",
    "burned",
    "all",
    "night",
    "while",
    "snow",
    "fell",
    "on",
    "quiet",
    "hills",
    "above",
    "our",
    "old",
]
WER = ScoringSpec({"wer": MetricSpec("wer", "basic"), "cer": MetricSpec("cer", "basic")}, "wer", "en")
LABELS = ["cat", "dog", "owl"]
ACCURACY = ScoringSpec({"accuracy": MetricSpec("accuracy", "basic", "label")}, "accuracy", "en", LABELS)

HALF = "half of a pair"
"""Becomes a half of a surrogate pair in the predictions, once they are scored: the harness itself writes none."""
HOSTILE = [
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    "</textarea></style></title><img src=x onerror=window.pwned=3>",
    "<!--<script>",
    "javascript:window.pwned=4",
    "\"'><svg onload=window.pwned=5>",
    "right \u202e to left \u2066 isolated \u2069",
    "nul \0 and \x1b[31m red \x07",
    HALF,
    "line \u2028 and paragraph \u2029 \ufeff",
    "{{ 7 * 7 }} ${7 * 7} %s ]]>",
    "\u200f\u05d0\u05d1\u05d2 hidden\u200bblank",
]


def tone(path: Path, seconds: float, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, wave, rate)
    return path


def make_run(
    path: Path,
    tasks: dict[str, tuple[ScoringSpec, Sequence[Prediction]]],
    model: str = "whale",
    label: str = "own",
    data_root: Path | None = None,
    finished: bool = True,
) -> RunDirectory:
    """A run as the runner leaves it."""
    directory = RunDirectory(path)
    config = {
        "tasks": {task: {"name": task, "corpus": {"name": "corpus", "manifest": None}} for task in tasks},
        "data": {"root": str(data_root)} if data_root else {},
        "model": {"path": label, "dtype": "float32"},
    }
    records = {task: TaskRecord({"prompt": "p"}, spec.to_dict(), len(rows)) for task, (spec, rows) in tasks.items()}
    device = DeviceUse(f"cpu {label}", 1, 2, 3, 4.0, 1.0, 0.5, 0.1, 30.0, 1.0, 0.6, 6.0, 2**30)
    session = Session("2026-01-01T00:00:00Z", 5.0, 3, 0, [device], {})
    with directory.claim():
        run = RunRecord(model, label, config, records, {"numpy": "2"}, "abc", [session])
        directory.write(run)
        for task, (_, rows) in tasks.items():
            directory.journal(task).append(rows if finished else rows[:-1])
            if finished:
                directory.journal(task).finish()
                score_task(directory, run, task)
        leaderboard.write(directory)
    return directory


def speech(count: int = 120, wrong_each: int = 3, seed: int = 0) -> list[Prediction]:
    """Samples of speech: every so many has words wrong, one failed; clips s000.wav, s001.wav, ..."""
    draw = np.random.default_rng(7)
    rows = []
    for number in range(count):
        words = [WORDS[at] for at in draw.integers(0, len(WORDS), 6)]
        said = list(words)
        if number % wrong_each == seed:
            said[1 : 1 + number % 4] = ["zebra"] * (number % 5 % 3)
        clip = ClipRecord(f"clips/s{number:03}.wav", None, None, 1 + number / 40, "0" * 64)
        rows.append(
            Prediction(
                f"s{number:03}", "clean" if number % 2 else "other", f"speaker {number % 8}", [" ".join(words)],
                {"language": "en", "accent": ["north", "south"][number % 2]}, f"<audio>1</audio>Write {number}.", [clip],
                " ".join(said), "ok", ["hit_max_new_tokens"] if number == 5 else [], None, 30, 8,
            )
        )  # fmt: skip
    rows[4] = failed(rows[4], "memory", "the clip needs more memory than there is")
    return rows


def failed(row: Prediction, code: str, message: str) -> Prediction:
    return Prediction(
        row.id, row.subset, row.group, row.references, row.fields, row.prompt, row.audio, None, "failed", [],
        Failure(code, message),
    )  # fmt: skip


def labelled() -> list[Prediction]:
    """Right, wrong and unreadable answers of three labels."""
    said = ["cat", "a dog", "cat", "no idea", "owl", "dog", "cat", "dog", "owl", "owl", "cat", "cat"]
    return [
        Prediction(f"l{number:02}", None, None, [LABELS[number % 3]], {}, "p", [], text, "ok")
        for number, text in enumerate(said)
    ]


def hostile() -> dict[str, tuple[ScoringSpec, Sequence[Prediction]]]:
    """Tasks whose names, samples, fields, labels and paths are HOSTILE; one answer has a million characters."""
    rows = [
        Prediction(
            f"{number} {text}", text, text, [text, HOSTILE[number - 1]], {text: text, "list": [text]}, text,
            [ClipRecord(text, None, None, 1.0, "0" * 64)], HOSTILE[number - 2], "ok", ["empty", text], None, 1, 1,
        )
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    long = Prediction("long", None, None, ["short"], {}, "p", [], "<b>x</b> " * 120_000, "ok")
    broken = failed(rows[0], HOSTILE[0], HOSTILE[1])
    speech_spec = ScoringSpec({"wer": MetricSpec("wer")}, "wer", "en")
    label_spec = ScoringSpec({"accuracy": MetricSpec("accuracy")}, "accuracy", None, HOSTILE)
    pairs = zip(HOSTILE, HOSTILE[1:] + HOSTILE[:1], strict=True)
    chosen = [Prediction(f"c{at}", None, None, [one], {}, "p", [], two, "ok") for at, (one, two) in enumerate(pairs)]
    return {
        "own/<script>window.pwned=6<b>\"'\u202e\u2028": (speech_spec, [broken, *rows[1:], long]),
        "own/labels</title>": (label_spec, [*chosen, *(chosen_right(text) for text in HOSTILE)]),
    }


def with_halves(directory: RunDirectory) -> RunDirectory:
    """The run with halves of surrogate pairs in its predictions."""
    for path in directory.path.rglob("predictions.jsonl"):
        text = path.read_text("utf-8").replace(HALF, "half \\ud83d of a pair \\udc00")
        path.write_text(text, "utf-8")
    return directory


def chosen_right(text: str) -> Prediction:
    return Prediction(f"right {text}", None, None, [text], {}, "p", [], text, "ok")
