"""The local engine: worker processes on this machine, each fed over a pipe of its own."""

import atexit
import multiprocessing
import multiprocessing.forkserver
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from evaluate.config import Engine, ModelConfig
from evaluate.engines.devices import places, torch_threads
from evaluate.engines.dispatch import EngineError, Event, Lost, Pool, Ready, Refused
from evaluate.engines.serve import Job, event_of, serve
from evaluate.plan import Batch, Item

FAREWELL_SECONDS = 5.0
COUNT_SECONDS = 300
"""For importing torch and asking the driver."""
COUNT_TRIES = 3
PIPE_SECONDS = 5
"""A worker that does not take, or does not finish, a message for so long has been stopped."""


class LocalPool(Pool):
    """Worker processes, forked from a process that has imported what the model needs (``preload``) and touched no
    device.

    No queue and no lock is shared, so that a killed worker can keep none. ``log`` is called with a level ('WARNING')
    and a text for what libraries say in a worker.
    """

    def __init__(
        self,
        model: ModelConfig,
        engine: Engine,
        preload: Sequence[str],
        folders: Sequence[str],
        log: Callable[[str, str], None],
        to_ask: Mapping[str, Sequence[Item]],
    ):
        """Raises ConfigError for devices that are not there."""
        self._context = _forkserver([serve.__module__, *preload])
        found = places(engine, cache(lambda: _gpus(self._context)))
        self.size = len(found)
        threads = torch_threads(engine, found)
        self._jobs = [Job(model, folders, place, engine.threads, threads, to_ask) for place in found]
        self._log = log
        self._processes: dict[int, BaseProcess] = {}
        self._pipes: dict[int, Connection] = {}
        self._lifelines: dict[int, Connection] = {}
        atexit.register(self._end)  # where an interruption came in the middle of closing: Python would wait for workers

    def start(self, worker: int) -> None:
        ours, theirs = self._context.Pipe()
        held, lifeline = self._context.Pipe()
        _bound(ours)
        process = self._context.Process(
            target=serve, args=(theirs, lifeline, self._jobs[worker]), name=f"worker-{worker}", daemon=True
        )
        _start(process)
        theirs.close()
        lifeline.close()
        self._processes[worker], self._pipes[worker], self._lifelines[worker] = process, ours, held

    def send(self, worker: int, number: int, batch: Batch) -> None:
        try:
            self._pipes[worker].send((number, batch))
        except OSError:  # it is gone or stopped: the pipe will say so
            self._processes[worker].kill()

    def events(self, seconds: float) -> list[Event]:
        ends = {worker: (pipe, self._processes[worker].sentinel) for worker, pipe in self._pipes.items()}
        ready = wait([end for both in ends.values() for end in both], seconds)
        events: list[Event] = []
        for worker, (pipe, sentinel) in ends.items():
            if pipe in ready:
                events += self._read(worker)
            elif sentinel in ready:  # dead, and a process that the model started holds the other end of the pipe
                events.append(Lost(worker, self._obituary(worker)))
        return events

    def _read(self, worker: int) -> list[Event]:
        """The worker's next message; its end, where there is none. A log line is no event."""
        try:
            kind, *content = self._pipes[worker].recv()
        except (EOFError, OSError):
            return [Lost(worker, self._obituary(worker))]
        except Exception as error:  # noqa: BLE001 - what a confused process wrote there may look like anything
            self.discard(worker)
            return [Lost(worker, f"sent what is no message ({type(error).__name__})")]
        if kind == "log":
            self._log(*content)
            return []
        event = event_of(worker, kind, *content)
        if isinstance(event, Refused | Lost):
            self.discard(worker)
        elif isinstance(event, Ready):
            self._jobs = [replace(job, to_ask={}) for job in self._jobs]  # whoever takes a lost worker's place
        return [event]

    def _obituary(self, worker: int) -> str:
        process = self._processes[worker]
        process.join(FAREWELL_SECONDS)
        code = process.exitcode
        self.discard(worker)
        if code is not None and code < 0:
            perhaps = "; perhaps the machine ran out of memory" if -code == signal.SIGKILL else ""
            return f"was killed by {_name_of(-code)}{perhaps}"
        return f"ended (status {code})" if code is not None else "fell silent"

    def discard(self, worker: int) -> None:
        if worker in self._pipes:
            process = self._processes[worker]
            process.kill()
            process.join(FAREWELL_SECONDS)  # it is dead; who would say so, the process that it was forked from, may not
            self._pipes.pop(worker).close()
            self._lifelines.pop(worker).close()
            del self._processes[worker]

    def close(self, kindly: Sequence[int]) -> None:
        for worker in list(self._pipes):
            if worker not in kindly:
                self.discard(worker)
        for worker in list(self._pipes):
            self._dismiss(worker)
        deadline = time.monotonic() + FAREWELL_SECONDS
        for process in self._processes.values():
            process.join(max(0.0, deadline - time.monotonic()))
        self._end()

    def _end(self) -> None:
        atexit.unregister(self._end)
        with ignored(signal.SIGINT, signal.SIGTERM):
            for worker in list(self._pipes):
                self.discard(worker)

    def _dismiss(self, worker: int) -> None:
        try:
            self._pipes[worker].send(None)
        except OSError:
            self._processes[worker].kill()


def _name_of(number: int) -> str:
    names = {known.value: known.name for known in signal.Signals}
    return names.get(number, f"signal {number}")


def _bound(pipe: Connection) -> None:
    """Let no worker that was stopped in the middle of a message stop this process, too."""
    limit = struct.pack("ll", PIPE_SECONDS, 0)
    with socket.socket(fileno=pipe.fileno()) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        end.detach()


def _forkserver(preload: Sequence[str]) -> ForkServerContext:
    """The process that workers are forked from. Ctrl-C and SIGTERM reach the whole process group, and this process
    decides: that one and all of its children ignore them, from their first moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    _ensure_running()
    return context


def _ensure_running() -> None:
    with ignored(signal.SIGINT, signal.SIGTERM):
        multiprocessing.forkserver.ensure_running()


def _start(process: BaseProcess) -> None:
    """Start a process, though that which it is forked from may have been killed. Raises EngineError."""
    try:
        process.start()
    except (EOFError, OSError):
        try:
            _ensure_running()
            process.start()
        except (EOFError, OSError) as error:
            raise EngineError(f"no process can be started ({error})") from error


@contextmanager
def ignored(*numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)


def _gpus(context: ForkServerContext) -> int:
    """How many GPUs torch sees, asked of a process of its own, of another one where that is killed: neither this one
    nor that which workers are forked from touches a device. Raises EngineError where it gets no answer."""
    for _ in range(COUNT_TRIES):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_count, args=(theirs,), daemon=True)
        _start(process)
        theirs.close()
        try:
            if ours.poll(COUNT_SECONDS):
                return int(ours.recv())
            break
        except EOFError:
            continue
        finally:
            process.kill()
            process.join(FAREWELL_SECONDS)
    raise EngineError("torch does not say how many GPUs there are: is their driver well? engine.devices=cpu needs none")


def _count(pipe: Connection) -> None:
    import torch

    with suppress(OSError):  # whoever asked is gone
        pipe.send(torch.cuda.device_count())
