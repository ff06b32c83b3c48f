"""The life of a worker, whatever started it: open the model on its devices, answer batches."""

import contextlib
import fcntl
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from evaluate.config import ModelConfig
from evaluate.engines.dispatch import Answered, Event, Lost, Ready, Refused
from evaluate.hearing import hears
from evaluate.models.base import Model, ModelError, add_to_path, make_model
from evaluate.plan import Batch, Item
from evaluate.worker import answered, described

F_SETSIG = 10
"""fcntl(2) of Linux: the signal that news of a file send; Python has no name for it."""


@dataclass(frozen=True)
class Job:
    """What a worker is told at its start."""

    model: ModelConfig
    folders: Sequence[str]
    """The user's own configuration folders, where model classes may lie."""
    devices: Sequence[str]
    """torch's names."""
    decode_threads: int
    torch_threads: int | None
    """Of the network on a CPU; None: torch's own choice."""
    to_ask: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    """Samples by task, by which a loaded model is asked whether it hears."""


def open_model(job: Job) -> tuple[Model, str]:
    """The model, loaded, and what it runs on, in words. Raises ModelError."""
    add_to_path(job.folders)
    model = make_model(job.model)
    if len(job.devices) > 1 and not model.can_split:
        raise ModelError(f"engine.devices_per_worker: {job.model.name} runs on one device")
    model.devices = job.devices
    if job.torch_threads is not None and model.preload:
        import torch

        torch.set_num_threads(job.torch_threads)
    for device in job.devices:
        _check_device(device)
    if job.devices[0] != "cpu":
        set_precision()
    model.load(job.devices[0])
    return model, ", ".join(map(_described, job.devices))


def opened(job: Job, log: Callable[[str, str], None]) -> tuple[Model, str]:
    """As ``open_model``; whatever else loading raises becomes a ModelError, and its traceback goes into the log."""
    try:
        return open_model(job)
    except ModelError:
        raise
    except Exception as error:
        log("ERROR", f"{described(error)}\n{traceback.format_exc()}")
        first = (str(error).strip() or "no message").splitlines()[0]
        raise ModelError(f"model {job.model.name} does not load: {type(error).__name__}: {first}") from error


def serve(pipe: Connection, lifeline: Connection, job: Job) -> None:
    """A worker process: batches come numbered through the pipe until None does, answers go back. It ends when the
    parent does, which holds the other end of ``lifeline``, and leaves signals to it."""
    try:
        _serve(pipe, lifeline, job)
    finally:
        # Not as Python leaves a process: that would wait for threads that a model or a decoder has left running.
        with contextlib.suppress(OSError, ValueError, AttributeError):  # no stdout, or a closed one
            sys.stdout.flush()
        os._exit(0)


def _serve(pipe: Connection, lifeline: Connection, job: Job) -> None:
    _end_with(lifeline)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    lock = threading.Lock()

    def send(kind: str, *content: Any) -> None:
        try:
            with lock:
                pipe.send((kind, *content))
        except OSError:  # the parent is gone, or the model has closed what is not its own: nobody waits for an answer
            os._exit(1)

    forward_logs(lambda level, text: send("log", level, text))
    work(job, _inbox(pipe), send)  # from here on the worker sees its parent go, whatever it does


def work(job: Job, inbox: "queue.SimpleQueue[tuple[int, Batch] | None]", send: Callable[..., None]) -> None:
    """Open the model and answer the numbered batches of the inbox until None comes. What there is to say is given to
    ``send``, as ``event_of`` reads it; beside that, ('log', level, text)."""
    try:
        _work(job, inbox, send)
    except ModelError as error:
        send("refused", str(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent hears of it, and starts another worker
        send("log", "ERROR", f"{described(error)}\n{traceback.format_exc()}")
        send("failed", described(error))


def _work(job: Job, inbox: "queue.SimpleQueue[tuple[int, Batch] | None]", send: Callable[..., None]) -> None:
    model, device = opened(job, lambda level, text: send("log", level, text))
    send("ready", device, {task: hears(model, items) for task, items in job.to_ask.items()} or None)
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()

    def batches() -> Iterator[Batch]:
        while (entry := inbox.get()) is not None:
            numbers.put(entry[0])
            yield entry[1]

    for outcomes, spent in answered(model, batches(), job.decode_threads):
        send("answers", numbers.get(), outcomes, spent)


def event_of(worker: int, kind: str, *content: Any) -> Event:
    """What a worker's message is to the dispatcher; after all but ``ready`` and ``answers`` the worker is done."""
    if kind == "answers":
        return Answered(worker, *content)
    if kind == "ready":
        return Ready(worker, *content)
    return Refused(worker, *content) if kind == "refused" else Lost(worker, f"failed: {content[0]}")


def _inbox(pipe: Connection) -> "queue.SimpleQueue[tuple[int, Batch] | None]":
    """What comes through the pipe, read by a thread that is never busy with anything else: where the parent is gone, it
    ends the process, though the device is in the middle of a batch."""
    inbox: queue.SimpleQueue[tuple[int, Batch] | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            while True:
                inbox.put(pipe.recv())
        finally:
            os._exit(1)

    threading.Thread(target=read, name="inbox", daemon=True).start()
    return inbox


def _end_with(lifeline: Connection) -> None:
    """Where native code holds the interpreter's lock, no thread of ours sees the parent go. On Linux the kernel does:
    it kills this process when the other end of the socket is closed, through which nothing is ever sent."""
    if sys.platform == "linux":
        end = lifeline.fileno()
        fcntl.fcntl(end, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(end, F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    try:
        torch.cuda.get_device_name(torch.device(device))
    except (RuntimeError, AssertionError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"engine.devices={device}: this machine does not offer it ({first})") from None


def set_precision() -> None:
    """What torch is told before a model lies on a GPU.

    float32 is float32: cuDNN's convolutions would round to TF32, which moved a logit of 7 by 0.0015. And attention is
    not cuDNN's, which makes a plan for each new length, that is for each token of an answer."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.enable_cudnn_sdp(False)


def _described(device: str) -> str:
    torch = sys.modules.get("torch")
    if device != "cpu" and torch:
        return str(torch.cuda.get_device_name(torch.device(device)))
    return f"cpu ({torch.get_num_threads()} threads)" if torch else "cpu"


class _Forward(logging.Handler):
    def __init__(self, send: Callable[[str, str], None]):
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(record.levelname, f"{record.name}: {record.getMessage()}")


def forward_logs(send: Callable[[str, str], None]) -> None:
    """Send what libraries warn of to the parent, which says it once."""
    logging.captureWarnings(True)
    logging.getLogger().addHandler(_Forward(send))
