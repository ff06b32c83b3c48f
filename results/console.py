"""The console: text as text, and a reader that has gone away stops nothing."""

import os
import re
from textwrap import wrap
from typing import Any, TextIO

from results.text import shown

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WIDTH = 100
"""Characters of a line in a terminal."""
NARROWEST = (20, 10)
"""Characters of a table's first and of its other left columns, where it is too wide."""
FEW = 8
"""Names that are listed one by one."""


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


def elided(text: str, width: int) -> str:
    """A text in at most so many characters; what is left out of its middle is an ellipsis."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :]


def listed(names: list[str], total: int) -> str:
    """Names in a sentence; all of a ``total``, or many, in short."""
    if len(names) == total > 1:
        return f"all {total} tasks"
    return ", ".join(names) if len(names) <= FEW else f"{', '.join(names[: FEW - 2])} and {len(names) - FEW + 2} more"


def counted(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def wrapped(sentence: str) -> list[str]:
    """A sentence in lines of at most WIDTH characters, but for longer words."""
    return wrap(sentence, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def columns(header: list[str], rows: list[list[str]], left: int = 1, width: int = WIDTH) -> str:
    """A table for a terminal; the first ``left`` columns are flush left, the others right. Where it is wider than
    ``width``, the middle of the longest texts of the left columns is left out, down to NARROWEST."""
    cells = [[shown(text) for text in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    for column in range(left):
        saved = min(max(0, over), max(0, widths[column] - NARROWEST[min(column, 1)]))
        widths[column], over = widths[column] - saved, over - saved
    cells = [[elided(text, size) for text, size in zip(row, widths, strict=True)] for row in cells]
    lines = [
        "  ".join(
            text.ljust(size) if column < left else text.rjust(size)
            for column, (text, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join(lines)
