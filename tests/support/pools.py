"""A double of workers for the dispatcher: no processes, and time that passes only when it is told to."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluate.config import Generation, LongAudio
from evaluate.engines.dispatch import Answered, Event, Lost, Pool, Ready
from evaluate.models.base import Request
from evaluate.plan import Batch, Item
from evaluate.worker import Outcome, Spent


def batch_of(*names: str) -> Batch:
    items = [Item(Request(name, "", None, None, {}), (), Path(), 1.0) for name in names]
    return Batch("task", tuple(items), Generation(), LongAudio.fail)


def ids(batch: Batch) -> list[str]:
    return [item.request.id for item in batch.items]


class StagedPool(Pool):
    """Workers that answer a batch a round, the one at the front; ``fate`` may say that one dies instead: it is asked
    (worker, ids) before each answer."""

    def __init__(self, size: int, fate: Callable[[int, list[str]], bool] = lambda worker, names: False):
        self.size = size
        self.fate = fate
        self.held: dict[int, deque[tuple[int, Batch]]] = {}
        self.said: list[Event] = []
        self.starts = [0] * size
        self.sent: list[tuple[int, list[str]]] = []
        self.stuck: set[int] = set()
        self.closed_kindly: Sequence[int] | None = None

    def start(self, worker: int) -> None:
        self.starts[worker] += 1
        self.held[worker] = deque()
        self.said.append(Ready(worker, f"device {worker}"))

    def send(self, worker: int, number: int, batch: Batch) -> None:
        assert len(self.held[worker]) < 2
        self.held[worker].append((number, batch))
        self.sent.append((worker, ids(batch)))

    def discard(self, worker: int) -> None:
        self.held.pop(worker, None)

    def close(self, kindly: Sequence[int]) -> None:
        self.closed_kindly = kindly

    def events(self, seconds: float) -> list[Event]:
        said, self.said = self.said, []
        if said:
            return said
        for worker, held in list(self.held.items()):
            if held and worker not in self.stuck:
                said.append(self._answer(worker, held))
        assert said or any(self.held.values()), "all wait for the dispatcher, and it for them"
        return said

    def _answer(self, worker: int, held: deque[tuple[int, Batch]]) -> Event:
        number, batch = held[0]
        if self.fate(worker, ids(batch)):
            self.discard(worker)
            return Lost(worker, "was killed by SIGKILL")
        held.popleft()
        outcomes = [Outcome(name, [], raw=name) for name in ids(batch)]
        return Answered(worker, number, outcomes, Spent(1, 0, 0, 0, 1, 1, 0))
