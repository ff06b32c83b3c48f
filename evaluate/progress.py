"""Progress: on a terminal a live line for the run, each task and each device, elsewhere a plain line every half minute;
what libraries say, once."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from results.console import CONTROL, Lasting, say

PLAIN_SECONDS = 30.0
SHOWN = 120
"""Characters of a library's message that reach the screen."""
MESSAGES = 50
"""Of libraries, that reach the screen: some say another one for each sample."""
LINES = 8
"""Of tasks, and of devices, that are shown at once."""


@dataclass
class _Count:
    """What is done of a task, or on a device."""

    name: str
    total: int = 0
    done: int = 0
    failed: int = 0
    audio: float = 0.0
    busy: float = 0.0
    """Seconds in which the device answered."""

    def add(self, samples: int, failed: int, audio: float, busy: float) -> None:
        self.done += samples
        self.failed += failed
        self.audio += audio
        self.busy += busy


class Reporter:
    """Says on stderr how a run goes, and keeps what libraries say in a log file.

    Times real time is the sum of the audio heard in this session by the wall time since the first batch was sent.
    """

    def __init__(self, log: Path):
        self.console = Console(file=cast(TextIO, Lasting(sys.stderr)), highlight=False)
        self._log = log
        self._said: set[str] = set()
        self._live: Live | None = None
        self._over = threading.Event()
        self._all = _Count("all")
        self._tasks: dict[str, _Count] = {}
        self._devices: list[_Count] = []
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        """A line of text, never markup."""
        if self._live:  # above the live lines
            self.console.print(Text(CONTROL.sub("?", text)), soft_wrap=True)
        else:
            say(sys.stderr, text)

    def log(self, level: str, text: str) -> None:
        """A library's message: into the log file each time, on the screen once."""
        try:
            with self._log.open("a", encoding="utf-8", errors="replace") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {level} {text}\n")
        except OSError:  # a full disk: answers need the room, and stop the run where there is none for them either
            pass
        if text not in self._said and len(self._said) < MESSAGES:
            self._said.add(text)
            first = text.splitlines()[0] if text else ""
            short = first if len(first) <= SHOWN else first[:SHOWN] + "…"
            self.say(f"{level.lower()}: {short} (said once; all of it in {self._log.name})")
            if len(self._said) == MESSAGES:
                self.say(f"what libraries say from here on is in {self._log.name} only")

    def start(self, totals: Mapping[str, int], devices: Sequence[str]) -> None:
        """So many samples of each task are to be answered from here on, by so many workers."""
        self._all = _Count("all", sum(totals.values()))
        self._tasks = {task: _Count(task, total) for task, total in totals.items()}
        self._devices = [_Count(f"worker {number}") for number, _ in enumerate(devices)]
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        """Show how it goes from now on."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, get_renderable=self._table, refresh_per_second=4, transient=True)
            self._live.start()
        else:
            self._over.clear()
            threading.Thread(target=self._say_now_and_then, name="progress", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        if self._live:
            self._live.stop()
            self._live = None

    def advance(self, task: str, worker: int, samples: int, failed: int, audio: float, busy: float) -> None:
        """A batch came back, with so many seconds of audio, after so many seconds on the device."""
        for count in (self._all, self._tasks[task], self._devices[worker]):
            count.add(samples, failed, audio, busy)

    def _say_now_and_then(self) -> None:
        while not self._over.wait(PLAIN_SECONDS):
            self.say(f"{', '.join(count.name for count in self._running()) or 'done'}: {self._words()}")

    def _running(self) -> list[_Count]:
        """The tasks that have begun and are not done."""
        return [count for count in self._tasks.values() if count.done < count.total and count.done] or [
            count for count in self._tasks.values() if count.done < count.total
        ][:1]

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        shown = self._running()[:LINES]
        for count in [self._all, *shown] if len(self._tasks) > 1 else [self._all]:
            name = Text(self._words() if count is self._all else CONTROL.sub("?", count.name), overflow="ellipsis")
            bar = ProgressBar(total=max(count.total, 1), completed=count.done, width=20)
            table.add_row(bar, Text(f"{count.done}/{count.total}", justify="right"), name)
        wall = self._wall()
        for count in self._devices[:LINES] if len(self._devices) > 1 else []:
            share = f"{count.busy / wall:4.0%} busy"
            table.add_row(
                Text(count.name), Text(f"{count.done}", justify="right"), Text(f"{share}  {self._rates(count)}")
            )
        if (more := len(self._devices) - LINES) > 0:
            table.add_row(Text(f"and {more} more"))
        return table

    def _words(self) -> str:
        rate = self._all.done / self._wall()
        left = f"{_clock((self._all.total - self._all.done) / rate)} left" if self._all.done else "starting"
        failed = f", {self._all.failed} failed" if self._all.failed else ""
        busy = sum(count.busy for count in self._devices) / max(1, len(self._devices)) / self._wall()
        return f"{self._all.done}/{self._all.total}{failed}  {self._rates(self._all)}  devices {busy:.0%} busy  {left}"

    def _rates(self, count: _Count) -> str:
        wall = self._wall()
        return f"{count.done / wall:.1f} clips/s  {count.audio / wall:.1f}x real time"

    def _wall(self) -> float:
        return max(time.monotonic() - self._begun, 1e-6)

    def summary(self) -> str:
        """One line for the end."""
        return (
            f"{self._all.done} samples in {_clock(self._wall())} ({self._rates(self._all).replace('  ', ', ')}), "
            f"{self._all.failed} failed"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
