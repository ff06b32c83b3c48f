"""A web server of a few files, each request of which is answered well, or as badly as a script says."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOCAL = {"NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}
"""What keeps a proxy, which the environment may name, from coming between."""
os.environ |= LOCAL


@dataclass(frozen=True)
class Act:
    """How a request is answered; by default as a good server does."""

    status: int | None = None
    """In place of 200 and 206."""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    """In place of its own; None: left out."""
    body: bytes | None = None
    """In place of the file."""
    ignores_range: bool = False
    ignores_condition: bool = False
    shift: int = 0
    """How far from what was asked for the range begins, as it says itself."""
    cut_after: int | None = None
    """Bytes of the body after which the connection ends."""
    nap: float = 0.0
    """Seconds between pieces of the body."""
    piece: int = 2**16
    hold_after: int | None = None
    """Bytes of the body after which nothing more comes."""
    without_length: bool = False


@dataclass
class Asked:
    """A request, and what was sent of the file."""

    path: str
    headers: dict[str, str]
    first: int = 0
    sent: int = 0
    """Bytes of the body that the connection took."""


class FileServer:
    """Answers each request by the next act of ``script``, and by ``after`` when the script is over."""

    def __init__(self, files: Mapping[str, bytes], certificate: Path | None = None) -> None:
        self.files = dict(files)
        self.etag: str | None = '"first"'
        self.modified: str | None = "Mon, 02 Mar 2020 10:00:00 GMT"
        self.script: list[Act] = []
        self.after = Act()
        self.asked: list[Asked] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{port}" if certificate is None else f"https://localhost:{port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def ranges(self) -> list[str | None]:
        """What part was asked for, each time."""
        return [asked.headers.get("Range") for asked in self.asked]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(handler.path, dict(handler.headers))
        with self._lock:
            self.asked.append(asked)
            act = self.script.pop(0) if self.script else self.after
        content = self.files.get(handler.path.partition("?")[0])
        if content is None and act.status is None:
            act = Act(404, body=b"no")
        status, headers, body = self._content(act, content or b"", asked)
        headers = {key: value for key, value in {**headers, **act.headers}.items() if value is not None}
        handler.send_response(act.status or status)
        for key, value in headers.items():
            handler.send_header(key, value)
        handler.end_headers()
        self._send(handler, body, act, asked)

    def _content(self, act: Act, content: bytes, asked: Asked) -> tuple[int, dict[str, str | None], bytes]:
        """The status, headers and body of a good answer, or of one that is bad in its range."""
        headers = {"ETag": self.etag, "Last-Modified": self.modified, "Content-Type": "application/octet-stream"}
        if act.status is not None or act.body is not None:
            body = act.body or b""
            return act.status or 200, {"Content-Length": str(len(body))}, body
        condition = asked.headers.get("If-Range")
        is_same = condition in (None, self.etag, self.modified) or act.ignores_condition
        status, wanted = 200, asked.headers.get("Range")
        if wanted and is_same and not act.ignores_range:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            if first >= len(content):
                return 416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"}, b""
            first += act.shift
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            status, content, asked.first = 206, content[first:], first
        length = None if act.without_length else str(len(content))
        return status, headers | {"Content-Length": length}, content

    def _send(self, handler: BaseHTTPRequestHandler, body: bytes, act: Act, asked: Asked) -> None:
        end = min(each for each in (act.cut_after, act.hold_after, len(body)) if each is not None)
        try:
            for start in range(0, end, act.piece):
                piece = body[start : min(start + act.piece, end)]
                handler.wfile.write(piece)
                asked.sent += len(piece)
                time.sleep(act.nap)
            if act.hold_after is not None:
                self.released.wait(5)
        except OSError:
            pass  # who asked went away
        if end < len(body) or act.without_length:
            handler.close_connection = True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def serving(files: Mapping[str, bytes], certificate: Path | None = None) -> Iterator[FileServer]:
    server = FileServer(files, certificate)
    try:
        yield server
    finally:
        server.close()


def unused_port() -> int:
    """One on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
