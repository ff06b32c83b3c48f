"""The form of a benchmark's page: tables, the machine by its kind, and where the page goes."""

import argparse
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with ``--write FILE``."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--write", type=Path, help="the file that the page goes to besides")
    return made


def deliver(text: str, path: Path | None) -> None:
    """Print a page, and write it where a file is named."""
    print(text, end="")
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median of repetitions, and all of them."""
    return f"{statistics.median(values):{form}} ({', '.join(f'{value:{form}}' for value in values)})"


def machine(*packages: str) -> str:
    """The machine by its cores and their kind, Python, and the versions of packages."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    known = [f"Python {platform.python_version()}", *(f"{package} {version(package)}" for package in packages)]
    return f"A machine with {os.cpu_count()} cores ({names[0] if names else platform.machine()}); {', '.join(known)}"
