"""Work that is done beside the main thread, so that no worker waits for it."""

import queue
import threading
from collections.abc import Callable
from typing import Any, Self


class Aside:
    """A thread that does one thing after the other. Leaving the context waits for all, and raises what the first that
    failed raised; an exception on the way waits for nothing."""

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, name="aside", daemon=True)

    def do(self, function: Callable[..., object], *arguments: Any) -> None:
        self._todo.put((function, arguments))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._todo.put(None)
        if kind is None:
            self._thread.join()
            if self._errors:
                raise self._errors[0]

    def _work(self) -> None:
        while (entry := self._todo.get()) is not None:
            function, arguments = entry
            try:
                function(*arguments)
            except BaseException as error:  # noqa: BLE001 - raised again where the context is left
                self._errors.append(error)
