"""Texts that a model, a user or a file wrote, shown as what they are: in a terminal, in Markdown, in XML."""

import re
from textwrap import wrap

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = re.compile(rf"[{_CONTROL}{_BIDI}\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb]")
"""Not the joiners, which Persian, Hindi and emoji use."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|<>&~:@$^=])")

WIDTH = 100
"""Characters of a line in a terminal."""
NARROWEST = (20, 10)
"""Characters of a table's first and of its other left columns, where it is too wide."""
FEW = 8
"""Names that are listed one by one."""


def shown(text: str, longest: int | None = None) -> str:
    """A text on one line, without anything that moves the cursor or turns the direction of reading: control and bidi
    characters stand as ``\\x07``, ``\\u202e``. Of one longer than ``longest`` characters the start, and its length."""
    if longest is not None and len(text) > longest:
        return f"{shown(text[:longest])}… ({len(text):,} characters)"
    return _UNSEEN.sub(lambda found: _escape(found[0]), text)


def elided(text: str, width: int) -> str:
    """A text in at most so many characters; what is left out of its middle is an ellipsis."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :]


def markdown(text: str) -> str:
    """A text that Markdown shows as it is, also in a cell of a table."""
    return _MARKDOWN.sub(r"\\\1", shown(text))


def xml(text: str) -> str:
    """A text without the characters that XML 1.0 cannot hold; its own five are escaped by who writes it."""
    return _NOT_XML.sub("", text)


def listed(names: list[str], total: int) -> str:
    """Names in a sentence; all of a ``total``, or many, in short."""
    if len(names) == total > 1:
        return f"all {total} tasks"
    return ", ".join(names) if len(names) <= FEW else f"{', '.join(names[: FEW - 2])} and {len(names) - FEW + 2} more"


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


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
