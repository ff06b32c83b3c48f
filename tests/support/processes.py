"""Finding and killing the processes of a run, by what Linux says of them."""

import contextlib
import os
import signal
import time
from pathlib import Path


def children(parent: int) -> list[int]:
    """The processes that a process started and that still run."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(ppid) == parent and state != "Z":
                found.append(int(folder.name))
    return sorted(found)


def workers(run: int) -> list[int]:
    """The workers of a run: children of its forkserver."""
    return [worker for child in children(run) if "forkserver" in command_of(child) for worker in children(child)]


def command_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def alive(process: int) -> bool:
    try:
        return (Path(f"/proc/{process}/stat")).read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(processes: list[int], seconds: float) -> list[int]:
    """Those that still run after so many seconds."""
    end = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < end:
        time.sleep(0.02)
    return [process for process in processes if alive(process)]
