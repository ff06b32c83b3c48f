"""The console: text as text, and a reader that has gone away stops nothing."""

import os
import re
from typing import Any, TextIO

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def say(stream: TextIO | None, text: str) -> None:
    """Print a text and a newline. Control characters, which a file's names could carry, become ``?``; where the reader
    of a pipe is gone, or its disk is full, nothing more is printed there, and nothing to a stream that is closed."""
    if stream is None:  # as Python calls what was closed before it began
        return
    try:
        print(CONTROL.sub("?", text), file=stream, flush=True)
    except OSError:
        silence(stream)


class Lasting:
    """A stream for those who write themselves: it is silenced where its terminal is gone, and raises nothing."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            silence(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def silence(stream: TextIO) -> None:
    """Send what is still to come nowhere, so that not even the interpreter's last flush fails."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())
