"""The local engine: a worker process on this machine that holds the model, fed over a pipe of its own."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

from evaluate.config import Engine, ModelConfig
from evaluate.models.base import ModelError, add_to_path, make_model
from evaluate.plan import Batch
from evaluate.worker import Outcome, answered

AHEAD = 2
"""Batches a worker holds: one that the device answers, and one that is prepared meanwhile."""
FAREWELL_SECONDS = 5.0

OnLog = Callable[[str, str], None]
"""Called with a level ('WARNING') and a text for what libraries say in a worker."""


class EngineError(RuntimeError):
    """The worker died; what it had answered is on disk, and the run can be resumed."""


class LocalEngine:
    """One worker process. Use it as a context: the model is loaded on entry, once for all tasks."""

    def __init__(self, model: ModelConfig, engine: Engine, folders: Iterable[str], on_log: OnLog):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._on_log = on_log
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, model, engine, list(folders)), name="worker", daemon=True
        )
        self._theirs = theirs
        self.device = ""
        """What the worker runs on, in words; known once entered."""

    def __enter__(self) -> Self:
        self._start()
        self._theirs.close()
        try:
            self.device = self._receive("ready")
        except BaseException:
            self._stop(kindly=False)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stop(kindly=kind is None)

    def _start(self) -> None:
        """Ctrl-C reaches the whole process group, and the parent decides: the worker ignores it from its start."""
        main = threading.current_thread() is threading.main_thread()
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
        try:
            self._process.start()
        finally:
            if main:
                signal.signal(signal.SIGINT, previous)

    def answers(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome]]]:
        """Answer batches; each comes back with its outcomes, in the order of its items. Raises EngineError."""
        waiting = iter(batches)
        out: deque[Batch] = deque()
        while True:
            while len(out) < AHEAD and (batch := next(waiting, None)) is not None:
                self._send(batch)
                out.append(batch)
            if not out:
                return
            outcomes = self._receive("answers")
            yield out.popleft(), outcomes

    def _send(self, message: Any) -> None:
        try:
            self._pipe.send(message)
        except (BrokenPipeError, ConnectionError):
            raise EngineError(self._obituary()) from None

    def _receive(self, wanted: str) -> Any:
        while True:
            try:
                kind, content = self._pipe.recv()
            except (EOFError, ConnectionError):
                raise EngineError(self._obituary()) from None
            if kind == "log":
                self._on_log(*content)
            elif kind == "refused":
                raise ModelError(content)
            elif kind == wanted:
                return content
            else:
                raise EngineError(f"the worker failed: {content}")

    def _obituary(self) -> str:
        self._process.join(FAREWELL_SECONDS)
        code = self._process.exitcode
        how = (
            f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended (status {code})"
        )
        return f"the worker {how}; perhaps the machine ran out of memory"

    def _stop(self, kindly: bool) -> None:
        """End the worker: kindly after the last answer, else at once."""
        if kindly and self._process.is_alive():
            try:
                self._pipe.send(None)
                self._process.join(FAREWELL_SECONDS)
            except (BrokenPipeError, ConnectionError):
                pass
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, config: ModelConfig, engine: Engine, folders: list[str]) -> None:
    """The worker's life: load the model, answer batches until None comes."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    lock = threading.Lock()

    def send(kind: str, content: Any) -> None:
        try:
            with lock:
                pipe.send((kind, content))
        except (BrokenPipeError, ConnectionError):  # the parent is gone: nobody waits for an answer
            os._exit(1)

    _forward_logs(send)
    add_to_path(folders)
    try:
        devices = _devices(engine)
        model = make_model(config)
        model.devices = devices
        model.load(devices[0])
    except ModelError as error:
        send("refused", str(error))
        return
    except Exception as error:  # noqa: BLE001 - whatever loading raises is the user's to read, in a sentence and in the log
        send("log", ("ERROR", traceback.format_exc()))
        first = (str(error).strip() or "no message").splitlines()[0]
        send("refused", f"model {config.name} does not load: {type(error).__name__}: {first}")
        return
    send("ready", ", ".join(map(_described, devices)))
    for outcomes in answered(model, _batches(pipe), engine.threads):
        send("answers", outcomes)


def _batches(pipe: Connection) -> Iterator[Batch]:
    while True:
        try:
            batch = pipe.recv()
        except (EOFError, ConnectionError):  # the parent is gone: nobody waits for an answer
            os._exit(1)
        if batch is None:
            return
        yield batch


def _devices(engine: Engine) -> list[str]:
    """torch's names of the worker's devices, which are there. Raises ModelError."""
    if engine.devices == "cpu" and engine.devices_per_worker == 1:
        return ["cpu"]
    import torch

    wanted = engine.devices_per_worker
    devices = [name.strip() for name in engine.devices.split(",")]
    if devices == ["auto"]:
        devices = [f"cuda:{number}" for number in range(min(wanted, torch.cuda.device_count()))] or ["cpu"]
    if len(devices) != wanted:
        raise ModelError(
            f"engine.devices_per_worker={wanted}, and engine.devices={engine.devices} gives {len(devices)}"
        )
    for device in devices:
        try:
            if device != "cpu":
                torch.cuda.get_device_name(torch.device(device))
        except (RuntimeError, AssertionError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise ModelError(f"engine.devices={device}: this machine does not offer it ({first})") from None
    return devices


def _described(device: str) -> str:
    if device != "cpu":
        import torch

        return torch.cuda.get_device_name(torch.device(device))
    torch_used = sys.modules.get("torch")
    return f"cpu ({torch_used.get_num_threads()} threads)" if torch_used else "cpu"


class _Forward(logging.Handler):
    def __init__(self, send: Callable[[str, Any], None]):
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send("log", (record.levelname, f"{record.name}: {record.getMessage()}"))


def _forward_logs(send: Callable[[str, Any], None]) -> None:
    """Send what libraries warn of to the parent, which says it once."""
    logging.captureWarnings(True)
    logging.getLogger().addHandler(_Forward(send))
