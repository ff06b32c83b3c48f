"""The command as a user starts it, timed from outside."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
WATCH_SECONDS = 0.005
QUIET_CORES = 0.15
"""A machine of which others use less is quiet."""
OTHERS = "cores that others used before"


@dataclass(frozen=True)
class Timed:
    """A process, in seconds of wall time."""

    start_up: float
    """Until the first batch was sent."""
    rest: float
    """From there until the process had ended."""
    others: float
    """Cores that others used in the second before."""

    @property
    def whole(self) -> float:
        return self.start_up + self.rest


def timed(words: list[str], begun: Path, wait: float = 0.0) -> Timed:
    """Run ``python WORDS`` with one thread for each of its libraries. ``begun`` is a file that the process writes when
    it has loaded its model and is about to send the first batch. Where others use the machine, it waits up to so many
    seconds before."""
    others = quiet(wait)
    with tempfile.TemporaryFile("w+") as said:  # no pipe, which others that the process started could hold open
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=CHECKOUT,
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        while not begun.exists() and process.poll() is None:
            time.sleep(WATCH_SECONDS)
        ready = time.perf_counter()
        status = process.wait()
        end = time.perf_counter()
        if status:
            said.seek(0)
            raise SystemExit(f"{' '.join(words)}\nended with status {status}:\n{said.read()}")
    return Timed(ready - start, end - ready, others)


def quiet(wait: float) -> float:
    """Wait until the machine is quiet, up to so many seconds; returns the cores that others used last."""
    end = time.monotonic() + wait
    while (used := _cores_in_use()) >= QUIET_CORES and time.monotonic() < end:
        pass
    return used


def _cores_in_use(seconds: float = 1.0) -> float:
    """Of the whole machine, while this process sleeps."""
    before = _ticks()
    time.sleep(seconds)
    return (_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


def _ticks() -> int:
    """That all cores have worked so far; 0 where the system does not tell."""
    path = Path("/proc/stat")
    fields = path.read_text().splitlines()[0].split()[1:] if path.is_file() else []
    return sum(int(field) for place, field in enumerate(fields[:8]) if place not in (3, 4))  # idle, waiting for a disk
