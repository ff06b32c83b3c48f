"""What the tests share: the command line as a real process, and files of JSON Lines."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

CHECKOUT = Path(__file__).resolve().parents[2]
CLIPS = CHECKOUT / "tests/data/clips"
os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the tests' workers are processes of the CPU, on a machine with GPUs too
ENVIRONMENT = dict(os.environ)
STARTED_IN = dict(ENVIRONMENT)
"""As ENVIRONMENT is before a test changes it."""
WARM = sys.platform == "linux" and sys.version_info < (3, 14)
"""Elsewhere there are no such sockets, and later on forkservers ask for a key: there all commands are cold."""


def command(module: str, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module`` in the checkout, in a process that need not import anew what its module imports (see
    warm.py). What its workers say on their own standard streams comes last."""
    if ENVIRONMENT != STARTED_IN or not WARM:
        return cold_command(module, *arguments, timeout=timeout)
    words = [module, *map(str, arguments)]
    returncode, out, error = _source().run(words, timeout)
    return subprocess.CompletedProcess(words, returncode, out, error)


def cold_command(module: str, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """As ``command``, from nothing: where the start of the process, or its environment, is what is tested."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=CHECKOUT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@cache
def _source() -> "_Source":
    return _Source()


class _Source:
    """This side of warm.py."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._logs = [TemporaryFile(), TemporaryFile()]  # noqa: SIM115 - as long as warm.py runs
        self._read = [0, 0]
        out, error = self._logs
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, CHECKOUT / "tests/support/warm.py", str(theirs.fileno())],
                cwd=CHECKOUT,
                env=STARTED_IN,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=error,
            )

    def run(self, words: Sequence[str], timeout: float) -> tuple[int, str, str]:
        """Status, standard output and standard error of a command."""
        with self._lock, TemporaryFile() as out, TemporaryFile() as error:
            request = json.dumps([words[0], words[1:], STARTED_IN]).encode()
            socket.send_fds(self._control, [request], [out.fileno(), error.fileno()])
            process = int(self._control.recv(100) or 0)
            assert process, f"warm.py has ended: {''.join(self._logged())}"
            late = not select.select([self._control], [], [], timeout)[0]
            if late:
                os.kill(process, signal.SIGKILL)
            status = int(self._control.recv(100))
            said = [_written(file, 0) + log for file, log in zip((out, error), self._logged(), strict=True)]
            if late:
                raise subprocess.TimeoutExpired(list(words), timeout, *said)
            return status, *said

    def _logged(self) -> list[str]:
        """What the workers of the last command have written themselves."""
        texts = [_written(log, start) for log, start in zip(self._logs, self._read, strict=True)]
        self._read = [os.fstat(log.fileno()).st_size for log in self._logs]
        return texts


def _written(file: IO[bytes], start: int) -> str:
    """What others have written to a file, from a place on."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size - start, start).decode()


def start(module: str, *arguments: object) -> subprocess.Popen[str]:
    """Start ``python -m module`` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=CHECKOUT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # make test & ignores it
    )


def write_manifest(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until a process has written so many lines to a file."""
    while not (path.exists() and path.read_bytes().count(b"\n") >= count):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
