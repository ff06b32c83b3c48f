"""Downloads from real local servers that behave badly, by processes that are killed."""

import errno
import fcntl
import gzip
import hashlib
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from file_server import LOCAL, Act, FileServer, serving, unused_port
from support import CHECKOUT, ENVIRONMENT

from datasets_prep import download as downloading
from datasets_prep.corpus import Archive, CorpusError
from datasets_prep.download import beside, download
from datasets_prep.edition import Edition
from datasets_prep.patience import Patience, seconds_to_wait

DATA = random.Random(0).randbytes(300_000)
NAME = "corpus.zip"
HOME = "https://example.org/corpus"
QUICK = Patience(tries=3, pause=0.01, longest_pause=0.02, longest_wait=2.0, timeout=0.3)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({f"/files/{NAME}": DATA}) as found:
        yield found


def archive(server: FileServer, **more: object) -> Archive:
    return Archive(NAME, url=f"{server.url}/files/{NAME}", **more)  # type: ignore[arg-type]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def whole(folder: Path) -> bool:
    """Whether the archive is there, and nothing else is."""
    return (folder / NAME).read_bytes() == DATA and names(folder) == [NAME]


def refusal(wanted: Archive, folder: Path, patience: Patience = QUICK) -> str:
    with pytest.raises(CorpusError) as refused:
        download(wanted, folder, HOME, patience)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_file_comes_whole(server: FileServer, tmp_path: Path) -> None:
    folder = tmp_path / "new/folder"
    assert download(archive(server), folder, HOME, QUICK) == folder / NAME
    assert whole(folder) and server.ranges() == [None]
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    download(archive(server), folder, HOME, QUICK)
    assert len(server.asked) == 1, "what is there is not asked for"


def test_dropped_connections_are_taken_up_where_they_ended(server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(cut_after=count) for count in (100_000, 50_000, 1, 100_000)]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path)
    assert server.ranges() == [None, "bytes=100000-", "bytes=150000-", "bytes=150001-", "bytes=250001-"]
    assert {asked.headers.get("If-Range") for asked in server.asked[1:]} == {'"first"'}


def test_tries_are_counted_from_the_last_that_brought_something(server: FileServer, tmp_path: Path) -> None:
    nothing = Act(cut_after=0)
    server.script = [nothing, nothing, Act(cut_after=1_000), nothing, nothing]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and len(server.asked) == 6
    shutil.rmtree(tmp_path)
    server.asked.clear()
    server.script = [Act(cut_after=1_000), *[nothing] * 9]
    said = refusal(archive(server), tmp_path)
    assert "3 times in a row" in said and "what came is kept" in said and len(server.asked) == 4
    assert (tmp_path / f"{NAME}.part").read_bytes() == DATA[:1_000]
    server.script.clear()
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges()[-1] == "bytes=1000-"


def test_a_server_that_always_begins_anew_is_not_asked_for_ever(server: FileServer, tmp_path: Path) -> None:
    server.after = Act(ignores_range=True, cut_after=1_000)
    refusal(archive(server), tmp_path)
    assert len(server.asked) == 4


def test_an_ignored_range_begins_anew(server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(cut_after=100_000), Act(ignores_range=True)]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.asked[1].sent == len(DATA)


@pytest.mark.parametrize(
    "bad",
    [
        Act(shift=-1_000),
        Act(shift=1_000),
        Act(headers={"Content-Range": None}),
        Act(headers={"Content-Range": "bytes 100000-299999/300001"}),
        Act(headers={"Content-Range": "nonsense"}),
        Act(headers={"Content-Encoding": "gzip"}),
        Act(status=416, headers={"Content-Range": "bytes */5"}),
        Act(status=416),
        Act(status=206, body=b"other bytes"),
    ],
    ids=str,
)
def test_a_wrong_range_is_never_joined(bad: Act, server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(cut_after=100_000), bad]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None, "bytes=100000-", None]


def test_a_range_that_was_not_asked_for(server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(status=206, body=DATA, headers={"Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}"})]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and len(server.asked) == 2


def test_a_changed_file_begins_anew(server: FileServer, tmp_path: Path) -> None:
    """The same length, so that nothing but the ETag tells."""
    for careless in (False, True):
        server.etag, server.files[f"/files/{NAME}"] = '"before"', bytes(len(DATA))
        server.script = [Act(cut_after=100_000), Act(status=401)]
        refusal(archive(server), tmp_path)
        server.etag, server.files[f"/files/{NAME}"] = '"after"', DATA
        server.script = [Act(ignores_condition=careless)]
        download(archive(server), tmp_path, HOME, QUICK)
        assert whole(tmp_path), "a server that does not heed If-Range either"
        (tmp_path / NAME).unlink()


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_etag_the_date_is_the_condition(etag: str | None, server: FileServer, tmp_path: Path) -> None:
    server.etag = etag
    server.script = [Act(cut_after=100_000)]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.asked[1].headers["If-Range"] == server.modified


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_any_condition_a_checksum_has_to_tell(etag: str | None, server: FileServer, tmp_path: Path) -> None:
    server.etag = etag
    server.modified = None
    server.script = [Act(cut_after=100_000)]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None, None], "without a checksum it begins anew"
    (tmp_path / NAME).unlink()
    server.asked.clear()
    server.script = [Act(cut_after=100_000)]
    download(archive(server, sha256=hashlib.sha256(DATA).hexdigest()), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None, "bytes=100000-"]
    assert "If-Range" not in server.asked[1].headers


@pytest.mark.parametrize("note", ["", "[]", "{}", "nonsense", '{"url": 3}', '{"url": "http://elsewhere/x.zip"}', None])
def test_a_part_of_which_nothing_is_known_begins_anew(note: str | None, server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(b"some bytes")
    if note is not None:
        (tmp_path / f"{NAME}.part.json").write_text(note)
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None]


def test_a_part_that_is_whole(server: FileServer, tmp_path: Path) -> None:
    """Killed between the last byte and the move: where the size is known nothing is asked, else 416 tells."""
    for size, asked in ((len(DATA), []), (None, [f"bytes={len(DATA)}-"])):
        (tmp_path / f"{NAME}.part").write_bytes(DATA)
        wanted = archive(server)
        Edition(wanted.url or "", server.etag, server.modified, size).write(tmp_path / f"{NAME}.part.json")
        download(wanted, tmp_path, HOME, QUICK)
        assert whole(tmp_path) and server.ranges() == asked
        (tmp_path / NAME).unlink()


def test_a_part_that_is_too_long_begins_anew(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(DATA + b"!")
    Edition(archive(server).url or "", server.etag, None, len(DATA)).write(tmp_path / f"{NAME}.part.json")
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path)


def test_an_answer_without_a_length(server: FileServer, tmp_path: Path) -> None:
    server.after = Act(without_length=True)
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path)


def test_an_answer_that_promises_more_than_it_sends(server: FileServer, tmp_path: Path) -> None:
    """A Content-Length that is too short is the server's word against what was published."""
    server.script = [Act(headers={"Content-Length": str(len(DATA) - 5)})]
    download(archive(server, bytes=len(DATA)), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and len(server.asked) == 2
    (tmp_path / NAME).unlink()
    server.script = [Act(body=b"")]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path)


def test_a_stall_is_ended(server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(hold_after=120_000, piece=20_000, nap=0.01)]
    start = time.monotonic()
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None, "bytes=120000-"] and time.monotonic() - start < 3


@pytest.mark.parametrize(("status", "said", "least"), [(429, "1", 1.0), (429, None, 0.0), (503, None, 0.0)])
def test_what_a_server_asks_to_wait_is_waited(
    status: int, said: str | None, least: float, server: FileServer, tmp_path: Path
) -> None:
    server.script = [Act(status, headers={"Retry-After": said})]
    start = time.monotonic()
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and least <= time.monotonic() - start < least + 2


def test_a_server_that_asks_to_wait_for_long_is_given_up(server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(cut_after=100_000), Act(503, headers={"Retry-After": "86400"})]
    assert "asks to wait 86,400 s): say the same again later, what came is kept" in refusal(archive(server), tmp_path)
    assert len(server.asked) == 2 and (tmp_path / f"{NAME}.part").stat().st_size == 100_000


def test_what_retry_after_says() -> None:
    assert [seconds_to_wait(said) for said in (None, "", "17", "soon", "-3", "1.5", "nan", "Mon, 99 Foo")] == [
        0, 0, 17, 0, 0, 0, 0, 0
    ]  # fmt: skip
    assert seconds_to_wait("Mon, 02 Mar 2020 10:00:00 GMT") == 0
    date = datetime.now(UTC) + timedelta(seconds=100)
    for text in (format_datetime(date, usegmt=True), format_datetime(date.replace(tzinfo=None))):
        assert 95 < seconds_to_wait(text) <= 100


@pytest.mark.parametrize("status", [500, 502, 504, 408, 202])
def test_passing_trouble_is_sat_out_but_not_for_ever(status: int, server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(status), Act(status)]
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path)
    (tmp_path / NAME).unlink()
    server.after = Act(status)
    assert f"cannot be downloaded now ({status} " in refusal(archive(server), tmp_path)
    assert len(server.asked) == 3 + 3 and not names(tmp_path), "an empty part is no use"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "says 401 Unauthorized: terms or a key are needed, see {home}, and put {name} into {folder} yourself"),
        (403, "says 403 Forbidden: terms or a key are needed, see {home}, and put {name} into {folder} yourself"),
        (404, "says 404 Not Found: it is no longer there, put {name} into {folder} yourself (see {home})"),
        (410, "says 410 Gone: it is no longer there, put {name} into {folder} yourself (see {home})"),
        (400, "says 400 Bad Request: see {home}, and put {name} into {folder} yourself"),
        (204, "says 204 No Content: see {home}, and put {name} into {folder} yourself"),
        (304, "says 304 Not Modified: see {home}, and put {name} into {folder} yourself"),
    ],
)
def test_a_refusal_is_one_sentence_at_once(status: int, sentence: str, server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(status)]
    wanted = archive(server)
    assert refusal(wanted, tmp_path) == f"{wanted.url} " + sentence.format(home=HOME, name=NAME, folder=tmp_path)
    assert len(server.asked) == 1 and not names(tmp_path)


def test_nobody_listens(tmp_path: Path) -> None:
    wanted = Archive(NAME, url=f"http://localhost:{unused_port()}/{NAME}")
    assert "Connection refused" in refusal(wanted, tmp_path)


PAGE = b"\n<!DOCTYPE html><html><title>Log in</title></html>"


@pytest.mark.parametrize(
    "page", [Act(body=b"<p>hi", headers={"Content-Type": "text/html; charset=utf-8"}), Act(body=PAGE)], ids=str
)
def test_a_page_is_no_archive(page: Act, server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(cut_after=100_000), page]
    said = refusal(archive(server), tmp_path)
    assert f"answers with a page in place of {NAME}: open it" in said
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges()[-1] == "bytes=100000-", "what came before is kept"


def test_what_a_server_packs_on_the_way_is_unpacked(server: FileServer, tmp_path: Path) -> None:
    packed = gzip.compress(DATA)
    act = Act(body=packed, headers={"Content-Encoding": "gzip"})
    server.script = [Act(body=packed, headers={"Content-Encoding": "gzip"}, cut_after=100_000), act]
    download(archive(server, bytes=len(DATA)), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None, None], "what is decoded is not gone on with"
    (tmp_path / NAME).unlink()
    server.script = [Act(body=packed, headers={"Content-Encoding": "br"})]
    assert "sends it encoded (br), although not asked to" in refusal(archive(server), tmp_path)


def test_an_archive_that_is_packed_itself_is_left_so(tmp_path: Path) -> None:
    """Some servers call a .tar.gz a tar that is encoded."""
    packed = gzip.compress(DATA)
    with serving({"/corpus.tar.gz": packed}) as server:
        server.after = Act(headers={"Content-Encoding": "x-gzip", "Content-Type": "application/x-tar"})
        server.script = [Act(headers=server.after.headers, cut_after=1_000)]
        path = download(Archive("corpus.tar.gz", url=f"{server.url}/corpus.tar.gz"), tmp_path, HOME, QUICK)
        assert path.read_bytes() == packed and server.ranges() == [None, "bytes=1000-"]


def test_redirects_are_followed(server: FileServer, tmp_path: Path) -> None:
    to = {"Location": f"/files/{NAME}"}
    server.script = [Act(301, headers=to), Act(cut_after=100_000), Act(302, headers=to)]
    wanted = Archive(NAME, url=f"{server.url}/old?download=1")
    download(wanted, tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.asked[3].headers["Range"] == "bytes=100000-"
    (tmp_path / NAME).unlink()
    server.after = Act(302, headers={"Location": "/on"})
    assert "leads from address to address" in refusal(wanted, tmp_path)


def test_encryption_is_never_given_up(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed; it makes the certificate of a local server")
    certificate = tmp_path / "localhost.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    alias = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", certificate, "-out", tmp_path / "public.pem"]
    subprocess.run(["openssl", *request.split(), *alias, *files], check=True, capture_output=True)
    public = (tmp_path / "public.pem").read_text()
    certificate.write_text(certificate.read_text() + public)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    monkeypatch.setattr(downloading, "_authorities", httpx.create_ssl_context)
    with serving({f"/{NAME}": DATA}, certificate) as safe:
        wanted, folder = Archive(NAME, url=f"{safe.url}/{NAME}"), tmp_path / "folder"
        safe.script = [Act(302, headers={"Location": f"{server.url}/files/{NAME}"})]
        assert "leads to an address without encryption" in refusal(wanted, folder)
        assert not server.asked
        download(wanted, folder, HOME, QUICK)
        assert whole(folder)
        monkeypatch.delenv("SSL_CERT_FILE")
        assert "certificate verify failed" in refusal(wanted, tmp_path / "other").lower()


CHECKSUMS = [
    {"sha256": hashlib.sha256(DATA).hexdigest()},
    {"md5": hashlib.md5(DATA, usedforsecurity=False).hexdigest()},
    {"bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest(), "md5": "0" * 32},
]


@pytest.mark.parametrize("published", CHECKSUMS, ids=lambda each: " ".join(each))
def test_a_damaged_file_comes_once_more(published: dict[str, object], server: FileServer, tmp_path: Path) -> None:
    damaged = b"!" + DATA[1:]
    server.script = [Act(body=damaged)]
    download(archive(server, **published), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and server.ranges() == [None, None]
    (tmp_path / NAME).unlink()
    server.asked.clear()
    server.after = Act(body=damaged)
    said = refusal(archive(server, **published), tmp_path)
    assert "has not the published checksum" in said and "and again when it was asked anew" in said
    assert len(server.asked) == 2 and not names(tmp_path)


def test_another_size_than_was_published(server: FileServer, tmp_path: Path) -> None:
    said = refusal(archive(server, bytes=3), tmp_path)
    assert "has 300,000 bytes, not the 3 that were published" in said and not names(tmp_path)
    assert len(server.asked) == 2
    server.after = Act(without_length=True)
    assert "has 300,000 bytes" in refusal(archive(server, bytes=3), tmp_path), "known at the end only"


def test_parts_come_from_beside(tmp_path: Path) -> None:
    parts = ("corpus.z01", "corpus.z 02")
    files = {f"/a/{name}".replace(" ", "%20"): name.encode() for name in (*parts, NAME)}
    with serving(files) as server:
        wanted = Archive(NAME, url=f"{server.url}/a/{NAME}?download=1", parts=parts, sha256="0" * 64, bytes=1)
        assert download(wanted, tmp_path, HOME, QUICK) == tmp_path / NAME
        assert [asked.path for asked in server.asked] == [
            "/a/corpus.z01?download=1",
            "/a/corpus.z%2002?download=1",
            f"/a/{NAME}?download=1",
        ]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: name for name in (*parts, NAME)}
    assert beside("https://x.org/a%20b/c.zip", "d&e.z01") == "https://x.org/a%20b/d%26e.z01"


@pytest.mark.parametrize(
    "url",
    [
        "https://drive.google.com/file/d/1WYf",
        "https://drive.google.com/uc?id=1WYf&export=download",
        "https://pan.baidu.com/s/1abc",
        "https://www.dropbox.com/s/c5ac/corpus.zip",
        "https://www.dropbox.com/s/c5ac/corpus.zip?dl=0",
        "ftp://example.org/corpus.zip",
    ],
)
def test_pages_and_other_protocols_are_for_people(url: str, tmp_path: Path) -> None:
    assert refusal(Archive(NAME, url=url), tmp_path) == (
        f"{NAME} cannot be downloaded by a program: open {url}, and put the file into {tmp_path} as {NAME}"
    )


def test_a_direct_link_of_dropbox_is_for_programs(tmp_path: Path) -> None:
    direct = Archive(NAME, url="https://www.dropbox.com/s/c5ac/corpus.zip?dl=1")
    assert downloading.not_for_programs(direct, tmp_path, HOME) is None


def test_an_archive_without_a_url(tmp_path: Path) -> None:
    begin = "cannot be downloaded by a program: get it from"
    assert refusal(Archive(NAME), tmp_path) == f"{NAME} {begin} {HOME}, and put the file into {tmp_path} as {NAME}"
    folder = Archive("audio", unpacked=("audio",))
    assert refusal(folder, tmp_path) == f"audio {begin} {HOME}, and put the folder into {tmp_path} as audio"


def test_two_at_once(server: FileServer, tmp_path: Path) -> None:
    with (tmp_path / f"{NAME}.part").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert refusal(archive(server), tmp_path).endswith(".part is being downloaded by another process; wait for it")
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path)


def test_a_disk_without_room(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubles of a full disk: one cannot be made here."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    said = refusal(archive(server), tmp_path)
    assert f"the disk of {tmp_path} has 1,000 bytes left, and {NAME} needs 300,000 more: make room" in said
    monkeypatch.undo()

    def full(file: object, data: bytes) -> None:
        if Path(tmp_path / f"{NAME}.part").stat().st_size >= 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, data)  # type: ignore[arg-type]

    write = downloading._write
    monkeypatch.setattr(downloading, "_write", full)
    said = refusal(archive(server), tmp_path)
    assert said == f"the disk of {tmp_path} is full: make room, and say the same again; what came is kept"
    monkeypatch.undo()
    download(archive(server), tmp_path, HOME, QUICK)
    assert whole(tmp_path) and int((server.ranges()[-1] or "bytes=0-")[6:-1]) >= 100_000


def test_a_folder_that_is_none(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    assert "folder cannot be written to (File exists): name another folder" in refusal(
        archive(server), tmp_path / "folder"
    )


CODE = (
    "import sys; from pathlib import Path; from datasets_prep.corpus import Archive; "
    "from datasets_prep.download import download; from datasets_prep.patience import Patience; "
    f"download(Archive('{NAME}', url=sys.argv[1]), Path(sys.argv[2]), 'home', Patience(pause=0.01, timeout=5))"
)


def started(server: FileServer, folder: Path, **more: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", CODE, f"{server.url}/files/{NAME}", str(folder)]
    return subprocess.Popen(
        words, cwd=CHECKOUT, env={**ENVIRONMENT, **LOCAL}, stderr=more.get("stderr", subprocess.PIPE)
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_gone_on_with(number: signal.Signals, server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(piece=4_000, nap=0.005)]
    process = started(server, tmp_path)
    part = tmp_path / f"{NAME}.part"
    while not part.exists() or part.stat().st_size < 60_000:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    kept = part.stat().st_size
    assert 60_000 <= kept < len(DATA) and part.read_bytes() == DATA[:kept]
    assert (b"KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    again = started(server, tmp_path)
    _, errors = again.communicate(timeout=20)
    assert again.returncode == 0 and errors == b"", "nothing is said where there is no terminal"
    assert whole(tmp_path)
    assert server.ranges() == [None, f"bytes={kept}-"] and server.asked[1].sent == len(DATA) - kept


def test_a_terminal_shows_a_bar(server: FileServer, tmp_path: Path) -> None:
    server.script = [Act(piece=10_000, nap=0.01, cut_after=200_000)]
    ours, theirs = pty.openpty()
    process = started(server, tmp_path, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 2**16):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(10) == 0 and NAME.encode() in shown and b"kB" in shown
