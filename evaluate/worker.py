"""A worker: holds the model, decodes the next batch on threads while the device answers this one."""

import gc
import queue
import re
import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluate import audio
from evaluate.config import Generation, LongAudio
from evaluate.models.base import Answer, Model, Request
from evaluate.plan import Batch, Item, fits
from results.journal import ClipRecord, Failure

ABSOLUTE_PATH = re.compile(r"(?<![\w.<])(?:/[^\s/'\":,;()]+)+/?")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
PROCESS = re.compile(r"\bpid\W{0,2}\d+", re.IGNORECASE)
NO_SPACE = ("zh", "yue", "cmn", "ja", "th", "lo", "my", "km")
"""Languages written without blanks between words: the answers of a long clip's pieces are joined without one."""


@dataclass
class Outcome:
    """What became of one item."""

    id: str
    audio: list[ClipRecord]
    raw: str | None = None
    error: Failure | None = None
    flags: list[str] = field(default_factory=list)
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    margin: float | None = None
    """The smallest of its tokens, where that was asked for and the model tells it."""


@dataclass(frozen=True)
class Spent:
    """What a batch cost a worker, in seconds of wall time where nothing else is said."""

    busy: float
    """The device answered."""
    waiting: float
    """The device had nothing to answer, for the batch was not prepared yet."""
    preparing: float
    """Decoding and features, beside the device."""
    decoding: float
    """Decoding alone, summed over its threads."""
    heard: float
    """Seconds of audio that the model heard."""
    padded: float
    """Seconds of audio with each piece as long as the batch's longest."""
    memory: int
    """Highest so far, bytes: of the device where it is a GPU, else of the process."""


@dataclass
class Prepared:
    """A batch whose clips are decoded: outcomes begun for all items, pieces to answer for those that can be."""

    outcomes: list[Outcome]
    groups: list[tuple[list[Request], Any]]
    """What goes through the model at once, and what ``model.prepare`` made of it, or the exception that it raised. It
    is one group of a piece a sample; where long clips were cut in pieces, it may be several."""
    preparing: float
    """Seconds; also the next."""
    decoding: float


def answered(model: Model, batches: Iterator[Batch], threads: int) -> Iterator[tuple[list[Outcome], Spent]]:
    """Answer batches in order, each prepared while the one before it is answered. Outcomes stand in the items' order.

    An error in ``batches`` or in the preparing itself is raised here.
    """
    ready: queue.Queue[tuple[Batch, Prepared] | BaseException | None] = queue.Queue(maxsize=1)

    def feed() -> None:
        try:
            with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
                for batch in batches:
                    ready.put((batch, prepare(model, batch, pool)))
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the answers are read
            ready.put(error)

    threading.Thread(target=feed, name="prepare", daemon=True).start()
    free = time.perf_counter()
    while (entry := ready.get()) is not None:
        if isinstance(entry, BaseException):
            raise entry
        batch, prepared = entry
        begun = time.perf_counter()
        lengths = [[_seconds(piece) for piece in pieces] for pieces, _ in prepared.groups]
        model.margins = batch.margins
        outcomes = answer(model, prepared, batch.generation)
        end = time.perf_counter()
        yield (
            outcomes,
            Spent(
                busy=end - begun,
                waiting=begun - free,
                preparing=prepared.preparing,
                decoding=prepared.decoding,
                heard=sum(map(sum, lengths)),
                padded=sum(max(group) * len(group) for group in lengths),
                memory=_peak_memory(),
            ),
        )
        free = end


def prepare(model: Model, batch: Batch, pool: ThreadPoolExecutor) -> Prepared:
    """Decode a batch's clips, hold them against the model's limit, and make the model's features."""
    begun = time.perf_counter()
    decoded = list(pool.map(lambda item: _decode(item, model.max_seconds, batch.long_audio), batch.items))
    groups = _grouped([piece for _, requests, _ in decoded for piece in requests], batch)
    return Prepared(
        [outcome for outcome, _, _ in decoded],
        [(pieces, _features(model, pieces)) for pieces in groups],
        time.perf_counter() - begun,
        sum(seconds for _, _, seconds in decoded),
    )


def _grouped(pieces: Sequence[Request], batch: Batch) -> list[list[Request]]:
    """Pieces that go through the model together: all of them, unless long clips made more of them than were planned."""
    if len(pieces) <= len(batch.items):
        return [list(pieces)] if pieces else []
    groups: list[list[Request]] = []
    longest = 0.0
    for piece in pieces:
        longest = max(longest, _seconds(piece))
        if not groups or not fits(batch.budget, len(groups[-1]) + 1, longest):
            groups.append([])
            longest = _seconds(piece)
        groups[-1].append(piece)
    return groups


def _seconds(piece: Request) -> float:
    return sum(map(len, piece.audio)) / audio.SAMPLE_RATE


def _features(model: Model, pieces: Sequence[Request]) -> Any:
    try:
        return model.prepare(pieces)
    except Exception as error:  # noqa: BLE001 - a model's own error: its samples are tried one by one, then it is theirs
        return error


def failed(item: Item, why: Failure) -> Outcome:
    """The outcome of an item of which nothing was heard."""
    return Outcome(item.request.id, _unheard(item), error=why)


def _unheard(item: Item) -> list[ClipRecord]:
    return [ClipRecord(clip.path, clip.start, clip.end, None, None) for clip in item.clips]


def _decode(item: Item, limit: float | None, long_audio: LongAudio) -> tuple[Outcome, list[Request], float]:
    """The outcome begun, the pieces to answer, and the seconds that it took."""
    begun = time.perf_counter()
    outcome, pieces = _heard(item, limit, long_audio)
    return outcome, pieces, time.perf_counter() - begun


def _heard(item: Item, limit: float | None, long_audio: LongAudio) -> tuple[Outcome, list[Request]]:
    records = _unheard(item)
    outcome = Outcome(item.request.id, records)
    heard: list[np.ndarray] = []
    try:
        for place, clip in enumerate(item.clips):
            recording = audio.load(clip, item.folder)
            records[place] = replace(records[place], seconds=recording.seconds, sha256=recording.sha256())
            heard.append(np.zeros_like(recording.samples) if item.silent else recording.samples)
        pieces = _within(heard, limit, long_audio, outcome)
    except audio.AudioError as error:
        outcome.error = Failure(error.code, str(error))
        return outcome, []
    except Exception as error:  # noqa: BLE001 - a decoder's own fault costs the sample, not the worker
        outcome.error = Failure("unreadable", f"{Path(item.clips[0].path).name}: {described(error)}")
        return outcome, []
    return outcome, [replace(item.request, audio=tuple(piece)) for piece in pieces]


def _within(
    heard: list[np.ndarray], limit: float | None, long_audio: LongAudio, outcome: Outcome
) -> list[list[np.ndarray]]:
    """The clips as the model may hear them: usually once; cut in pieces, once a piece."""
    if limit is None or all(len(samples) <= limit * audio.SAMPLE_RATE for samples in heard):
        return [heard]
    if long_audio is LongAudio.truncate:
        outcome.flags.append("truncated_audio")
        return [[samples[: int(limit * audio.SAMPLE_RATE)] for samples in heard]]
    if long_audio is LongAudio.chunk and len(heard) == 1:
        outcome.flags.append("chunked_audio")
        return [[piece] for piece in audio.split_at_pauses(heard[0], limit)]
    longest = max(len(samples) for samples in heard) / audio.SAMPLE_RATE
    why = "several clips cannot be cut in pieces" if long_audio is LongAudio.chunk else "task.long_audio is fail"
    raise audio.AudioError("too_long", f"a clip of {longest:.1f} s is over the model's {limit:g} s, and {why}")


def answer(model: Model, prepared: Prepared, generation: Generation) -> list[Outcome]:
    """Answer a prepared batch; what goes wrong costs only the samples that it goes wrong for."""
    answers: dict[str, list[Answer | Failure]] = {}
    languages = {}
    for pieces, features in prepared.groups:
        for piece, said in zip(pieces, _generate(model, pieces, features, generation), strict=True):
            answers.setdefault(piece.id, []).append(said)
            languages[piece.id] = piece.target_language or piece.language
    for outcome in prepared.outcomes:
        if outcome.error is None:
            _fill(outcome, answers[outcome.id], languages[outcome.id])
    return prepared.outcomes


def _fill(outcome: Outcome, answers: list[Answer | Failure], language: str | None) -> None:
    said = [entry for entry in answers if isinstance(entry, Answer)]
    if len(said) < len(answers):
        outcome.error = next(entry for entry in answers if isinstance(entry, Failure))
        return
    blank = "" if (language or "").split("-")[0] in NO_SPACE else " "
    outcome.raw = blank.join(text for entry in said if (text := entry.text.strip())) if len(said) > 1 else said[0].text
    outcome.prompt_tokens = _total(entry.prompt_tokens for entry in said)
    outcome.new_tokens = _total(entry.new_tokens for entry in said)
    outcome.margin = min((entry.margin for entry in said if entry.margin is not None), default=None)
    if not outcome.raw:
        outcome.flags.append("empty")
    if any(entry.hit_max_new_tokens for entry in said):
        outcome.flags.append("hit_max_new_tokens")


def _total(counts: Iterable[int | None]) -> int | None:
    known = list(counts)
    return None if None in known else sum(count or 0 for count in known)


def _generate(model: Model, pieces: Sequence[Request], features: Any, generation: Generation) -> list[Answer | Failure]:
    """One answer a piece. Out of memory, or an error of the model: the halves are tried, down to the single sample,
    which then fails."""
    try:
        if isinstance(features, Exception):
            raise features
        said = [_tidy(entry) for entry in model.generate(features, generation)]
        if len(said) != len(pieces):
            raise RuntimeError(f"the model gave {len(said)} answers to {len(pieces)} requests")
        return list(said)
    except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to the samples it raises it for
        failure = _failure(error, pieces[0])
    if len(pieces) == 1:
        return [failure]
    del features
    _release_memory()
    middle = (len(pieces) + 1) // 2
    return [
        said
        for half in (pieces[:middle], pieces[middle:])
        for said in _generate(model, half, _features(model, half), generation)
    ]


def _tidy(entry: Answer | str) -> Answer:
    said = Answer(entry) if isinstance(entry, str) else entry
    counts = (said.prompt_tokens, said.new_tokens)
    if not isinstance(said.text, str) or not all(
        count is None or (type(count) is int and count >= 0) for count in counts
    ):
        raise TypeError(f"the model gave {said!r}; an answer is a text, and its token counts are whole numbers")
    return replace(said, text=said.text.strip().encode("utf-8", "replace").decode())


def _failure(error: Exception, request: Request) -> Failure:
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return Failure("memory", f"out of memory on this sample alone ({_seconds(request):.1f} s of audio)")
    return Failure("model", described(error))


def described(error: BaseException) -> str:
    """An error's kind and first line, as valid text, without what differs from machine to machine: folders, addresses,
    processes."""
    first = (str(error).strip() or "no message").splitlines()[0]
    first = ABSOLUTE_PATH.sub(lambda path: path[0].rstrip("/").rsplit("/", 1)[-1], first)
    first = PROCESS.sub("pid", ADDRESS.sub("0x", first))
    return f"{type(error).__name__}: {first}".encode("utf-8", "replace").decode()


def _release_memory() -> None:
    gc.collect()
    if (torch := sys.modules.get("torch")) and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _peak_memory() -> int:
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        return sum(torch.cuda.max_memory_allocated(device) for device in range(torch.cuda.device_count()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
