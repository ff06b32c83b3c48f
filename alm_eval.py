"""The console scripts: the checkout goes first on the path, since Hugging Face's ``evaluate`` has the same name."""

import importlib
import sys
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
