"""How well work spreads over workers, with a double of the model that sleeps as long as a GPU would take.

usage: python -m benchmarks.scaling [--write FILE] [--clips N] [--seconds S]

The local engine as it is: processes, pipes, plan, dispatcher, journal. The model is a double, for 64 GPUs are not
here: a batch takes a + b x tokens, with noise, and nothing is computed. Lengths are drawn as LibriSpeech has them;
every clip is the same file of 0.1 s, which is really decoded. Time is scaled so that a run takes about ``--seconds``
for any number of workers, and what the machine itself has to do stays small beside it.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks import corpus
from benchmarks.report import deliver, machine, parser, table
from benchmarks.sleeper import NOISE, PER_BATCH, PER_TOKEN, gpu_seconds
from datasets_prep.manifest import Clip, Sample
from evaluate.audio import SAMPLE_RATE
from evaluate.config import Batch as Budget
from evaluate.config import Engine, Generation, LongAudio, ModelConfig
from evaluate.engines.dispatch import Dispatcher
from evaluate.engines.local import LocalPool
from evaluate.models.base import Request
from evaluate.plan import Batch, Item, plan
from evaluate.records import prediction
from results.journal import Journal

ALLOWED = {8: 0.98, 64: 0.95}
SHORTEST, LONGEST, MEDIAN, SIGMA = 1.3, 35.0, 5.8, 0.65
NEW_TOKENS = 64
WARM_UP = 20.0
"""Seconds until which all workers have started: they begin together."""
PRELOAD = ("evaluate.engines.serve", "benchmarks.sleeper")


@dataclass(frozen=True)
class Case:
    workers: int
    slow: bool
    """Whether one of them runs at half speed."""

    @property
    def speeds(self) -> list[float]:
        """Of all workers, as shares of a whole one's."""
        return [0.5 if self.slow and not worker else 1.0 for worker in range(self.workers)]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--clips", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=90.0)
    options.add_argument("--workers", type=int, nargs="*", default=list(ALLOWED))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        batches, samples = _planned(Path(folder), given.clips)
        rows = [
            _row(Case(workers, slow), batches, samples, given.seconds, Path(folder))
            for workers in given.workers
            for slow in (False, True)
        ]
    deliver(_report(rows, batches, samples, given.seconds), given.write)


def _planned(folder: Path, count: int) -> tuple[list[Batch], dict[str, Sample]]:
    soundfile.write(folder / "clip.wav", np.zeros(SAMPLE_RATE // 10), SAMPLE_RATE)
    clip, generation = Clip("clip.wav"), Generation(max_new_tokens=NEW_TOKENS)
    samples, items = {}, []
    for number, seconds in enumerate(corpus.skewed(count, SHORTEST, LONGEST, MEDIAN, SIGMA)):
        tokens = round(25 * seconds) + 20 + NEW_TOKENS
        sample = Sample(f"{number:05}", (clip,), ("",), None, None, {"tokens": tokens})
        request = Request(sample.id, "<audio>1</audio>Transcribe.", "en", None, sample.fields)
        samples[sample.id] = sample
        items.append(Item(request, (clip,), folder, seconds, tokens))
    return plan(items, Budget(), "scaling", generation, LongAudio.truncate), samples


def _row(case: Case, batches: list[Batch], samples: dict[str, Sample], seconds: float, folder: Path) -> list[str]:
    work = [gpu_seconds([item.request for item in batch.items]) for batch in batches]
    ideal = sum(work) / sum(case.speeds)
    scale = seconds / ideal
    wall, busy = _run(case, batches, samples, scale, folder / f"{case.workers}{case.slow}.jsonl")
    static = max(sum(work[worker :: case.workers]) / speed for worker, speed in enumerate(case.speeds))
    return [
        f"{case.workers}{', one at half speed' if case.slow else ''}",
        f"{scale:.3f}",
        f"{ideal * scale:.2f}",
        f"{wall:.2f}",
        f"{ideal * scale / wall:.3f}",
        "" if case.slow else f"{ALLOWED.get(case.workers, 0):g}",
        f"{ideal / static:.3f}",
        f"{busy / sum(work) / scale:.3f}",
    ]


def _run(case: Case, batches: list[Batch], samples: dict[str, Sample], scale: float, path: Path) -> tuple[float, float]:
    """Wall time from the first batch sent to the last record written, and what the workers slept in that time."""
    begin = time.time() + WARM_UP
    options: dict[str, Any] = {"scale": scale, "begin": begin, "slow": case.slow}
    model = ModelConfig("benchmarks.sleeper.SleepingModel", "double", None, options=options)
    engine = Engine(devices=["cpu"] * case.workers, threads=1)
    journal, busy = Journal(path), 0.0
    pool = LocalPool(model, engine, PRELOAD, [], lambda level, text: print(level, text))
    with Dispatcher(pool, 600.0, 600.0, print) as dispatcher:
        if time.time() > begin + 1:
            raise SystemExit(f"{case.workers} workers were not ready within {WARM_UP:g} s")
        begun = time.perf_counter()
        for done in dispatcher.answers(batches):
            pairs = zip(done.batch.items, done.outcomes, strict=True)
            journal.append([prediction(item, outcome, samples[item.request.id]) for item, outcome in pairs])
            busy += done.spent.busy if done.spent else 0.0
        wall = time.perf_counter() - begun
    if len(journal.standings()) != len(samples) or any(journal.standings().values()):
        raise SystemExit(f"{case.workers} workers: not every sample was answered")
    return wall, busy


def _report(rows: list[list[str]], batches: list[Batch], samples: dict[str, Sample], seconds: float) -> str:
    head = [
        *["workers", "scale of time", "sum of work / speed of the workers, s", "wall, s", "efficiency", "at least"],
        *["static round robin", "slept / asked"],
    ]
    heard = sum(item.seconds for batch in batches for item in batch.items)
    return (
        "# Scaling, with a double of the model\n\n"
        f"`python -m benchmarks.scaling`: {len(samples):,} clips with lengths as LibriSpeech has them ({SHORTEST:g} to "
        f"{LONGEST:g} s, {heard / 3600:.1f} h) in {len(batches)} batches through the local engine's own processes. The "
        f"model is a double that sleeps: {PER_BATCH:g} s a batch and {1000 * PER_TOKEN:g} ms a token with padding, "
        f"times a seeded lognormal noise (sigma {NOISE:g}), times the scale, so that a run takes about {seconds:g} s. "
        "All clips are one file of 0.1 s, which is decoded.\n\n"
        + table(head, rows)
        + "\nEfficiency: sum of work / workers / wall, a worker at half speed counted as half; wall from the first "
        "batch sent to the last record written, when all workers are ready. Static round robin: the same batches with "
        "the same noise dealt out in turn beforehand, computed, without any cost of its own. Slept / asked: how "
        f"exactly the machine wakes a sleeper. {machine('numpy')}.\n"
    )


if __name__ == "__main__":
    main()
