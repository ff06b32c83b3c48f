"""The journal of a task: its answers on disk, so that nothing is lost or done twice."""

import json
import mmap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.files import RunError, must_be, read_json, write_bytes, write_text

JOURNAL = "predictions.jsonl"


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
                    record = read_json(line)
                    must_be(
                        *((record["id"], str), (record["references"], list), (record["fields"], dict)),
                        *((record[key], list) for key in ("flags", "audio") if key in record),
                        *((record.get(key), (int, type(None))) for key in ("prompt_tokens", "new_tokens")),
                        *((clip["seconds"], (int, float, type(None))) for clip in record.get("audio", ())),
                    )
                    if record["status"] == "ok":
                        must_be((record["raw"], str))
                    else:
                        must_be((record["error"]["message"], str))
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
