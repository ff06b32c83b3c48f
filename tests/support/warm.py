"""A process that has imported what the commands import, and forks one for each that it is asked to run.

Such a command is a process of its own, with its own arguments, environment, standard streams and end, and its workers
come, as always, from a forkserver. Only importing, several seconds of torch and transformers, is not done anew: not in
the command, and not in the forkserver, which outlives it.

usage: warm.py SOCKET. Through it come one by one, as JSON, the module, its arguments and the environment, with the two
standard streams; back goes the number of the process, and when it has ended its status.
"""

import importlib
import json
import multiprocessing.forkserver
import os
import runpy
import socket
import sys
from collections.abc import Sequence
from multiprocessing import resource_tracker
from multiprocessing.forkserver import ForkServer
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
IMPORTED = {
    "evaluate": ("evaluate.__main__", "evaluate.runner", "evaluate.engines.local", "jiwer", "whisper_normalizer.basic"),
    "results": ("results.__main__",),
    "datasets_prep": ("datasets_prep.__main__",),
}
"""By this process, for the commands of a module."""
PRELOADED = {
    "plain": ("evaluate.engines.serve", "evaluate.__main__"),
    "torch": (
        "evaluate.engines.serve",
        "evaluate.__main__",
        "evaluate.models.qwen_audio.weights",
        "transformers.generation.utils",
        "transformers.models.auto.modeling_auto",
        "transformers.models.auto.processing_auto",
        "transformers.models.qwen2_audio.modeling_qwen2_audio",
        "transformers.models.whisper.modeling_whisper",
    ),
}
"""By the two forkservers: that of models which preload torch knows all of them."""
SERVERS: dict[str, Any] = {kind: ForkServer() for kind in PRELOADED}


def main(control: socket.socket) -> None:
    """Serve until the other end is closed."""
    sys.path[0] = str(CHECKOUT)
    while True:
        message, streams, _, _ = socket.recv_fds(control, 1 << 20, 2)
        if not message:
            return
        module, arguments, environment = json.loads(message)
        for name in IMPORTED.get(module, ()):
            importlib.import_module(name)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = os.fork()
        if not process:
            control.close()
            ours.close()
            become(streams, environment, theirs)
            sys.argv = [module, *arguments]
            sys.modules.pop(f"{module}.__main__", None)
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return  # and leave as Python leaves any command
        theirs.close()
        for stream in streams:
            os.close(stream)
        control.send(str(process).encode())
        with ours:
            while kind := ours.recv(100).decode():
                lend(kind, ours)
        control.send(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())


def lend(kind: str, to: socket.socket) -> None:
    """Tell a command where a forkserver is, which is started when the first one asks."""
    server = SERVERS[kind]
    server.set_forkserver_preload(list(PRELOADED[kind]))
    server.ensure_running()
    address = server._forkserver_address
    socket.send_fds(to, [address if isinstance(address, bytes) else address.encode()], [server._forkserver_alive_fd])


def become(streams: Sequence[int], environment: dict[str, str], lender: socket.socket) -> None:
    """Make a command of this process, which is a fork: with its standard streams, environment and forkserver."""
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    resource_tracker._resource_tracker._pid = None  # type: ignore[attr-defined]  # it is no child of this process
    server: Any = ForkServer()

    def borrow(preload: Sequence[str]) -> None:
        lender.send(b"torch" if "torch" in preload else b"plain")
        address, (alive,), _, _ = socket.recv_fds(lender, 1000, 1)
        server._forkserver_address, server._forkserver_alive_fd = address.decode(), alive

    server.ensure_running = lambda: None  # as it would itself for one that its parent has started
    multiprocessing.forkserver.set_forkserver_preload = borrow
    multiprocessing.forkserver.ensure_running = server.ensure_running
    multiprocessing.forkserver.connect_to_new_process = server.connect_to_new_process


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
