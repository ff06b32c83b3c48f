"""The console: text as text, and a reader that has gone away stops nothing."""

import os
import re
from typing import TextIO

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def say(stream: TextIO, text: str) -> None:
    """Print a text and a newline. Control characters, which a file's names could carry, become ``?``; where the reader
    of a pipe is gone, or its disk is full, nothing more is printed there."""
    try:
        print(CONTROL.sub("?", text), file=stream, flush=True)
    except OSError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Send what is still to come nowhere, so that not even the interpreter's last flush fails."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())
