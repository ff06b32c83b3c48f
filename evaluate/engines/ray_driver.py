"""Ray's driver: the process that starts a cluster, or joins one, and holds the workers' actors.

It is not the command's own process, since Ray ends a driver whose cluster is gone, takes its signals, and writes on its
standard output.
"""

import contextlib
import math
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from evaluate.config import ConfigError, Engine, ModelConfig
from evaluate.engines.devices import said
from evaluate.engines.serve import Job
from evaluate.plan import Item

CHECKOUT = Path(__file__).resolve().parents[2]
HANDED_ON = ("HF_HUB_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "TOKENIZERS_PARALLELISM")
"""Of this environment, what the workers get."""
FAREWELL_SECONDS = 5.0
"""For ending a cluster, or leaving it."""
ROOM_SECONDS = 30.0
"""A worker that the cluster has had no room for so long is spoken of."""
OBJECT_STORE = 128 * 2**20
"""Bytes of a cluster of our own; batches are paths and texts."""


@dataclass(frozen=True)
class Place:
    """What one worker takes of a machine."""

    devices: tuple[str, ...]
    """torch's names there."""
    cpus: int = 0
    gpus: float = 0


def places(engine: Engine, machines: Sequence[Mapping[str, float]]) -> list[Place]:
    """What each worker takes, by ``engine.devices`` and ``engine.devices_per_worker``; of each machine of the cluster
    its resources, as Ray counts them. Raises ConfigError for what is not there."""
    wanted, share = engine.devices, engine.devices_per_worker
    if isinstance(wanted, str) and wanted.isdecimal():
        wanted = int(wanted)
    if wanted not in ("auto", "cpu") and not (type(wanted) is int and wanted >= 1):
        raise ConfigError(f"engine.devices={said(wanted)}: with engine=ray it is auto, cpu, or a number of devices")
    gpus = [int(machine.get("GPU", 0)) for machine in machines]
    if wanted == "cpu" or not any(gpus):
        return _cpu_places(wanted, share, [int(machine.get("CPU", 0)) for machine in machines])
    if share < 1:
        each = round(1 / share)
        place = Place(("cuda:0",), gpus=math.floor(share * 1e4) / 1e4)  # Ray counts so finely
        count, room = (sum(gpus) if wanted == "auto" else wanted) * each, sum(gpus) * each
    else:
        size = int(share)
        place = Place(tuple(f"cuda:{number}" for number in range(size)), gpus=size)
        room = sum(number // size for number in gpus)
        count = room if wanted == "auto" else wanted / size
    if not 0 < count <= room or count != int(count):
        raise ConfigError(
            f"engine.devices={wanted} and engine.devices_per_worker={share:g}: the cluster has {sum(gpus)} GPUs, and "
            f"room for {room} such workers"
        )
    return [place] * int(count)


def _cpu_places(wanted: str | int, share: float, cpus: Sequence[int]) -> list[Place]:
    if share < 1:
        raise ConfigError(
            f"engine.devices_per_worker={share:g} is a share of a GPU; a worker on CPUs takes a whole number of them"
        )
    size = int(share)
    room = sum(number // size for number in cpus)
    count = wanted if isinstance(wanted, int) else sum(number >= size for number in cpus)
    if not 0 < count <= room:
        raise ConfigError(
            f"engine.devices={wanted} and engine.devices_per_worker={share:g}: the cluster has {sum(cpus)} CPUs, and "
            f"room for {room} such workers"
        )
    return [Place(("cpu",), cpus=size)] * count


def drive(
    pipe: Connection,
    model: ModelConfig,
    engine: Engine,
    folders: Sequence[str],
    to_ask: Mapping[str, Sequence[Item]],
) -> None:
    """The driver's process: says ('joined', workers) or ('refused', why), then does what comes through the pipe until
    None does, and says (worker, turn, kind, ...) for each worker. Where its parent is gone, it ends, and with it its
    actors and a cluster of its own."""
    os.setsid()  # Ctrl-C and SIGTERM reach the parent's whole process group, and the parent decides
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    inbox = _inbox(pipe)
    with contextlib.suppress(KeyboardInterrupt):
        _serve(pipe, inbox, engine, Job(model, folders, (), engine.threads, engine.torch_threads, to_ask))


def _inbox(pipe: Connection) -> "queue.SimpleQueue[Any]":
    """What comes through the pipe, read by a thread of its own. The end interrupts the main thread: it may be at
    starting a cluster."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError):
            while (command := pipe.recv()) is not None:
                inbox.put(command)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(FAREWELL_SECONDS)
        os._exit(1)

    threading.Thread(target=read, name="inbox", daemon=True).start()
    return inbox


def _serve(pipe: Connection, inbox: "queue.SimpleQueue[Any]", engine: Engine, job: Job) -> None:
    """``job`` is what all workers are told; devices are added."""
    import ray

    try:
        _join(ray, engine.address)
        found = places(engine, [node["Resources"] for node in ray.nodes() if node["Alive"]])
    except (ConfigError, ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
        pipe.send(("refused", str(error) if isinstance(error, ConfigError) else _refusal(engine.address, error)))
        return
    pipe.send(("joined", len(found)))
    driver = _Driver(pipe, found, job)
    try:
        while True:
            driver.do(*inbox.get())
    finally:
        ray.shutdown()


def _join(ray: Any, address: str | None) -> None:
    if address is None:
        ray.init(address="local", include_dashboard=False, log_to_driver=False, object_store_memory=OBJECT_STORE)
    else:
        ray.init(address=address, log_to_driver=False)


def _refusal(address: str | None, error: Exception) -> str:
    words = " ".join(str(error).split())
    if address is None:
        return f"engine=ray: no cluster can be started here: {words}"
    return (
        f"engine.address={address}: this machine cannot join a cluster there: {words}. It has to belong to it "
        f"('ray start' makes it one); a cluster that asks for a token wants RAY_AUTH_MODE=token"
    )


class _Driver:
    """The workers' actors, each listened to by a thread."""

    def __init__(self, pipe: Connection, found: Sequence[Place], job: Job):
        self._pipe, self._lock = pipe, threading.Lock()
        self._places, self._job = found, job
        self._class = _actor_class()
        self._actors: dict[int, Any] = {}

    def do(self, what: str, worker: int, *content: Any) -> None:
        """``start`` a worker's turn, ``send`` it a numbered batch, or ``discard`` it."""
        import ray

        if what == "start":
            self._start(worker, *content)
        elif what == "send":
            self._actors[worker].take.remote(content)
        else:
            ray.kill(self._actors.pop(worker))

    def _start(self, worker: int, turn: int) -> None:
        place = self._places[worker]
        options = {"num_cpus": place.cpus, "num_gpus": place.gpus, "scheduling_strategy": "SPREAD"}
        environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        threads = self._job.torch_threads or place.cpus or None
        job = replace(self._job, devices=place.devices, torch_threads=threads)
        here = (str(CHECKOUT), str(Path.cwd()), environment, pickle.dumps(job))
        actor = self._actors[worker] = self._class.options(**options).remote(*here)
        threading.Thread(target=self._listen, args=(worker, turn, actor), daemon=True).start()

    def _listen(self, worker: int, turn: int, actor: Any) -> None:
        """Hand on what an actor says, until it is gone."""
        import ray

        begun = actor.__ray_ready__.remote()
        while not ray.wait([begun], timeout=ROOM_SECONDS)[0]:
            if not any(node["Alive"] for node in ray.nodes()):
                os._exit(1)  # which tells the parent that the cluster is gone
            self._tell(worker, turn, "log", "WARNING", f"worker {worker} waits for room in the cluster")
        try:
            while True:
                for message in ray.get(actor.said.remote()):
                    if message[0] == "ready":
                        self._job = replace(self._job, to_ask={})  # whoever takes a lost worker's place
                    self._tell(worker, turn, *message)
        except ray.exceptions.RayError as error:
            self._tell(worker, turn, "lost", _obituary(error))

    def _tell(self, *message: Any) -> None:
        with self._lock:
            self._pipe.send(message)


def _obituary(error: Exception) -> str:
    if "node has died" in str(error):
        return "was lost with its machine"
    if "Unavailable" in type(error).__name__:
        return "cannot be reached; perhaps its machine is gone"
    return "died; perhaps its machine ran out of memory"


def _actor_class() -> Any:
    """The actor of a worker. Its class is made here so that Ray sends it whole: where it arrives, no module of ours can
    be imported before it has put the checkout on the path."""
    import ray

    @ray.remote(concurrency_groups={"inbox": 1, "outbox": 1})
    class Worker:
        def __init__(self, checkout: str, folder: str, environment: dict[str, str], job: bytes):
            self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._outbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
            host = socket.gethostname()

            def send(kind: str, *content: Any) -> None:
                if kind == "ready":
                    content = (f"{content[0]} on {host}", *content[1:])
                self._outbox.put((kind, *content))

            os.environ.update(environment)
            sys.path.insert(0, checkout)
            try:
                os.chdir(folder)
                from evaluate.engines import serve

                if not str(serve.__file__).startswith(checkout):
                    raise ImportError(f"there, 'evaluate' is {serve.__file__}")
            except (OSError, ImportError) as error:
                send(
                    "refused",
                    f"{host} does not see what this machine sees ({error}): with engine=ray the checkout, the data and "
                    f"the checkpoints are at the same places on all machines",
                )
                return
            serve.forward_logs(lambda level, text: send("log", level, text))
            threading.Thread(target=serve.work, args=(pickle.loads(job), self._inbox, send), daemon=True).start()

        @ray.method(concurrency_group="inbox")
        def take(self, entry: Any) -> None:
            """A numbered batch."""
            self._inbox.put(entry)

        @ray.method(concurrency_group="outbox")
        def said(self) -> list[tuple[Any, ...]]:
            """What the worker has said since it was asked last, at least one message."""
            messages = [self._outbox.get()]
            while not self._outbox.empty():
                messages.append(self._outbox.get())
            return messages

    return Worker
