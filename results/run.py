"""Run directories: the records of a run and how they reach the disk, so that nothing is lost or done twice."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import mmap
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from metrics.score import Counts, Score

SCHEMA_VERSION = 1
JOURNAL = "predictions.jsonl"
NUMBER = (int, float, type(None))


class RunError(ValueError):
    """A run directory that cannot be used as asked; one sentence."""


@dataclass
class Failure:
    code: str
    """For programs: missing, empty, unreadable, no_ffmpeg, not_finite, bounds, too_short, too_long, memory, model."""
    message: str
    """A sentence, without process numbers and without paths of the machine."""


@dataclass
class ClipRecord:
    path: str
    """As in the manifest."""
    start: float | None
    """Seconds, as in the manifest."""
    end: float | None
    """Seconds, as in the manifest."""
    seconds: float | None
    """Length of what was decoded, before any truncation; None where it could not be."""
    sha256: str | None
    """Of the float32 16 kHz mono samples, before any truncation."""


@dataclass
class Prediction:
    """One line of predictions.jsonl: what was asked, and what came back; never edited afterwards."""

    id: str
    subset: str | None
    group: str | None
    """The unit of resampling; None: the sample itself."""
    references: list[str]
    fields: dict[str, Any]
    """The further keys of the manifest's line."""
    prompt: str
    """As the model read it; clip K stands as <audio>K</audio>."""
    audio: list[ClipRecord]
    raw: str | None
    """The model's words up to its first end token, stripped; None where the sample failed."""
    status: str
    """'ok' or 'failed'."""
    flags: list[str] = field(default_factory=list)
    """Of empty, truncated_audio, chunked_audio, hit_max_new_tokens."""
    error: Failure | None = None
    prompt_tokens: int | None = None
    """Without padding; None where the model does not say."""
    new_tokens: int | None = None
    """Without padding and end token; None where the model does not say."""

    def to_json(self) -> str:
        return json.dumps(vars(self), ensure_ascii=False, allow_nan=False, default=vars)


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
            data = json.loads(path.read_text("utf-8"))
            if data["schema_version"] != SCHEMA_VERSION:
                raise RunError(
                    f"{path} has schema version {data['schema_version']}; this harness reads {SCHEMA_VERSION}"
                )
            data["tasks"] = {name: TaskRecord(**task) for name, task in data["tasks"].items()}
            for task in data["tasks"].values():
                _must_be((task.asked, dict), (task.scoring, dict), (task.expected, int))
            data["sessions"] = [Session(**session) for session in data["sessions"]]
            return RunRecord(**data)
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

    def journal(self, task: str) -> "Journal":
        return Journal(self.path / task / JOURNAL)

    def write_scores(self, scores: TaskScores) -> None:
        write_json(self.path / scores.task / "scores.json", dataclasses.asdict(scores))

    def forget_scores(self, task: str) -> None:
        """Before answers are added: scores that are there hold for the answers that are there."""
        (self.path / task / "scores.json").unlink(missing_ok=True)

    def read_scores(self, task: str) -> TaskScores | None:
        """A task's scores.json, or None where it is not scored yet. Raises RunError where it is damaged."""
        path = self.path / task / "scores.json"
        if not path.is_file():
            return None
        try:
            data = json.loads(path.read_text("utf-8"))
            data["counts"] = Counts(**data["counts"])
            data["scores"] = [Score(**score) for score in data["scores"]]
            for score in data["scores"]:
                low, high = score.ci95 or (None, None)
                _must_be((score.value, NUMBER), (low, NUMBER), (high, NUMBER), (score.signature, str), (score.n, int))
            return TaskScores(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is no record of scores ({type(error).__name__}: {error})") from None


class Journal:
    """predictions.jsonl: an append-only journal while its task runs, sorted by id once it is done."""

    def __init__(self, path: Path):
        self.path = path

    def read(self, keys: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
        """Records by id, of each the named ``keys`` that it has, or all; the last line of an id wins, and a line that a
        kill tore at the end does not count."""
        if keys is None:
            return {record["id"]: record for _, record in self._records()}
        return {record["id"]: {key: record[key] for key in keys if key in record} for _, record in self._records()}

    def standings(self) -> dict[str, str | None]:
        """By id: why the sample failed, or None where it is answered."""
        return {
            record["id"]: None if record["status"] == "ok" else record["error"]["message"]
            for _, record in self._records()
        }

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The records in the order of the file, each with the byte where its line begins. Raises RunError."""
        if not self.path.is_file():
            return
        begin = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):  # torn
                    return
                try:
                    record = json.loads(line)
                    _must_be((record["id"], str), (record["references"], list), (record["fields"], dict))
                    if record["status"] == "ok":
                        _must_be((record["raw"], str))
                    else:
                        _must_be((record["error"]["message"], str))
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise RunError(
                        f"{self.path}, line {number} is damaged: restore the file, delete that line (its sample is "
                        f"answered again), or begin anew with fresh=true"
                    ) from None
                yield begin, record
                begin += len(line)

    def repair(self) -> None:
        """Cut off a torn last line, so that what is appended begins a line of its own."""
        if self.path.is_file():
            with self.path.open("r+b") as file:
                data = file.read()
                file.truncate(data.rfind(b"\n") + 1)

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Write a batch's records, and hand them to the system before anything else happens."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(prediction.to_json() + "\n" for prediction in predictions)

    def finish(self) -> None:
        """Rewrite the file sorted by id, one line an id, atomically. Of a record only its place is kept in memory."""
        places = {record["id"]: place for place, record in self._records()}
        if not places:
            return write_text(self.path, "")
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            write_bytes(self.path, (_line(data, places[identity]) for identity in sorted(places)))


def _line(data: mmap.mmap, place: int) -> bytes:
    data.seek(place)
    return data.readline()


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old one or the new one, whole."""
    write_bytes(path, [text.encode()])


def write_bytes(path: Path, pieces: Iterable[bytes]) -> None:
    """As ``write_text``, piece by piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def draw_order(identity: str) -> bytes:
    """The place of a sample in the order that ``limit`` takes from: a random draw, the same everywhere."""
    return hashlib.sha256(b"limit:" + identity.encode()).digest()


def _must_be(*pairs: tuple[Any, type | tuple[type, ...]]) -> None:
    """Raise TypeError where a value is not of its kind: somebody edited the file."""
    for value, kind in pairs:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is out of place")


def new_session() -> Session:
    return Session(started=_now())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
