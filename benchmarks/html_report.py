"""What the report costs: the command that writes it, its size, and how fast its page is in a browser.

usage: python -m benchmarks.html_report [--write FILE] [--samples N ...]

Runs of speech made on the spot: sentences of 15 of 5,000 made-up words, of which the answers have one in ten wrong,
normalised as English is; no audio. ``python -m results report`` as a process of its own, its time and highest memory as
the kernel counts them. Where Chromium and its driver are installed, the page is opened there, without a window.
"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.command import CHECKOUT, ENVIRONMENT, OTHERS, quiet
from benchmarks.report import deliver, machine, parser, table
from metrics.score import MetricSpec, ScoringSpec
from results.journal import ClipRecord, Prediction
from results.run import RunDirectory, RunRecord, TaskRecord
from results.scoring import score_task

SAMPLES = (10_000, 100_000)
LENGTH, VOCABULARY, WRONG = 15, 5_000, 0.1
ALLOWED_SECONDS, ALLOWED_GIB, ALLOWED_MB = 60, 4, 10
"""Of 100,000 samples, of 100,000 samples, and of 10,000."""
GIB = 2**30
TASK = "asr/made_up"


@dataclass(frozen=True)
class Cost:
    samples: int
    seconds: float
    busy: float
    """CPU seconds."""
    peak: float
    """Highest memory of one process, GiB."""
    others: float
    """Cores that others used before."""
    size: float
    """MB of the page."""
    page: dict[str, float] | None
    """Seconds of each step in the browser."""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--samples", type=int, nargs="+", default=list(SAMPLES))
    options.add_argument("--wait", type=float, default=0.0, help="seconds to wait for a quiet machine before a run")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = [_measured(Path(folder) / str(count), count, given.wait) for count in given.samples]
    deliver(_report(costs), given.write)


def _measured(folder: Path, count: int, wait: float) -> Cost:
    _make_run(folder / "run", count)
    page = folder / "report.html"
    words = [sys.executable, "-m", "results", "report", str(folder / "run"), "--output", str(page)]
    others = quiet(wait)
    start = time.perf_counter()
    process = subprocess.Popen(words, cwd=CHECKOUT, env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(words)} ended with status {os.waitstatus_to_exitcode(status)}")
    peak = used.ru_maxrss * 1024 / GIB
    busy, size = used.ru_utime + used.ru_stime, page.stat().st_size / 1e6
    return Cost(count, seconds, busy, peak, others, size, _in_browser(page, count))


def _make_run(path: Path, count: int) -> None:
    spec = ScoringSpec({"wer": MetricSpec("wer", "whisper_en")}, "wer", "en")
    directory = RunDirectory(path)
    record = RunRecord("made up", TASK, {}, {TASK: TaskRecord({}, spec.to_dict(), count)}, {}, None)
    directory.write(record)
    directory.journal(TASK).append(list(_predictions(count)))
    directory.journal(TASK).finish()
    score_task(directory, record, TASK)


def _predictions(count: int) -> Iterator[Prediction]:
    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlucmfwyp", k=draw.randint(2, 9))) for _ in range(VOCABULARY)]
    for number, seconds in enumerate(corpus.skewed(count, 1.3, 35.0, 5.8, 0.65)):
        right = draw.choices(words, k=LENGTH)
        said = [draw.choice(words) if draw.random() < WRONG else word for word in right]
        speaker, identity = f"{number % 500:04}", f"{number % 500:04}-{number:07}"
        path = f"LibriSpeech/test/{speaker}/{identity}.flac"
        clip = ClipRecord(path, None, None, seconds, hashlib.sha256(path.encode()).hexdigest())
        yield Prediction(
            identity,
            "test",
            speaker,
            [" ".join(right).upper()],
            {"language": "en", "speaker": speaker},
            "<audio>1</audio>Detect the language and recognize the speech: <|en|>",
            [clip],
            " ".join(said).capitalize() + ".",
            "ok",
            [],
            None,
            300,
            40,
        )


def _in_browser(page: Path, count: int) -> dict[str, float] | None:
    """Seconds until the summary, the list of samples, what a search found, and the next sample are shown."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        return None
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{word}")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    found = "document.querySelector('.found strong')?.textContent"
    search = "const box = document.getElementById('search'); box.value = 'zebra'; box.dispatchEvent(new Event('input'))"
    key = "dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
    steps = {
        "summary": (lambda: browser.get(page.as_uri()), "document.querySelector('.scores')"),
        "samples": (
            lambda: browser.execute_script(f"location.hash = '#/samples/{TASK.replace('/', '%2F')}'"),
            f"{found} === '{count:,}'",
        ),
        "next sample": (
            lambda: browser.execute_script(f"document.body.{key}"),
            "document.querySelector('#list li:nth-child(2) [aria-current]')",
        ),
        "search": (lambda: browser.execute_script(search), f"{found} === '0'"),
    }
    try:
        return {name: _until(browser, act, expression) for name, (act, expression) in steps.items()}
    finally:
        browser.quit()


def _until(browser: Any, act: Any, expression: str) -> float:
    start = time.perf_counter()
    act()
    while not browser.execute_script(f"return {expression}"):
        if time.perf_counter() - start > 120:
            raise SystemExit(f"the page never came to {expression}")
        time.sleep(0.005)
    return time.perf_counter() - start


def _report(costs: list[Cost]) -> str:
    names = list(next((cost.page for cost in costs if cost.page), {}))
    head = ["samples", "s", "CPU s", "highest memory, GiB", OTHERS, "page, MB", *(f"{name}, s" for name in names)]
    rows = [
        [
            f"{cost.samples:,}",
            f"{cost.seconds:.1f}",
            f"{cost.busy:.1f}",
            f"{cost.peak:.2f}",
            f"{cost.others:.1f}",
            f"{cost.size:.1f}",
        ]
        + [f"{cost.page[name]:.2f}" if cost.page else "–" for name in names]
        for cost in costs
    ]
    held = all(
        ((cost.seconds < ALLOWED_SECONDS and cost.peak < ALLOWED_GIB) or cost.samples > 100_000)
        and (cost.size < ALLOWED_MB or cost.samples > 10_000)
        for cost in costs
    )
    return (
        "# Report\n\n"
        "`python -m benchmarks.html_report`: `python -m results report` on a run of speech, 15 words a sample, without "
        "audio in the page; then the page in Chromium: from the address until the summary is shown, until all samples "
        "are listed, a step to the next one, and a search through all texts that finds nothing (0.18 s of it are a "
        "pause for typing).\n\n"
        + table(head, rows)
        + f"\nAllowed: {ALLOWED_SECONDS} s and {ALLOWED_GIB} GiB for 100,000 samples, {ALLOWED_MB} MB for 10,000; "
        f"{'held' if held else 'not held'}. {machine()}.\n"
    )


if __name__ == "__main__":
    main()
