"""The Ray engine: workers on the machines of a cluster, held by a driver in a process of its own."""

import contextlib
import importlib.util
import multiprocessing
import re
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluate.config import ConfigError, Engine, ModelConfig
from evaluate.engines.dispatch import EngineError, Event, Lost, Pool, Refused
from evaluate.engines.local import ignored
from evaluate.engines.ray_driver import FAREWELL_SECONDS, drive
from evaluate.engines.serve import event_of
from evaluate.plan import Batch, Item

GONE = "the Ray cluster is gone, or this machine's part of it"
PROBE_SECONDS = 5.0
JOIN_SECONDS = 120.0
"""For starting a cluster, or joining one."""


class RayPool(Pool):
    """Actors of a cluster, each in a process of its own on any machine that has room for it.

    ``log`` is called with a level ('WARNING') and a text for what libraries say in a worker. Where the cluster is gone,
    whatever is asked of the pool raises EngineError.
    """

    def __init__(
        self,
        model: ModelConfig,
        engine: Engine,
        folders: Sequence[str],
        log: Callable[[str, str], None],
        to_ask: Mapping[str, Sequence[Item]],
    ):
        """Raises ConfigError for a cluster that is not there, or has not what is wanted."""
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("engine=ray: Ray is not installed; pip install -e '.[ray]' in the checkout installs it")
        _probe(engine.address)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._driver = context.Process(
            target=drive, args=(theirs, model, engine, folders, to_ask), name="ray-driver", daemon=True
        )
        with ignored(signal.SIGINT, signal.SIGTERM):  # until it is in a session of its own
            self._driver.start()
        theirs.close()
        self._log = log
        self._turn = 0
        self._turns: dict[int, int] = {}
        """Of the workers that are there; what an earlier one of the same number said may still be on its way."""
        try:
            self.size = self._joined(engine.address)
        except BaseException:
            self.close(kindly=())
            raise

    def _joined(self, address: str | None) -> int:
        """How many workers there are to be."""
        try:
            if self._pipe.poll(JOIN_SECONDS):
                kind, content = self._pipe.recv()
                if kind == "joined":
                    return int(content)
                raise ConfigError(content)
            why = f"no answer within {JOIN_SECONDS:g} s"
        except EOFError:
            why = "Ray gave up"
        raise ConfigError(f"{f'engine.address={address}' if address else 'engine=ray'}: no cluster there: {why}")

    def start(self, worker: int) -> None:
        self._turn += 1
        self._turns[worker] = self._turn
        self._tell("start", worker, self._turn)

    def send(self, worker: int, number: int, batch: Batch) -> None:
        self._tell("send", worker, number, batch)

    def discard(self, worker: int) -> None:
        if self._turns.pop(worker, None):
            self._tell("discard", worker)

    def events(self, seconds: float) -> list[Event]:
        events = []
        while self._pipe.poll(seconds):
            seconds = 0.0
            events += self._read()
        return events

    def _read(self) -> list[Event]:
        """What the next message is; nothing, where it is a log line or of a worker that was discarded."""
        try:
            worker, turn, kind, *content = self._pipe.recv()
        except (EOFError, OSError):
            raise EngineError(GONE) from None
        if self._turns.get(worker) != turn:
            return []
        if kind == "log":
            self._log(*content)
            return []
        event = Lost(worker, *content) if kind == "lost" else event_of(worker, kind, *content)
        if isinstance(event, Refused | Lost):
            self.discard(worker)
        return [event]

    def _tell(self, *command: Any) -> None:
        try:
            self._pipe.send(command)
        except OSError:
            raise EngineError(GONE) from None

    def close(self, kindly: Sequence[int]) -> None:
        """All end with their driver: those that are idle have nothing left to say."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._driver.join(FAREWELL_SECONDS)
        self._driver.kill()
        self._driver.join()


def _probe(address: str | None) -> None:
    """Raise ConfigError where nothing listens; Ray itself would try for minutes."""
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    if not re.fullmatch(r"[\w.-]+|\[[\w:]+\]", host) or not port.isdecimal():
        raise ConfigError(f"engine.address={address}: it is auto, or HOST:PORT, where the head of a cluster listens")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"engine.address={address}: no cluster answers there ({error}); 'ray start --head' says where its head "
            f"listens, and null starts a cluster of this machine alone"
        ) from None
