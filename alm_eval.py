"""How the commands begin and end. The console scripts put the checkout first on the path, since Hugging Face's
``evaluate`` has the same name."""

import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parent


def evaluate() -> NoReturn:
    """``alm-evaluate``, the same as ``python -m evaluate``."""
    _run("evaluate")


def data() -> NoReturn:
    """``alm-data``, the same as ``python -m datasets_prep``."""
    _run("datasets_prep")


def results() -> NoReturn:
    """``alm-results``, the same as ``python -m results``."""
    _run("results")


def finish(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run a command line and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of another encoding stops nothing
    try:
        status = main(sys.argv[1:])
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: an interrupt now would only belie the status
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _run(room: str) -> NoReturn:
    sys.path.insert(0, str(CHECKOUT))
    module = importlib.import_module(room)
    found = Path(str(module.__file__)).resolve().parent
    if found != CHECKOUT / room:
        sys.exit(
            f"alm-eval: '{room}' was imported from {found}, not from {CHECKOUT}; run it in the checkout's own .venv"
        )
    importlib.import_module(f"{room}.__main__").run()
    raise AssertionError("unreachable")
