"""Run directories: what is kept of a run, and where."""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from metrics.score import Counts, Score
from results.files import RunError, must_fit, read_json, write_json
from results.journal import JOURNAL, Journal

SCHEMA_VERSION = 1
STATISTICS = "statistics.json"


@dataclass
class TaskRecord:
    """What run.json holds of a task."""

    asked: dict[str, str]
    """What decides the answers: prompt, generation, manifest, model, weights, code. Guards a resume."""
    scoring: dict[str, Any]
    """The resolved scoring spec: metrics with extractor and normaliser, language, label set."""
    expected: int
    """How many samples the task asks for: the first so many of its manifests in ``draw_order``."""
    data: dict[str, str] = field(default_factory=dict)
    """How each subset of a public corpus stands to what its authors published: `published` (checksums or counts are
    equal), `unchecked` (none are known), `unofficial` (differs), `unrecorded` (no corpus.json says)."""


@dataclass
class DeviceUse:
    """What the workers on one device did in a session; times are seconds of wall time."""

    device: str
    """In words."""
    workers: int = 0
    """How many were started there; more than one where workers were lost."""
    batches: int = 0
    samples: int = 0
    busy: float = 0.0
    """The device answered."""
    waiting: float = 0.0
    """The device had nothing to answer, for the next batch was not prepared."""
    preparing: float = 0.0
    """Decoding and features, beside the device."""
    decoding: float = 0.0
    """Decoding alone, summed over its threads."""
    audio: float = 0.0
    """Seconds of audio that were heard."""
    padding: float = 0.0
    """Seconds of audio that were added to clips to make those of a batch equally long."""
    clips_per_second: float = 0.0
    rtfx: float = 0.0
    """Seconds of audio heard a second; both of the time that the device was busy or waiting."""
    peak_memory: int = 0
    """Bytes: of the GPU, else of the process."""


@dataclass
class Session:
    """One start of the command on this directory."""

    started: str
    """UTC, ISO 8601."""
    seconds: float | None = None
    """Wall time, or None while it runs or where it was killed."""
    answered: int = 0
    """Samples answered or failed in it."""
    status: int | None = None
    """Its exit status."""
    devices: list[DeviceUse] = field(default_factory=list)
    hearing: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By task, whether the model's first logits depend on what it is given to hear: `asked` (samples), `silence` and
    `swap` (the largest difference of a logit to silence, and to another sample's clip), `hears`, or `why` not asked."""


@dataclass
class RunRecord:
    """run.json."""

    model: str
    label: str
    """The suite or the task."""
    config: dict[str, Any]
    tasks: dict[str, TaskRecord]
    versions: dict[str, str]
    git_commit: str | None
    """Of the harness; with '+' where its files were changed."""
    sessions: list[Session] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Tasks of the suite that the model cannot do, each with the reason."""
    audit: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By task, what became of some samples that were answered once more, each alone: `asked`, `compared`, `flips` (ids
    with another answer) and `flips_percent`; the primary `metric` of those compared, `in_run`, `alone` and their
    `difference`; `smallest_margin`, the least lead of a token's logit over the next best, where the model tells it."""
    control: str | None = None
    """'silence', 'shuffle' or 'no_audio' where that was heard in place of the samples' own clips."""
    schema_version: int = SCHEMA_VERSION

    @property
    def shown_model(self) -> str:
        """The model as a table names it: a control is no run of the model, and must not look like one."""
        return f"{self.model} [{self.control}]" if self.control else self.model


@dataclass
class TaskScores:
    """scores.json."""

    task: str
    model: str
    asked: dict[str, str]
    """The fingerprint of the answers, as in run.json."""
    scoring: dict[str, Any]
    """How they were scored."""
    counts: Counts
    scores: list[Score]


class RunDirectory:
    """A run on disk. Open it to write with ``claim``, to read with ``RunDirectory(path)``."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @contextlib.contextmanager
    def claim(self) -> Iterator[Self]:
        """Hold the directory against every other run; released by the kernel when this process ends, however it does.

        Raises RunError where another run holds it, or where it is some other folder.
        """
        self.refuse_other_folder()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a+b", buffering=0)
        except OSError as error:
            raise RunError(f"run.dir={self.path} cannot be written: {error.strerror}") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise RunError(
                    f"run.dir={self.path} is in use by another run ({lock.read().decode().strip()})"
                ) from None
            except OSError as error:
                raise RunError(
                    f"run.dir={self.path} cannot be locked ({error.strerror}): its file system offers no locks; take a "
                    f"run.dir on another one"
                ) from None
            with contextlib.suppress(OSError):  # a full disk: what is said there is for others to read, and no more
                lock.truncate(0)
                lock.write(f"process {os.getpid()} on {os.uname().nodename}, since {_now()}\n".encode())
            yield self

    def refuse_other_folder(self) -> None:
        """Raise RunError where this is a file, or somebody else's folder."""
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"run.dir={self.path} is a file; name a folder")
        if (
            self.path.is_dir()
            and any(self.path.iterdir())
            and not any((self.path / name).exists() for name in ("run.json", ".lock"))
        ):
            raise RunError(f"run.dir={self.path} holds other files and no run.json; name an empty or a new folder")

    def move_aside(self) -> None:
        """Keep an older run beside this one, in a folder named by the time. Raises RunError where that cannot be."""
        if not (self.path / "run.json").exists() and not any(self.path.rglob(JOURNAL)):
            return
        path = self.path.resolve()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        aside = path.with_name(f"{path.name}.{stamp}")
        while aside.exists():
            aside = aside.with_name(aside.name + "+")
        try:
            aside.mkdir()
            # run.json last: where this is cut short, it still says what the answers that are left are answers to
            for entry in sorted(path.iterdir(), key=lambda entry: entry.name == "run.json"):
                if entry.name != ".lock":
                    entry.rename(aside / entry.name)
        except OSError as error:
            raise RunError(f"run.dir={self.path} cannot be moved aside to {aside.name}: {error.strerror}") from None

    def read(self) -> RunRecord | None:
        """run.json, or None where there is none. Raises RunError where it is not a run's."""
        path = self.path / "run.json"
        if not path.is_file():
            return None
        try:
            data = read_json(path.read_bytes())
            if data["schema_version"] != SCHEMA_VERSION:
                raise RunError(
                    f"{path} has schema version {data['schema_version']}; this harness reads {SCHEMA_VERSION}"
                )
            data["tasks"] = {name: TaskRecord(**task) for name, task in data["tasks"].items()}
            data["sessions"] = [Session(**session) for session in data["sessions"]]
            record = RunRecord(**data)
            for part in (record, *record.tasks.values()):
                must_fit(part)
            return record
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, RunError):
                raise
            raise RunError(f"{path} is no record of a run ({type(error).__name__}: {error})") from None

    def must_read(self) -> RunRecord:
        record = self.read()
        if record is None:
            raise RunError(f"{self.path} is no run directory: it holds no run.json")
        return record

    def write(self, record: RunRecord) -> None:
        write_json(self.path / "run.json", dataclasses.asdict(record))

    def journal(self, task: str) -> Journal:
        return Journal(self.path / task / JOURNAL)

    def write_scores(self, scores: TaskScores) -> None:
        write_json(self.path / scores.task / "scores.json", dataclasses.asdict(scores))

    def forget_scores(self, task: str) -> None:
        """Before answers are added: scores that are there hold for the answers that are there."""
        for name in ("scores.json", STATISTICS):
            (self.path / task / name).unlink(missing_ok=True)

    def read_scores(self, task: str) -> TaskScores | None:
        """A task's scores.json, or None where it is not scored yet. Raises RunError where it is damaged."""
        path = self.path / task / "scores.json"
        if not path.is_file():
            return None
        try:
            data = read_json(path.read_bytes())
            data["counts"] = Counts(**data["counts"])
            data["scores"] = [Score(**score) for score in data["scores"]]
            scores = TaskScores(**data)
            for part in (scores, scores.counts, *scores.scores):
                must_fit(part)
            if scores.task != task or any(score.ci95 is not None and len(score.ci95) != 2 for score in scores.scores):
                raise ValueError("of another task, or an interval without two ends")
            return scores
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is no record of scores ({type(error).__name__}: {error})") from None


def draw_order(identity: str) -> bytes:
    """The place of a sample in the order that ``limit`` takes from: a random draw, the same everywhere."""
    return hashlib.sha256(b"limit:" + identity.encode("utf-8", "surrogatepass")).digest()


def new_session() -> Session:
    return Session(started=_now())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
