"""A double of the Hugging Face hub: the part of its HTTP API that fetching files of a dataset needs, on localhost.

What it answers follows the hub's API as huggingface_hub reads it: dataset info with the commit, tree, resolve with ETag
and X-Repo-Commit. It has one dataset, whose commits are all kept. A process has to be started with `HF_ENDPOINT` set to
its url.
"""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

ID = "someone/sounds"
LARGE = 100_000
"""Bytes from which a file is stored beside git, under its sha256."""


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class HubDouble:
    """One dataset; ``trouble`` says how it misbehaves."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, bytes]] = {}
        self.head = ""
        self.gated = self.private = False
        self.cuts: list[int] = []
        """Bytes of a file's body after which each next connection ends."""
        self.damaged: list[str] = []
        """Files that come with another content, each time they stand here."""
        self.failing: list[int] = []
        """Statuses of the next requests for the list of files."""
        self.nap = 0.0
        """Seconds before each piece of a file."""
        self.asked: list[tuple[str, str]] = []
        """Method and path."""
        self.tokens: set[str | None] = set()
        self.sent: dict[str, int] = {}
        """Bytes of each file's body."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def commit(self, files: Mapping[str, bytes]) -> str:
        """A new newest commit; returns its name."""
        self.head = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        self.commits[self.head] = dict(files)
        return self.head

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def got(self) -> list[str]:
        """The files whose content was asked for, in order."""
        return [path.split("/", 6)[6] for method, path in self.asked if method == "GET" and "/resolve/" in path]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        self.asked.append((handler.command, path))
        self.tokens.add(handler.headers.get("Authorization"))
        if path == f"/api/datasets/{ID}" and not self.private:
            files = [{"rfilename": name} for name in self.commits[self.head]]
            self._say(handler, 200, {"id": ID, "sha": self.head, "siblings": files, "gated": self.gated})
        elif path.startswith(f"/api/datasets/{ID}/") and not self.private:
            self._say_of(handler, *path.removeprefix(f"/api/datasets/{ID}/").split("/")[:2])
        elif path.startswith(f"/datasets/{ID}/resolve/") and not self.private:
            self._resolve(handler, *path.removeprefix(f"/datasets/{ID}/resolve/").split("/", 1))
        else:
            self._say(handler, 401, {"error": "Repository not found"}, **{"X-Error-Code": "RepoNotFound"})

    def _say_of(self, handler: BaseHTTPRequestHandler, what: str, revision: str) -> None:
        commit = {"main": self.head}.get(revision, revision)
        if commit not in self.commits:
            self._say(handler, 404, {"error": "Invalid rev id"}, **{"X-Error-Code": "RevisionNotFound"})
        elif what == "revision":
            self._say(handler, 200, {"id": ID, "sha": commit, "siblings": []})
        elif self.failing:
            self._say(handler, self.failing.pop(0), {"error": "no"})
        else:
            self._say(handler, 200, [entry(name, content) for name, content in self.commits[commit].items()])

    def _resolve(self, handler: BaseHTTPRequestHandler, commit: str, name: str) -> None:
        if self.gated:
            self._say(handler, 403, {"error": "restricted"}, **{"X-Error-Code": "GatedRepo"})
            return
        content = self.commits[commit][name]
        listed = entry(name, content)
        begin = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        handler.send_response(206 if begin else 200)
        handler.send_header("ETag", f'"{listed["lfs"]["oid"] if "lfs" in listed else listed["oid"]}"')
        handler.send_header("X-Repo-Commit", commit)
        handler.send_header("Content-Length", str(len(content) - begin))
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        if handler.command == "GET":
            if name in self.damaged:
                self.damaged.remove(name)
                content = bytes(len(content))
            self._send(handler, name, content[begin:])

    def _send(self, handler: BaseHTTPRequestHandler, name: str, body: bytes) -> None:
        end = min(self.cuts.pop(0), len(body)) if self.cuts else len(body)
        try:
            for start in range(0, end, 2**14):
                piece = body[start : min(start + 2**14, end)]
                handler.wfile.write(piece)
                self.sent[name] = self.sent.get(name, 0) + len(piece)
                time.sleep(self.nap)
        except OSError:
            pass  # who asked went away
        handler.close_connection = handler.close_connection or end < len(body)

    def _say(self, handler: BaseHTTPRequestHandler, status: int, value: Any, **headers: str) -> None:
        body = json.dumps(value).encode()
        handler.send_response(status)
        for key, text in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(key, text)
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                double.answer(self)

            def do_HEAD(self) -> None:
                double.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def entry(name: str, content: bytes) -> dict[str, Any]:
    """A file as the hub lists it."""
    listed: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": blob_id(content)}
    if len(content) >= LARGE:
        listed["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return listed
