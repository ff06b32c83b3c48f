"""Downloads: archives by HTTP, resumed where they broke off, held against what was published as they come."""

import email.utils
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from datasets_prep.corpus import Archive, CorpusError

CHUNK = 2**20
REDIRECTS = 10
BY_HAND = ("drive.google.com", "docs.google.com", "pan.baidu.com", "mega.nz")
"""Hosts that give a page to people and no file to programs."""
WAIT = (429, 503)


@dataclass(frozen=True)
class Patience:
    """How long to try."""

    tries: int = 8
    """In a row without a byte more."""
    first: float = 1.0
    """Seconds before the second try; each further wait is twice as long."""
    longest: float = 120.0
    """Seconds that a wait takes at most, a server's own wish too."""
    timeout: float = 60.0
    """Seconds without a byte."""


class _TryAgainError(Exception):
    """This try failed, another may not: why, and the seconds to wait before it, where the server says so."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


def download(archive: Archive, folder: Path, patience: Patience | None = None) -> None:
    """Bring an archive, all parts of it, into a folder. What broke off goes on from where it was.

    Raises CorpusError: it cannot be had so, or is not what was published.
    """
    assert archive.url is not None
    if urlsplit(archive.url).hostname in BY_HAND:
        raise CorpusError(
            f"{archive.name} cannot be downloaded by a program: open {archive.url}, and put the file into {folder}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    patience = patience or Patience()
    for part in archive.parts:
        _fetch(f"{archive.url.rpartition('/')[0]}/{part}", folder / part, patience)
    path = folder / archive.name
    for last in (False, True):
        _fetch(archive.url, path, patience)
        said = None if archive.parts else _wrong(path, archive)
        if said is None:
            return
        path.unlink()
        if last:
            raise CorpusError(f"{archive.url}: {said}, twice; put the right file into {folder}, if you have it")


def _wrong(path: Path, archive: Archive) -> str | None:
    """What is not as published, as the end of a sentence."""
    size = path.stat().st_size
    if archive.bytes is not None and size != archive.bytes:
        return f"it has {size:,} bytes, not the {archive.bytes:,} that were published"
    for kind, published in (("sha256", archive.sha256), ("md5", archive.md5)):
        if published:
            digest = hashlib.new(kind, usedforsecurity=False)
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
            same = digest.hexdigest() == published
            return None if same else f"its {kind} is {digest.hexdigest()}, not the {published} that was published"
    return None


def _fetch(url: str, path: Path, patience: Patience) -> None:
    """Bring one file, unless it is there."""
    failures = 0
    while not path.is_file():
        before = _length(_part(path))
        try:
            _try(url, path, patience)
        except (_TryAgainError, httpx.TransportError, httpx.StreamError) as error:
            failures = 0 if _length(_part(path)) > before else failures + 1
            said = str(error) or type(error).__name__
            if failures >= patience.tries:
                raise CorpusError(
                    f"{url} could not be downloaded ({said}); {_length(_part(path)):,} bytes are kept, and the same "
                    "command goes on from there"
                ) from None
            wait = error.wait if isinstance(error, _TryAgainError) else None
            time.sleep(min(patience.first * 2**failures if wait is None else wait, patience.longest))


def _try(url: str, path: Path, patience: Patience) -> None:
    """One request, and all that comes of it: ``path`` is there at the end, or something is raised."""
    part, done = _part(path), _length(_part(path))
    known = _known(path) if done else {}
    headers = {"Accept-Encoding": "identity"}
    if done and known.get("validator"):
        headers |= {"Range": f"bytes={done}-", "If-Range": known["validator"]}
    with httpx.Client(timeout=patience.timeout) as client, _answer(client, url, headers) as answer:
        _refuse(answer, url, path)
        start, total = _place(answer, done, known, part)
        _note(path, answer, total)
        with part.open("r+b" if start else "wb") as file, _bar(path.name, start, total) as advance:
            file.seek(start)
            for chunk in answer.iter_raw(CHUNK):
                file.write(chunk)
                advance(len(chunk))
    if total is not None and _length(part) != total:
        raise _TryAgainError(f"it ended after {_length(part):,} of {total:,} bytes")
    part.replace(path)
    _notes(path).unlink(missing_ok=True)


@contextmanager
def _answer(client: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """Where redirects lead, but never from https to http."""
    request = client.build_request("GET", url, headers=headers)
    for _ in range(REDIRECTS):
        answer = client.send(request, stream=True)
        if not answer.next_request:
            try:
                yield answer
            finally:
                answer.close()
            return
        answer.close()
        if request.url.scheme == "https" and answer.next_request.url.scheme != "https":
            raise CorpusError(f"{url} leads from https to {answer.next_request.url}: not followed")
        request = answer.next_request
    raise CorpusError(f"{url} leads on and on")


def _refuse(answer: httpx.Response, url: str, path: Path) -> None:
    """Raise CorpusError for what no further try mends, _TryAgainError for what one may."""
    status = answer.status_code
    if status in WAIT:
        raise _TryAgainError(f"the server answered {status}", _retry_after(answer))
    if status >= 500:
        raise _TryAgainError(f"the server answered {status}")
    there = f"put it into {path.parent} yourself, as {path.name}"
    if status in (401, 403):
        raise CorpusError(f"{url} is not for everybody ({status}): terms or a key are needed; {there}")
    if status in (404, 410):
        raise CorpusError(f"{url} is no longer there ({status}); {there}")
    if status not in (200, 206, 416):
        raise CorpusError(f"{url} cannot be downloaded: the server answered {status}; {there}")
    kind = answer.headers.get("content-type", "")
    if status != 416 and kind.startswith("text/html") and not path.name.endswith((".html", ".htm")):
        raise CorpusError(f"{url} gives a page in place of the file (a login, or a notice?); {there}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise CorpusError(f"{url} comes packed as {answer.headers['content-encoding']}, unasked; {there}")


def _place(answer: httpx.Response, done: int, known: dict[str, str], part: Path) -> tuple[int, int | None]:
    """Where in the file the answer's bytes go, and the file's length, where it is said."""
    if answer.status_code == 200:
        length = answer.headers.get("content-length")
        return 0, int(length) if length is not None and length.isdigit() else None
    unit, _, rest = answer.headers.get("content-range", "").partition(" ")
    span, _, size = rest.partition("/")
    start = span.partition("-")[0]
    total = int(size) if size.isdigit() else None
    right = unit == "bytes" and start == str(done) and known.get("total") in (None, str(total))
    if answer.status_code == 416 or not right:
        part.unlink(missing_ok=True)
        raise _TryAgainError("the server answered with another piece than was asked for")
    return done, total


def _note(path: Path, answer: httpx.Response, total: int | None) -> None:
    """Keep what tells whether the file is still the same at the next try: a strong ETag, or its last change."""
    tag = answer.headers.get("etag", "")
    validator = tag if tag and not tag.startswith("W/") else answer.headers.get("last-modified")
    known = {"validator": validator, "total": None if total is None else str(total)}
    _notes(path).write_text(json.dumps({key: value for key, value in known.items() if value}), "utf-8")


def _known(path: Path) -> dict[str, str]:
    try:
        known = json.loads(_notes(path).read_text("utf-8"))
        return known if isinstance(known, dict) else {}
    except (OSError, ValueError):
        return {}


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds that the server wishes, given as such or as a date."""
    said = answer.headers.get("retry-after", "")
    if said.isdigit():
        return float(said)
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


@contextmanager
def _bar(name: str, start: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, completed=start, total=total)
        yield lambda count: bar.advance(task, count)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _notes(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.json")


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
