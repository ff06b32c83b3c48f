"""Progress: a live line on a terminal, a plain line every half minute elsewhere; what libraries say, once."""

import sys
import time
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from results.console import CONTROL, say

PLAIN_SECONDS = 30.0
SHOWN = 120
"""Characters of a library's message that reach the screen."""


class Reporter:
    """Says on stderr how a run goes, and keeps what libraries say in a log file.

    ``seconds_of_audio`` are those heard in this session; times real time is their sum by the wall time since the
    first batch was sent.
    """

    def __init__(self, log: Path):
        self.console = Console(stderr=True, highlight=False)
        self._log = log
        self._said: set[str] = set()
        self._live: Progress | None = None
        self._total = self._done = self._failed = 0
        self._audio = 0.0
        self._begun = self._last = time.monotonic()

    def say(self, text: str) -> None:
        """A line of text, never markup."""
        if self._live:  # above the live line
            self.console.print(Text(CONTROL.sub("?", text)), soft_wrap=True)
        else:
            say(sys.stderr, text)

    def log(self, level: str, text: str) -> None:
        """A library's message: into the log file each time, on the screen once."""
        with self._log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {level} {text}\n")
        if text not in self._said:
            self._said.add(text)
            first = text.splitlines()[0] if text else ""
            short = first if len(first) <= SHOWN else first[:SHOWN] + "…"
            self.say(f"{level.lower()}: {short} (said once; all of it in {self._log.name})")

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[words]}", markup=False),
                console=self.console,
                transient=True,
            )
            self._live.start()
            self._bar = self._live.add_task("", total=None, words="")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()

    def start(self, total: int) -> None:
        """So many samples are to be answered from here on."""
        self._total, self._begun = total, time.monotonic()
        self._last = self._begun
        self._show("")

    def advance(self, task: str, samples: int, failed: int, seconds_of_audio: float) -> None:
        """A batch came back."""
        self._done += samples
        self._failed += failed
        self._audio += seconds_of_audio
        self._show(task)

    def _show(self, task: str) -> None:
        if self._live:
            self._live.update(self._bar, description=task, total=self._total, completed=self._done, words=self._words())
        elif time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            self.say(f"{task}: {self._words()}")

    def _words(self) -> str:
        wall = max(time.monotonic() - self._begun, 1e-6)
        rate = self._done / wall
        left = f"{_clock((self._total - self._done) / rate)} left" if self._done else "starting"
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done}/{self._total}{failed}  {rate:.1f} clips/s  {self._audio / wall:.1f}x real time  {left}"

    def summary(self) -> str:
        """One line for the end."""
        wall = max(time.monotonic() - self._begun, 1e-6)
        return (
            f"{self._done} samples in {_clock(wall)} ({self._done / wall:.1f} clips/s, "
            f"{self._audio / wall:.1f}x real time), {self._failed} failed"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
