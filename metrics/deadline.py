"""HTTP whose timeout is that of a whole exchange.

A socket's own timeout begins again with each byte, so a server that sends one now and then, or `100 Continue` without
end, holds a request for ever. Here each read may last as long as is left of the whole.
"""

import http.client
import io
import socket
import time
import urllib.request
from functools import partial
from typing import Any


class _Reads(io.RawIOBase):
    """What comes from a socket, until a moment of the monotonic clock."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, until: float) -> None:
        super().__init__()
        self._sock, self._raw, self._until = sock, raw, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._until))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, until: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reads(sock, self.fp.detach(), until))


class _Connection(http.client.HTTPConnection):
    """Its timeout counts from its making. Connecting is bounded by it for each address of the host."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.until = time.monotonic() + float(self.timeout or 0)
        self.response_class = partial(_Response, until=self.until)  # type: ignore[assignment]

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(_left(self.until))  # for sending


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


class Http(urllib.request.HTTPHandler):
    """For `urllib.request.build_opener`: `timeout` is that of a whole exchange."""

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, request)


class Https(urllib.request.HTTPSHandler):
    """The same over TLS, with the usual checks of certificates."""

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, request)


def _left(until: float) -> float:
    """Seconds; raises TimeoutError where none are left."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
