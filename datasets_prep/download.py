"""A file from where it is published: whole, held against what was published, taken up again where it stopped.

It comes into ``<name>.part`` and moves in when it is whole. ``<name>.part.json`` beside it says which edition of the
file that is, and the rest is asked for on the condition that it still is: no two editions are ever joined.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from datasets_prep.corpus import Archive, CorpusError, FullDiskError
from datasets_prep.edition import Edition, range_of
from datasets_prep.patience import Patience, seconds_to_wait

BY_HAND = ("drive.google.com", "docs.google.com", "pan.baidu.com", "mega.nz")
"""Hosts that show a page first."""
AGAIN = frozenset({202, 408, 425, 429})
"""Statuses after which a file is asked for again, as after all from 500 on."""
PACKED = (".gz", ".tgz")
"""Of a file whose name ends so, some servers say that it is encoded as gzip, and mean the file itself."""
PAGE = (b"<!doctype html", b"<html")
PAGE_TYPES = ("text/html", "application/xhtml")
MOST_REDIRECTS = 10
FULL = (errno.ENOSPC, errno.EDQUOT)

Show = Callable[[int, int | None, str], None]
"""Told how many bytes are there, of how many (None: as many as before), and what is waited for."""


@dataclass(frozen=True)
class _Wanted:
    """A file that is to come."""

    name: str
    url: str
    folder: Path
    home: str
    size: int | None = None
    """Bytes, as published."""
    sha256: str | None = None
    md5: str | None = None

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part.json")

    @property
    def by_hand(self) -> str:
        return f"put {self.name} into {self.folder} yourself"


class _TroubleError(Exception):
    """What may pass; ``seconds`` is how long the server asks to wait."""

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        super().__init__(text)
        self.seconds = seconds


class _WrongFileError(Exception):
    """A file that is not the published one, in words that follow "a file that"."""


def download(archive: Archive, folder: Path, home: str = "", patience: Patience | None = None) -> Path:
    """Bring an archive, with its parts, into a folder; what is there by its name stays as it is. Returns its path.

    ``home`` is the page that a sentence points to. A published size and checksum are held where the archive has no
    parts. Raises CorpusError; what came by then is kept for the next time, also when the process is killed.
    """
    if sentence := not_for_programs(archive, folder, home):
        raise CorpusError(sentence)
    url = archive.url or ""
    files = [_Wanted(name, beside(url, name), folder, home or url) for name in archive.parts]
    if archive.parts:
        files.append(_Wanted(archive.name, url, folder, home or url))
    else:
        files.append(_Wanted(archive.name, url, folder, home or url, archive.bytes, archive.sha256, archive.md5))
    for wanted in files:
        if not wanted.path.is_file():
            with disk(folder):
                _fetch(wanted, patience or Patience())
    return folder / archive.name


def not_for_programs(archive: Archive, folder: Path, home: str) -> str | None:
    """The sentence of an archive without a url, or with one that no program can download; None where one can."""
    begin = f"{archive.name} cannot be downloaded by a program:"
    end = f"put the {'folder' if archive.is_folder else 'file'} into {folder} as {archive.name}"
    if archive.url is None:
        return f"{begin} get it{f' from {home}' if home else ''}, and {end}"
    parts = urlsplit(archive.url)
    host = (parts.hostname or "").removeprefix("www.")
    is_page = host in BY_HAND or (host == "dropbox.com" and parse_qs(parts.query).get("dl") != ["1"])
    return f"{begin} open {archive.url}, and {end}" if is_page or parts.scheme not in ("http", "https") else None


def beside(url: str, name: str) -> str:
    """The url of a file that is published beside another."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{quote(name)}"))


@contextmanager
def progress_bar(name: str) -> Iterator[Show]:
    """A bar of bytes on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    text = TextColumn("{task.description}", markup=False)
    with Progress(text, *columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)

        def show(done: int, total: int | None, waiting: str) -> None:
            said = f"{name} ({waiting})" if waiting else name
            bar.update(task, completed=done, total=total, description=said)

        yield show


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """What the disk refuses, in one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise FullDiskError(
                f"the disk of {folder} is full: make room, and say the same again; what came is kept"
            ) from None
        raise CorpusError(
            f"{error.filename or folder} cannot be written to ({error.strerror or error}): name another folder"
        ) from None


def _fetch(wanted: _Wanted, patience: Patience) -> None:
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    headers = {"Accept-Encoding": "identity", "User-Agent": "alm-eval"}
    with (
        _claimed(wanted) as file,
        httpx.Client(timeout=patience.timeout, headers=headers, verify=_authorities()) as client,
        progress_bar(wanted.name) as show,
    ):
        if wanted.path.is_file():  # another process was faster
            return
        for is_last in (False, True):
            try:
                _receive(wanted, file, client, patience, show)
                _check(wanted, file)
                break
            except _WrongFileError as error:
                file.truncate(0)
                if is_last:
                    raise CorpusError(
                        f"{wanted.url} sent a file that {error}, and again when it was asked anew: see {wanted.home}; "
                        f"to take it as it is, {wanted.by_hand} and say --unofficial"
                    ) from None
        os.fsync(file.fileno())
        wanted.part.replace(wanted.path)
        wanted.note.unlink(missing_ok=True)


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are trusted; read once, since that takes longer than a small file."""
    return httpx.create_ssl_context()


@contextmanager
def _claimed(wanted: _Wanted) -> Iterator[BinaryIO]:
    """The part, for one process at a time; an empty one is removed again."""
    with wanted.part.open("ab", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not wanted.path.is_file() and not os.path.samestat(os.fstat(file.fileno()), wanted.part.stat()):
                raise BlockingIOError  # it was another's, and gone, before it was claimed here
        except (BlockingIOError, FileNotFoundError):
            raise CorpusError(f"{wanted.part} is being downloaded by another process; wait for it") from None
        try:
            yield file
        finally:
            if not _length(file):
                wanted.note.unlink(missing_ok=True)
                wanted.part.unlink(missing_ok=True)


def _receive(wanted: _Wanted, file: BinaryIO, client: httpx.Client, patience: Patience, show: Show) -> None:
    """Ask until the file is whole. Raises CorpusError when nothing new has come for too often; _WrongFileError."""
    most = failures = 0
    while True:
        least = 0.0
        try:
            if _ask(wanted, file, client, show):
                return
            trouble = "the answer ended early"
        except _TroubleError as error:
            trouble, least = str(error), error.seconds
        except httpx.HTTPError as error:
            trouble = " ".join(str(error).split()) or type(error).__name__
        # New is what goes beyond all that came before: else a server that always begins anew would be asked for ever
        failures = 0 if _length(file) > most else failures + 1
        most = max(most, _length(file))
        if least > patience.longest_wait or failures >= patience.tries:
            often = f"asks to wait {least:,.0f} s" if least > patience.longest_wait else f"{failures} times in a row"
            raise CorpusError(
                f"{wanted.url} cannot be downloaded now ({trouble}; {often}): say the same again later, what came is "
                f"kept; or {wanted.by_hand}"
            )
        pause = max(least, min(patience.pause * 2 ** max(failures - 1, 0), patience.longest_pause))
        show(_length(file), None, f"{trouble}; waiting {pause:.0f} s")
        time.sleep(pause)


def _ask(wanted: _Wanted, file: BinaryIO, client: httpx.Client, show: Show) -> bool:
    """Ask once; returns whether the file is whole then. Raises _TroubleError, httpx.HTTPError; _WrongFileError,
    CorpusError."""
    edition, start = Edition.read(wanted.note), _length(file)
    if not start or edition is None or edition.url != wanted.url:
        edition, start = None, 0
    elif start == edition.size:
        return True
    elif not edition.condition and not wanted.sha256 and not wanted.md5:  # nothing would tell of a change
        edition, start = None, 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    if edition and edition.condition:
        headers["If-Range"] = edition.condition
    with _answer(wanted, client, headers) as response:
        now = Edition.of(wanted.url, response.status_code, response.headers)
        if edition and response.status_code == 416 and edition.agrees(now) and now.size == start:
            return True
        if response.status_code == 206 or (edition and response.status_code == 416):
            if not edition or not edition.agrees(now) or range_of(response.headers)[0] != start:
                file.truncate(0)
                raise _TroubleError("another range came than was asked for")
            size = now.size or edition.size
        else:
            _check_status(wanted, response)
            start, size = 0, now.size
        chunks, as_it_is = _content(wanted, response)
        if start and not as_it_is:
            file.truncate(0)
            raise _TroubleError("the rest came encoded")
        size = size if as_it_is else None
        _check_promise(wanted, size, start)
        begin = next(chunks, b"")
        if not start:
            _refuse_page(wanted, begin.lstrip().lower().startswith(PAGE))
            file.truncate(0)
            if as_it_is:
                now.write(wanted.note)
            else:  # what is decoded cannot be gone on with
                wanted.note.unlink(missing_ok=True)
        for chunk in chain((begin,), chunks):
            _write(file, chunk)
            show(_length(file), size, "")
    return _is_whole(file, size)


@contextmanager
def _answer(wanted: _Wanted, client: httpx.Client, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """The answer behind all redirects, of which none may give up encryption."""
    request = client.build_request("GET", wanted.url, headers=headers)
    for _ in range(MOST_REDIRECTS + 1):
        response = client.send(request, stream=True)
        try:
            if response.next_request is None:
                yield response
                return
        finally:
            response.close()
        if request.url.scheme == "https" and response.next_request.url.scheme != "https":
            raise CorpusError(f"{wanted.url} leads to an address without encryption: {wanted.by_hand}")
        request = response.next_request
    raise CorpusError(f"{wanted.url} leads from address to address: {wanted.by_hand}")


def _check_status(wanted: _Wanted, response: httpx.Response) -> None:
    """Let 200 through. Raises _TroubleError for what may pass, CorpusError for what will not."""
    status = response.status_code
    said = f"{status} {httpx.codes.get_reason_phrase(status)}".strip()
    if status in AGAIN or status >= 500:
        raise _TroubleError(said, seconds_to_wait(response.headers.get("Retry-After")))
    if status in (401, 402, 403):
        raise CorpusError(
            f"{wanted.url} says {said}: terms or a key are needed, see {wanted.home}, and {wanted.by_hand}"
        )
    if status in (404, 410):
        raise CorpusError(f"{wanted.url} says {said}: it is no longer there, {wanted.by_hand} (see {wanted.home})")
    if status != 200:
        raise CorpusError(f"{wanted.url} says {said}: see {wanted.home}, and {wanted.by_hand}")
    _refuse_page(wanted, response.headers.get("Content-Type", "").lower().startswith(PAGE_TYPES))


def _refuse_page(wanted: _Wanted, is_page: bool) -> None:
    if is_page:
        raise CorpusError(
            f"{wanted.url} answers with a page in place of {wanted.name}: open it, since terms or a login may be "
            f"needed, and {wanted.by_hand}"
        )


def _content(wanted: _Wanted, response: httpx.Response) -> tuple[Iterator[bytes], bool]:
    """The bytes of the file, and whether they come as they are, not encoded on the way although that was not asked
    for."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    packed = encoding in ("gzip", "x-gzip") and wanted.name.endswith(PACKED)
    if encoding in ("", "identity") or packed:
        return response.iter_raw(), True
    if encoding not in ("gzip", "deflate"):
        raise CorpusError(f"{wanted.url} sends it encoded ({encoding}), although not asked to: {wanted.by_hand}")
    return response.iter_bytes(), False


def _check_promise(wanted: _Wanted, size: int | None, start: int) -> None:
    """Hold what an answer promises against what was published, and what is left of the disk."""
    if size is not None and wanted.size is not None and size != wanted.size:
        raise _WrongFileError(f"has {size:,} bytes, not the {wanted.size:,} that were published")
    check_room(wanted.path.parent, wanted.name, (size or wanted.size or 0) - start)


def check_room(folder: Path, name: str, missing: int) -> None:
    """Raise CorpusError where so many bytes do not fit any more."""
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise FullDiskError(
            f"the disk of {folder} has {free:,} bytes left, and {name} needs {missing:,} more: make room and say the "
            "same again"
        )


def _is_whole(file: BinaryIO, size: int | None) -> bool:
    """Whether all has come; raises _TroubleError for what cannot be the file."""
    length = _length(file)
    if not length or (size is not None and length > size):
        file.truncate(0)
        raise _TroubleError(f"{length:,} bytes came{f' in place of {size:,}' if size else ''}")
    return size is None or length == size


def _check(wanted: _Wanted, file: BinaryIO) -> None:
    """Hold what came against what was published. Raises _WrongFileError."""
    if wanted.size is not None and _length(file) != wanted.size:
        raise _WrongFileError(f"has {_length(file):,} bytes, not the {wanted.size:,} that were published")
    published = wanted.sha256 or wanted.md5
    if published:
        with wanted.part.open("rb") as part:
            digest = hashlib.file_digest(part, "sha256" if wanted.sha256 else _md5)
        if digest.hexdigest() != published:
            raise _WrongFileError(f"has not the published checksum {published[:12]}...")


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _write(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # a disk that is nearly full takes a part
        rest = rest[file.write(rest) :]


def _length(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
