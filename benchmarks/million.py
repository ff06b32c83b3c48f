"""What a million samples cost the parent: the plan, the records as they come back, and their merge.

usage: python -m benchmarks.million [--write FILE] [--samples N]

One process, which has no worker: a double of the pool answers at once, with the records that a worker sends. Messages
are pickled and read as those of real workers are. The highest memory is the process's own.
"""

import hashlib
import pickle
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import corpus
from benchmarks.report import deliver, machine, parser, table
from datasets_prep.manifest import Clip, Sample
from evaluate.config import Batch as Budget
from evaluate.config import Generation, LongAudio
from evaluate.engines.dispatch import Answered, Dispatcher, Event, Pool, Ready
from evaluate.models.base import Request
from evaluate.plan import Batch, Item, plan
from evaluate.records import Telemetry, prediction
from evaluate.worker import Outcome, Spent
from metrics.score import MetricSpec, ScoringSpec
from results.journal import ClipRecord
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task

ALLOWED_SECONDS, ALLOWED_GIB = 60, 4
PROMPT = "<audio>1</audio>Detect the language and recognize the speech: <|en|>"
WORKERS = 64
GIB = 2**30


class Clock:
    """Seconds of wall time and of CPU by step, without those of a step within, and the highest memory by its end."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[float, float]] = {}
        self.peak: dict[str, float] = {}
        self._within = (0.0, 0.0)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        outer, self._within = self._within, (0.0, 0.0)
        begun = time.perf_counter(), time.process_time()
        yield
        wall, busy = time.perf_counter() - begun[0], time.process_time() - begun[1]
        before = self.spent.get(name, (0.0, 0.0))
        self.spent[name] = before[0] + wall - self._within[0], before[1] + busy - self._within[1]
        self._within = outer[0] + wall, outer[1] + busy
        self.peak[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


class AnsweringPool(Pool):
    """A double of the workers: a batch is answered as soon as it was sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.size = WORKERS
        self._told: list[Event] = []

    def start(self, worker: int) -> None:
        self._told.append(Ready(worker, "none"))

    def send(self, worker: int, number: int, batch: Batch) -> None:
        message = pickle.dumps((number, batch))
        with self._clock.step("the workers' ends of the messages (not counted)"):
            number, batch = pickle.loads(message)
            spent = Spent(1.0, 0.0, 0.1, 0.1, 60.0, 70.0, GIB)
            message = pickle.dumps((number, [_outcome(item) for item in batch.items], spent))
        self._told.append(Answered(worker, *pickle.loads(message)))

    def events(self, seconds: float) -> list[Event]:
        told, self._told = self._told, []
        return told

    def discard(self, worker: int) -> None:
        raise AssertionError("a double is never lost")

    def close(self, kindly: Sequence[int]) -> None:
        self._told.clear()


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--samples", type=int, default=1_000_000)
    given = options.parse_args()
    clock = Clock()
    with clock.step("samples and requests in memory (not counted)"):
        items, samples = _made(given.samples)
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(folder)
        lines, size = _planned_and_merged(directory, items, samples, clock)
        record = RunRecord("double", "million", {}, {"million": TaskRecord({}, _spec().to_dict(), lines)}, {}, None)
        with clock.step("scores: accuracy with its interval (not counted)"):
            score_task(directory, record, "million")
    deliver(_report(clock, lines, size), given.write)


def _planned_and_merged(
    directory: RunDirectory, items: Sequence[Item], samples: dict[str, Sample], clock: Clock
) -> tuple[int, int]:
    """As ``evaluate.runner`` does it; returns how many records there are in the end, and the file's bytes."""
    journal = directory.journal("million")
    with clock.step("what is missing"):
        missing = samples.keys() - journal.standings().keys()
    with clock.step("plan"):
        batches = plan(items, Budget(), "million", Generation(), LongAudio.truncate)
    telemetry = Telemetry(WORKERS)
    with Dispatcher(AnsweringPool(clock), 60.0, 60.0, print) as dispatcher:
        answers = dispatcher.answers(batches)
        while True:
            with clock.step("hand out and hear"):
                done = next(answers, None)
            if done is None:
                break
            with clock.step("write the records"):
                telemetry.add(done)
                pairs = zip(done.batch.items, done.outcomes, strict=True)
                journal.append(
                    [
                        prediction(item, outcome, samples[item.request.id])
                        for item, outcome in pairs
                        if item.request.id in missing
                    ]
                )
    with clock.step("merge: sorted by id, one line an id"):
        journal.finish()
    with clock.step("what failed"):
        standings = journal.standings()
    return len(standings), journal.path.stat().st_size


def _made(count: int) -> tuple[list[Item], dict[str, Sample]]:
    """As ``evaluate.tasks.ready`` makes them of a manifest."""
    draw = random.Random(1)
    lengths = corpus.skewed(count, 1.3, 35.0, 5.8, 0.65)
    items, samples, folder = [], {}, Path("clips")
    for number, seconds in enumerate(lengths):
        identity = f"{number * 7919 % count:07}"
        clip = Clip(f"test/{identity[:3]}/{identity}.flac")
        words = " ".join(draw.choices(corpus.WORDS, k=15))
        fields = {"language": "en", "speaker": identity[:3]}
        samples[identity] = Sample(identity, (clip,), (words,), "test", identity[:3], fields)
        request = Request(identity, PROMPT[:], "en", None, fields)
        items.append(Item(request, (clip,), folder, seconds, round(25 * seconds) + 280))
    return items, samples


def _outcome(item: Item) -> Outcome:
    (clip,) = item.clips
    heard = ClipRecord(clip.path, None, None, item.seconds, hashlib.sha256(clip.path.encode()).hexdigest())
    return Outcome(item.request.id, [heard], raw=f"what {item.request.id} says", prompt_tokens=300, new_tokens=12)


def _spec() -> ScoringSpec:
    return ScoringSpec({"accuracy": MetricSpec("accuracy")}, primary="accuracy", language="en")


def _report(clock: Clock, lines: int, size: int) -> str:
    counted = [name for name in clock.spent if "not counted" not in name]
    seconds, busy = (sum(clock.spent[name][kind] for name in counted) for kind in (0, 1))
    peak = max(clock.peak[name] for name in counted)
    rows = [[name, f"{wall:.1f}", f"{cpu:.1f}", f"{clock.peak[name]:.2f}"] for name, (wall, cpu) in clock.spent.items()]
    rows.append(["plan and merge, all that is counted", f"{seconds:.1f}", f"{busy:.1f}", f"{peak:.2f}"])
    held = seconds < ALLOWED_SECONDS and peak < ALLOWED_GIB
    return (
        "# Plan and merge\n\n"
        f"`python -m benchmarks.million`: what the parent does for {lines:,} samples, without workers: a double of the "
        f"pool answers at once. The file of predictions has {size / GIB:.2f} GiB.\n\n"
        + table(["step", "s", "CPU s", "highest memory so far, GiB"], rows)
        + f"\nAllowed: {ALLOWED_SECONDS} s and {ALLOWED_GIB} GiB; {'held' if held else 'not held'}. "
        f"{machine()}; one thread.\n"
    )


if __name__ == "__main__":
    main()
