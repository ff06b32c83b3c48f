"""The dispatcher: which worker answers which batch, and what becomes of a batch whose worker died.

It knows nothing of processes. A ``Pool`` starts workers, sends to them and tells what they say; this module decides:

- A worker holds the batch that it answers and one ahead. At the end, an idle worker repeats the batch of another that
  is not back yet, and the first answer counts, so that a slow device holds nothing up.
- A worker died: what it held is suspect. It comes last, and alone; where it kills again it is halved, and a single
  sample that was alone with three workers that died has failed.
- A device on which three workers in a row were lost without an answer is tried with the batch that is likeliest to
  succeed; where that fails too it is given up. When all are, the engine stops.
"""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from evaluate.models.base import ModelError
from evaluate.plan import Batch
from evaluate.worker import Outcome, Spent, failed
from results.journal import Failure

AHEAD = 2
"""Batches a worker holds: one that the device answers, and one that is prepared meanwhile."""
GENERATIONS = 3
"""So many workers of a device in a row may be lost without an answer."""
ALONE = 3
"""So many workers must have died with a single sample before it has failed."""
POLL_SECONDS = 1.0


class EngineError(RuntimeError):
    """No worker is left; what was answered is on disk, and the run can be resumed."""


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its model."""

    worker: int
    device: str
    """In words."""
    found: Any = None
    """What the first worker was asked to find out beforehand."""


@dataclass(frozen=True)
class Refused:
    """A worker cannot load its model, and says why."""

    worker: int
    why: str


@dataclass(frozen=True)
class Answered:
    worker: int
    number: int
    """The batch's, as it was sent."""
    outcomes: list[Outcome]
    spent: Spent


@dataclass(frozen=True)
class Lost:
    """A worker is gone."""

    worker: int
    why: str
    code: str = "crash"


Event = Ready | Refused | Answered | Lost


class Pool(ABC):
    """Workers by number, from 0. What goes wrong with one is an event, never an exception."""

    size: int

    @abstractmethod
    def start(self, worker: int) -> None:
        """Start a worker, or another one in the place of a lost one."""

    @abstractmethod
    def send(self, worker: int, number: int, batch: Batch) -> None:
        """Give a batch to a worker; it answers its batches in the order in which they came."""

    @abstractmethod
    def discard(self, worker: int) -> None:
        """End a worker at once; no event follows."""

    @abstractmethod
    def events(self, seconds: float) -> list[Event]:
        """What the workers said, waiting for so many seconds at most."""

    @abstractmethod
    def close(self, kindly: Sequence[int]) -> None:
        """End all workers: those named after what they are doing, the others at once."""


@dataclass(frozen=True)
class Done:
    """A batch, or a part of one, that came back."""

    batch: Batch
    outcomes: list[Outcome]
    """In the order of the batch's items."""
    worker: int
    spent: Spent | None
    """None for a sample that failed because its workers died."""


@dataclass(eq=False)
class _Work:
    batch: Batch
    suspect: bool = False
    """Whether a worker died with it."""
    deaths: int = 0
    """Of workers that held it alone, where it is a single sample."""
    holders: int = 0
    done: bool = False


@dataclass
class _Seat:
    """A device, and the worker that is there now."""

    device: str = ""
    """In words; empty until the worker has loaded its model."""
    held: deque[tuple[int, _Work]] = field(default_factory=deque)
    waited: float = 0.0
    """Seconds since the worker began with what it does: the first of what it holds, or loading."""
    barren: int = 0
    """Workers in a row that were lost here without an answer, and without showing what killed them."""
    closed: bool = False

    @property
    def on_trial(self) -> bool:
        return self.barren >= GENERATIONS


class Dispatcher:
    """Workers of a pool, fed. Use it as a context: on entry the model is loaded, once for all tasks.

    ``timeout`` and ``start_timeout`` are in seconds: a worker that needs longer for a batch, or to load, is replaced.
    ``say`` is given a sentence on each worker that is lost.
    """

    def __init__(self, pool: Pool, timeout: float, start_timeout: float, say: Callable[[str], None]):
        self.pool = pool
        self.found: Any = None
        """What the first worker found out."""
        self.devices = [""] * pool.size
        """What the workers run on, in words, by number; empty where none was ready yet."""
        self.starts = [0] * pool.size
        """How many workers were started there."""
        self._timeout, self._start_timeout, self._say = timeout, start_timeout, say
        self._seats = [_Seat() for _ in range(pool.size)]
        self._fresh: deque[_Work] = deque()
        self._suspects: deque[_Work] = deque()
        self._open = 0
        self._proven: Batch | None = None
        """A small batch that a worker has answered."""
        self._sent = 0
        self._clock = time.monotonic()

    def __enter__(self) -> Self:
        try:
            for worker in range(self.pool.size):
                self._start(worker)
            while not any(seat.device for seat in self._seats):
                self._listen()
        except BaseException:
            self.pool.close(kindly=())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        idle = [worker for worker, seat in enumerate(self._seats) if seat.device and not seat.held]
        self.pool.close(kindly=idle if kind is None else ())

    def _start(self, worker: int) -> None:
        self.starts[worker] += 1
        self.pool.start(worker)

    def answers(self, batches: Iterable[Batch]) -> Iterator[Done]:
        """Answer batches; they come back as they are done, in any order, some in parts. Raises EngineError."""
        self._fresh = deque(map(_Work, batches))
        self._open = len(self._fresh)
        while self._open:
            self._assign()
            yield from self._listen()

    def _assign(self) -> None:
        """Idle workers first, then those that hold one batch."""
        for holding in range(AHEAD):
            for worker, seat in enumerate(self._seats):
                if seat.device and len(seat.held) == holding and (work := self._next_for(seat)):
                    work.holders += 1
                    seat.held.append((self._sent, work))
                    if not holding:
                        seat.waited = 0.0
                    self.pool.send(worker, self._sent, work.batch)
                    self._sent += 1
        for worker, seat in enumerate(self._seats):
            if seat.device and seat.on_trial and not seat.held:  # there is nothing left that would show if it works
                self._give_up(worker, f"{seat.barren} workers in a row gave no answer")

    def _next_for(self, seat: _Seat) -> _Work | None:
        if seat.held and (seat.on_trial or any(work.suspect for _, work in seat.held)):
            return None
        if seat.on_trial:
            return self._likeliest()
        if self._fresh:
            return self._fresh.popleft()
        if seat.held:
            return None
        return self._suspects.popleft() if self._suspects else self._overdue()

    def _likeliest(self) -> _Work | None:
        """A batch that shows whether a device works: one that went well before, else the shortest of the task."""
        if self._proven:
            return _Work(self._proven, done=True)
        return self._fresh.pop() if self._fresh else None

    def _overdue(self) -> _Work | None:
        """What another worker holds and has not begun, or else began last; nothing that somebody repeats already."""
        held = [
            (place == 0, seat.waited, work)
            for seat in self._seats
            for place, (_, work) in enumerate(seat.held)
            if work.holders == 1 and not work.done and not work.suspect
        ]
        return min(held, key=lambda entry: entry[:2])[2] if held else None

    def _listen(self) -> list[Done]:
        done = [entry for event in self.pool.events(POLL_SECONDS) for entry in self._hear(event)]
        now = time.monotonic()
        # A pause of this very process (Ctrl-Z, a sleeping machine) counts as a moment: the workers paused, too.
        passed, self._clock = min(now - self._clock, POLL_SECONDS), now
        for worker, seat in enumerate(self._seats):
            if seat.closed or (seat.device and not seat.held):
                continue
            seat.waited += passed
            limit = self._timeout if seat.device else self._start_timeout
            if seat.waited > limit:
                self.pool.discard(worker)
                what = "gave no answer" if seat.device else "did not load its model"
                done += self._lost(Lost(worker, f"{what} within {limit:g} s", "timeout"))
        return done

    def _hear(self, event: Event) -> list[Done]:
        seat = self._seats[event.worker]
        if isinstance(event, Answered):
            return self._answered(event)
        if isinstance(event, Lost):
            return self._lost(event)
        if isinstance(event, Refused):
            if not any(self.devices):
                raise ModelError(event.why)
            if self.devices[event.worker]:  # it has loaded before: what is in its way may pass
                return self._lost(Lost(event.worker, f"does not load again: {event.why}"))
            self._give_up(event.worker, event.why)  # others have loaded: this device does not hold them up
            return []
        seat.device = self.devices[event.worker] = event.device
        seat.waited = 0.0
        self.found = self.found if event.found is None else event.found
        return []

    def _answered(self, event: Answered) -> list[Done]:
        seat = self._seats[event.worker]
        if not seat.held or seat.held[0][0] != event.number:
            self.pool.discard(event.worker)
            return self._lost(Lost(event.worker, "answered what it was not asked"))
        _, work = seat.held.popleft()
        seat.waited, seat.barren = 0.0, 0
        work.holders -= 1
        if self._proven is None or len(work.batch.items) <= len(self._proven.items):
            self._proven = work.batch
        if work.done:  # a repetition
            return []
        return [self._settle(work, event.outcomes, event.worker, event.spent)]

    def _settle(self, work: _Work, outcomes: list[Outcome], worker: int, spent: Spent | None) -> Done:
        work.done = True
        self._open -= 1
        return Done(work.batch, outcomes, worker, spent)

    def _lost(self, event: Lost) -> list[Done]:
        """What the worker held goes back, and another one starts."""
        seat = self._seats[event.worker]
        held, loaded = [work for _, work in seat.held], bool(seat.device)
        seat.held.clear()
        seat.device, seat.waited = "", 0.0
        for work in held:
            work.holders -= 1
        back = [work for work in held if not work.done and not work.holders]
        self._say(f"worker {event.worker} {event.why}; another one starts" + (", its batch comes last" if back else ""))
        failed = [done for work in back if (done := self._accuse(work, len(held) == 1, event))]
        narrowed = bool(failed) or any(work.done for work in back)
        seat.barren += not narrowed
        if seat.barren > GENERATIONS or (seat.on_trial and not (loaded and (self._proven or self._fresh))):
            self._give_up(event.worker, f"{seat.barren} workers in a row gave no answer; the last one {event.why}")
        else:
            self._start(event.worker)
        return failed

    def _accuse(self, work: _Work, alone: bool, event: Lost) -> Done | None:
        """A worker died with this batch: back with it, or with its halves where it was alone before. A single sample
        fails in the end; that is returned."""
        items = work.batch.items
        again, work.suspect = work.suspect, True
        if alone and len(items) == 1:
            work.deaths += 1
            if work.deaths == ALONE:
                why = f"{ALONE} workers in a row died with this sample alone ({items[0].seconds:.1f} s of audio)"
                failure = Failure(event.code, f"{why}; the last one {event.why}")
                return self._settle(work, [failed(items[0], failure)], event.worker, None)
        elif alone and again:
            work.done = True
            middle = (len(items) + 1) // 2
            for half in (items[:middle], items[middle:]):
                self._suspects.append(_Work(replace(work.batch, items=half), suspect=True))
            self._open += 1
            return None
        self._suspects.append(work)
        return None

    def _give_up(self, worker: int, why: str) -> None:
        """Leave a device alone. Raises EngineError where it was the last."""
        seat = self._seats[worker]
        seat.closed, seat.device = True, ""
        self.pool.discard(worker)
        if all(seat.closed for seat in self._seats):
            raise EngineError(f"worker {worker}: {why}")
        self._say(f"worker {worker} is given up: {why}")
