"""How long a board of many runs takes, tests included.

usage: python -m benchmarks.leaderboard [--write FILE]

Runs made on the spot: 20 models, 60 tasks of 1,000 samples (speech recognition in groups by speaker, classification,
translation), of which one model failed on some samples. Timed is the command from its start to its end, as it is typed.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.report import deliver, machine, parser, spread, table
from metrics.paired import compare
from metrics.score import MetricSpec, Scoring, ScoringSpec, count
from results import statistics
from results.pairs import pair
from results.run import RunDirectory, RunRecord, TaskRecord, TaskScores

MODELS, SAMPLES, DRAWN = 20, 1000, 3
KINDS = {
    "asr": (20, ScoringSpec({"wer": MetricSpec("wer", "whisper_en")}, "wer", language="en")),
    "aqa": (25, ScoringSpec({"accuracy": MetricSpec("accuracy", "basic")}, "accuracy")),
    "s2tt": (15, ScoringSpec({"bleu": MetricSpec("bleu")}, "bleu", language="en")),
}
"""By type: how many tasks, and how they are scored."""
WORDS = [f"{a}{b}" for a in ("ba", "co", "du", "fe", "gi") for b in ("l", "n", "r", "st", "m")]
ALLOWED = 5.0
FORMS = (["--format", "md"], ["--format", "md", "--rows", "tasks"], ["--format", "html"], ["--layout", "long"])


def main() -> None:
    given = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [*make_runs(Path(folder))]
        files = [path for run in runs for path in run.rglob("statistics.json")]
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        rows = [[" ".join(form), spread([_seconds(runs, form) for _ in range(DRAWN)])] for form in FORMS]
        one_by_one = _one_by_one(runs)
    tasks = sum(number for number, _ in KINDS.values())
    kinds = ", ".join(f"{number} by {spec.primary}" for number, spec in KINDS.values())
    deliver(
        "# A board of many runs\n\n"
        f"`python -m benchmarks.leaderboard`: {MODELS} runs of {tasks} tasks ({kinds}) of {SAMPLES:,} samples, "
        f"{megabytes:.0f} MB of statistics of samples in {len(files):,} files; one model failed on some samples "
        f"of each task. Seconds of wall time of the whole command, its start too: median of {DRAWN} (and each). "
        f"Allowed: {ALLOWED:g} s.\n\n"
        + table(["options", "seconds"], rows)
        + f"\nThe tests alone, {tasks * (MODELS - 1):,} comparisons with the best of a task, would take "
        f"{one_by_one:.0f} s by `metrics.paired.compare`, one by one (extrapolated from one of each kind; it makes "
        f"an interval of the difference besides). {machine('numpy')}.\n",
        given.write,
    )


def make_runs(folder: Path) -> Iterator[Path]:
    """The runs, each as one leaves it but for its answers; tasks of one type have the same samples."""
    for model in range(MODELS):
        directory = RunDirectory(folder / f"run{model:02}")
        run = RunRecord(f"model-{model:02}", "all", {}, {}, {}, None)
        for kind, (number, spec) in KINDS.items():
            rows = [*_rows(kind, model)]
            scoring = Scoring(rows, spec)
            kept, scores, counts = statistics.of(scoring), scoring.scores(), count(rows, spec)
            for task in (f"{kind}/task{place:02}" for place in range(number)):
                asked = {"manifest": kind, "prompt": "p" * 100, "weights": f"{model:064}"}
                run.tasks[task] = TaskRecord(asked, spec.to_dict(), SAMPLES)
                statistics.write(directory.path / task, kept)
                directory.write_scores(TaskScores(task, run.model, asked, spec.to_dict(), counts, scores))
        directory.write(run)
        yield directory.path


def _rows(kind: str, model: int) -> Iterator[dict[str, Any]]:
    """Answers of which a share is wrong that grows with the model's number."""
    right, wrong = random.Random(kind), random.Random(f"{kind} {model}")
    for number in range(SAMPLES):
        words = right.choices(WORDS, k=1 if kind == "aqa" else 12)
        said = [wrong.choice(WORDS) if wrong.random() < 0.1 + 0.01 * model else word for word in words]
        failed = model == 1 and number < 5
        yield {
            "id": f"{kind}-{number:05}-sample",
            "subset": "test",
            "group": f"speaker {number % 40}" if kind == "asr" else None,
            "references": [" ".join(words)],
            "fields": {},
            "raw": None if failed else " ".join(said),
            "status": "failed" if failed else "ok",
        }


def _seconds(runs: list[Path], form: list[str]) -> float:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "results", "leaderboard", *map(str, runs), *form]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _one_by_one(runs: list[Path]) -> float:
    """Seconds that all comparisons would take by `compare`."""
    total = 0.0
    for kind, (number, _) in KINDS.items():
        both = [statistics.read(run / kind / "task00") for run in (runs[0], runs[2])]
        begun = time.perf_counter()
        paired = pair(*(kept for kept in both if kept is not None))
        compare(paired.metric, paired.first, paired.second)
        total += (time.perf_counter() - begun) * number * (MODELS - 1)
    return total


if __name__ == "__main__":
    main()
