"""Work on threads, a bounded number of items at a time, that Ctrl-C ends at any moment."""

from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 4
"""Items taken for each thread before their results are waited for."""
_END = object()


def spread(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result, None, None]:
    """The results of ``work``, in whatever order they come; what it raises is raised here.

    ``items`` is read on the caller's thread. A SimpleQueue holds no lock of Python's own, so an interrupt that comes
    while something is put or got leaves nothing locked (concurrent.futures hangs then).
    """
    todo: SimpleQueue[Any] = SimpleQueue()
    done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    ended: list[bool] = []

    def serve() -> None:
        while (item := todo.get()) is not _END:
            if not ended:
                try:
                    done.put((work(item), None))
                except BaseException as error:  # noqa: BLE001 - it is raised again by _taken
                    done.put((None, error))

    pool = [Thread(target=serve, daemon=True) for _ in range(threads)]
    waiting = 0
    try:
        for thread in pool:
            thread.start()
        for item in items:
            todo.put(item)
            waiting += 1
            if waiting >= threads * AHEAD:
                yield _taken(done)
                waiting -= 1
        for _ in range(waiting):
            yield _taken(done)
    finally:
        ended.append(True)
        for _ in pool:
            todo.put(_END)
        for thread in pool:
            if thread.ident is not None:
                thread.join()


def started(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin work on a thread; call what is returned, once, for its result, or for what it raises."""
    done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def do() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again by _taken
            done.put((None, error))

    Thread(target=do, daemon=True).start()
    return lambda: _taken(done)


def _taken(done: SimpleQueue[tuple[Any, BaseException | None]]) -> Any:
    result, error = done.get()
    if error is not None:
        raise error
    return result
