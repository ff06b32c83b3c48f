"""A stream that is read ahead of who reads it, on a thread: unpacking goes on while what is unpacked is used."""

from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import IO

CHUNK = 2**20
AHEAD = 8
"""Chunks that are read and not yet taken."""


class Ahead:
    """Reads as the stream does; what the stream raises is raised here, where it would have been."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.chunks: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self.free = Semaphore(AHEAD)
        self.left = b""
        self.closed = self.ended = False
        self.thread = Thread(target=self._fill, daemon=True)
        self.thread.start()

    def _fill(self) -> None:
        try:
            while True:
                self.free.acquire()
                if self.closed:
                    return
                chunk = self.stream.read(CHUNK)
                self.chunks.put(chunk)
                if not chunk:
                    return
        except BaseException as error:  # noqa: BLE001 - raised again by read
            self.chunks.put(error)

    def read(self, size: int) -> bytes:
        """At most so many bytes, at least one until the end."""
        if not self.left and not self.ended:
            chunk = self.chunks.get()
            self.free.release()
            if isinstance(chunk, BaseException):
                self.ended = True
                raise chunk
            self.left, self.ended = chunk, not chunk
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def close(self) -> None:
        """Before the stream is closed: the thread ends first."""
        self.closed = True
        self.free.release()
        self.thread.join()
