"""The page: one file of HTML that holds its style, its script, its samples and its clips."""

import base64
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from pathlib import Path

from results.files import RunError, write_bytes
from results.report.data import Report
from results.text import plain

SCRIPTS = ("dom.js", "store.js", "charts.js", "summary.js", "task.js", "filters.js", "samples.js", "runs.js", "main.js")
"""Put together in this order as one script."""


def write(report: Report, output: Path) -> int:
    """Write a report; returns its bytes. Raises RunError where it cannot be written."""
    try:
        write_bytes(output, (piece.encode("utf-8", "replace") for piece in pieces(report)))
        return output.stat().st_size
    except OSError as error:
        raise RunError(
            f"{output} cannot be written ({error.strerror}); name a file that can be with --output"
        ) from None


def pieces(report: Report) -> Iterator[str]:
    """The page in pieces, since it may be large."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    style, script = _asset("page.css"), '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "})();\n"
    stream = environment.from_string(_asset("page.html")).stream(
        title=_title(report),
        style=_Raw(style),
        script=_Raw(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        head=report.head(),
        blocks=report.blocks,
        clips=report.embedded.pieces,
    )
    stream.enable_buffering(100)
    yield from stream


def _title(report: Report) -> str:
    names = [run["name"] for run in report.runs] + [run["label"] for run in report.runs]
    return " · ".join(dict.fromkeys(plain(name) for name in names))


class _Raw(str):
    """A text of our own that the template takes as it is: neither style nor script holds what would end its element."""

    def __html__(self) -> str:
        return self


def _asset(name: str) -> str:
    return (resources.files("results.report") / "assets" / name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what it allows."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"
