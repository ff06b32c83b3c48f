"""The report in a real headless Chromium: what a run holds is text and never markup, and the page does what it says."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import report_runs as made

from results.report import data, page, samples
from results.report.data import Verdict
from results.run import RunDirectory

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """A window, and what happened in it: errors of its console, and addresses that it asked for."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = str(CHROMIUM)
        for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "mute-audio"):
            options.add_argument(f"--{word}")
        options.add_argument("--autoplay-policy=no-user-gesture-required")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        self.size(1280, 900)

    def size(self, width: int, height: int) -> None:
        settings = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", settings)

    def open(self, path: Path, place: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + place)
        self.wait("document.querySelector('main h1')")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def value(self, expression: str) -> Any:
        return self.run(f"return {expression}")

    def wait(self, expression: str, seconds: float = 60) -> Any:
        """Until an expression is true; its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.value(expression):
                return found
            time.sleep(0.02)
        raise AssertionError(
            f"never true: {expression}; at {self.value('location.hash')} the page says {self.value('document.body.innerText')[:2000]}"
        )

    def keys(self, *keys: str) -> None:
        """Type where the focus is."""
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def click(self, selector: str, text: str = "") -> None:
        """The first such element, or the first with the text, as a pointer does."""
        found = self.run(
            "return [...document.querySelectorAll(arguments[0])].find(each => each.textContent.includes(arguments[1]))",
            selector, text,
        )  # fmt: skip
        assert found, f"no {selector} with {text!r}"
        found.click()

    def choose(self, name: str, value: str) -> None:
        self.run(
            "const made = document.querySelector(`select[name=${arguments[0]}]`);"
            "made.value = arguments[1]; made.dispatchEvent(new Event('change', {bubbles: true}))",
            name, value,
        )  # fmt: skip

    def go(self, place: str) -> None:
        """To another address of the same page; the old content is gone when this returns."""
        self.run("document.querySelector('main').replaceChildren(); location.hash = arguments[0]", place)
        self.wait("document.querySelector('main h1')")

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("Chromium and its driver are not installed; apt-get install chromium chromium-driver")
    opened = Browser()
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, RunDirectory]:
    """Two runs of the same tasks, whose speech is wrong in other places; with a few clips."""
    folder = tmp_path_factory.mktemp("runs")
    tasks = {"asr/own": (made.WER, made.speech()), "emotion/own": (made.ACCURACY, made.labelled())}
    other = {"asr/own": (made.WER, made.speech(seed=1)), "emotion/own": (made.ACCURACY, made.labelled()[:9])}
    one = made.make_run(folder / "one", tasks, "whale", data_root=folder / "data")
    for identity in (worst_of(one), "s000"):
        made.tone(folder / f"data/corpus/clips/{identity}.wav", 1.0)
    return one, made.make_run(folder / "two", other, "otter", data_root=folder / "data")


def worst_of(run: RunDirectory) -> str:
    return samples.read(run, run.must_read(), "asr/own").worst[0]


@pytest.fixture(scope="module")
def written(runs: tuple[RunDirectory, RunDirectory], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    verdict = Verdict("asr/own", None, "wer", 10.0, 11.0, "off", ["the normaliser is another"], "a paper")
    report = data.read(runs, path, audio=2, verdicts={0: [verdict]})
    page.write(report, path)
    return path


@pytest.fixture
def opened(browser: Browser, written: Path) -> Iterator[Callable[[str], Browser]]:
    """Opens the page of two runs at a place; in the end nothing may have gone wrong."""

    def opener(place: str = "") -> Browser:
        browser.size(1280, 900)
        browser.open(written, place)
        return browser

    yield opener
    assert browser.complaints() == []
    strange = [url for url in browser.requests() if not url.startswith(("file:", "blob:", "data:", "about:"))]
    assert strange == []


SPEECH = "#/samples/asr%2Fown"
Opener = Callable[[str], Browser]


def shown_ids(browser: Browser) -> list[str]:
    found: list[str] = browser.value("[...document.querySelectorAll('#list .id')].map(each => each.textContent)")
    return found


def count_shown(browser: Browser) -> int:
    return int(browser.value("document.querySelector('.found strong').textContent").replace(",", ""))


def test_the_summary_has_all_scores_and_the_verdict(opened: Opener) -> None:
    browser = opened("")
    lines = browser.value(
        "[...document.querySelectorAll('.scores tr.first, .scores tr.first + tr:not(.group)')].length"
    )
    assert lines == 4
    text = browser.value("document.querySelector('.scores').innerText")
    assert "whale" in text and "otter" in text and "✗ off · 10.00" in text
    assert browser.value("document.querySelector('.verdicts li').title") == "the normaliser is another"
    browser.click(".switch button", "Bars")
    browser.wait("document.querySelectorAll('.scores .bar').length === 4")
    browser.click(".scores a.bad")
    browser.wait("document.querySelector('#list')")
    assert shown_ids(browser) == ["s004"] and "needs more memory" in browser.value("document.body.innerText")


def test_a_task_has_scores_charts_and_a_matrix_that_leads_to_samples(opened: Opener) -> None:
    browser = opened("#/task/asr%2Fown")
    assert browser.value("document.querySelectorAll('.plot svg[role=img][aria-label]').length") == 4
    text = browser.value("document.querySelector('main').innerText")
    assert "zebra" in text and "the normaliser is another" in text and "a paper" in text
    browser.go("#/task/emotion%2Fown")
    labels = browser.value("[...document.querySelectorAll('.cell a')].map(each => each.ariaLabel)")
    assert "2 samples of dog answered owl" not in labels and "1 sample of owl answered cat" in labels
    browser.run("document.querySelector('.cell a[aria-label=\"1 sample of owl answered cat\"]').click()")
    browser.wait("document.querySelector('#list')")
    assert shown_ids(browser) == ["l02"]
    assert "right answer: owl" in browser.value("document.querySelector('.chips').innerText")
    browser.click(".chips a", "clear all")
    browser.wait(
        "document.querySelector('.found strong').textContent === '9'"
    )  # of the second run, whose matrix that was


def test_search_filters_and_order(opened: Opener) -> None:
    browser = opened(SPEECH)
    assert count_shown(browser) == 120 and len(shown_ids(browser)) == 50
    browser.keys("/")
    assert browser.value("document.activeElement.id") == "search"
    browser.keys(*"ZEBRA")
    browser.wait("Number(document.querySelector('.found strong').textContent) < 120")
    assert browser.value("document.activeElement.id") == "search" and browser.value("location.hash").endswith("q=ZEBRA")
    assert 20 < count_shown(browser) < 90
    browser.run("document.getElementById('search').value = ''")
    browser.keys("s", "1", "1", "9")
    browser.wait("document.querySelector('.found strong').textContent === '1'")
    browser.open(Path(browser.value("location.pathname")), SPEECH)
    for name, value, wanted in [
        ("status", "failed", 1), ("status", "", 120), ("subset", "clean", 60), ("flag", "hit_max_new_tokens", 1),
    ]:  # fmt: skip
        browser.choose(name, value)
        browser.wait(f"document.querySelector('.found strong').textContent === '{wanted}'")
    assert shown_ids(browser) == ["s005"]
    browser.open(Path(browser.value("location.pathname")), SPEECH)
    browser.choose("field", "accent")
    browser.wait("document.querySelector('select[name=is]')")
    browser.choose("is", "north")
    browser.wait("document.querySelector('.found strong').textContent === '60'")
    browser.choose("sort", "longest")
    browser.wait("document.querySelector('#list .id').textContent === 's118'")
    browser.choose("sort", "id")
    browser.wait("document.querySelector('#list .id').textContent === 's000'")
    browser.choose("right", "false")
    browser.wait("!document.querySelector('#list .marks .badge:nth-child(2).right')")
    browser.choose("sort", "worst")
    browser.wait("location.hash.includes('sort=worst')")
    errors = browser.wait(
        "(() => { const all = [...document.querySelectorAll('#list .marks')].map(each => parseInt(each.textContent));"
        "return all.length && all.every(Number.isFinite) ? all : null })()"
    )
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1] > 0


def test_runs_side_by_side(opened: Opener) -> None:
    browser = opened(SPEECH)
    assert browser.value("document.querySelectorAll('#detail .side').length") == 2
    browser.choose("differ", "a-right")
    browser.wait("Number(document.querySelector('.found strong').textContent) < 120")
    first = count_shown(browser)
    assert browser.value("document.querySelector('.side .badge').textContent") == "✓ no error"
    assert "error" in browser.value("document.querySelectorAll('.side .badge')[1].textContent")
    browser.choose("differ", "differs")
    browser.wait(f"Number(document.querySelector('.found strong').textContent) > {first}")
    browser.go("#/samples/emotion%2Fown?differ=only")
    assert count_shown(browser) == 3 and "not asked of this run" in browser.value("document.body.innerText")
    browser.choose("with", "none")
    browser.wait("document.querySelectorAll('#detail .side').length === 1")


def test_the_difference_is_marked_in_colour_signs_and_words(opened: Opener) -> None:
    browser = opened(f"{SPEECH}?id=s057&with=none")
    browser.wait("document.querySelector('.pairs .pair.s')")
    first = "document.querySelector('.pairs .pair.s')"
    assert browser.value(f"{first}.textContent").startswith("instead of ") and "≠" in browser.value(
        f"{first}.textContent"
    )
    assert browser.value(f"{first}.querySelector('ins').textContent") == "≠zebra"
    background = browser.value(f"getComputedStyle({first}).backgroundColor")
    assert background != browser.value("getComputedStyle(document.querySelector('.pairs')).backgroundColor")
    texts = browser.value("[...document.querySelectorAll('.pair del')].map(each => each.textContent)")
    assert texts and "zebra" not in texts


@pytest.mark.parametrize("embedded", [True, False])
def test_clips_play(opened: Opener, runs: tuple[RunDirectory, RunDirectory], embedded: bool) -> None:
    identity = worst_of(runs[0]) if embedded else "s000"
    browser = opened(f"{SPEECH}?id={identity}")
    browser.wait(f"document.querySelector('#detail h2').textContent === '{identity}'")
    source = browser.value("document.querySelector('audio').src")
    assert source.startswith("blob:" if embedded else "file:"), source
    assert browser.value("document.querySelector('audio').preload") == "none"
    browser.keys(" ")
    browser.wait("document.querySelector('audio').currentTime > 0.1 && !document.querySelector('audio').error")
    browser.keys(" ")
    browser.wait("document.querySelector('audio').paused")


def test_a_clip_that_was_not_found_is_named(opened: Opener) -> None:
    browser = opened(f"{SPEECH}?id=s050")
    assert browser.value("document.querySelector('audio')") is None
    assert "No audio: its file was not found" in browser.value("document.querySelector('#detail').innerText")
    assert "clips/s050.wav" in browser.value("document.querySelector('#detail').innerText")


def test_keys(opened: Opener) -> None:
    browser = opened(f"{SPEECH}?sort=id")
    current = "document.querySelector('#list [aria-current] .id').textContent"
    heading = "document.querySelector('#detail h2').textContent"
    for key, wanted in [
        ("j", "s001"),
        ("\ue015", "s002"),
        ("k", "s001"),
        ("\ue013", "s000"),
        ("k", "s000"),
        ("n", "s050"),
    ]:
        browser.keys(key)
        assert browser.value(current) == browser.value(heading) == wanted
    assert browser.value("document.activeElement.getAttribute('aria-current')") == "true"
    browser.keys("k")
    assert browser.value(current) == "s049" and len(shown_ids(browser)) == 50
    browser.keys("?")
    assert browser.value("document.querySelector('dialog').open") is True
    browser.keys("j", "\ue00c")
    browser.wait("!document.querySelector('dialog')")
    assert browser.value(current) == "s049"
    browser.keys("/", "j")
    assert browser.value("document.getElementById('search').value") == "j" and browser.value(heading) == "s049"
    browser.keys("\ue00c")
    assert browser.value("document.activeElement.tagName") == "BODY"
    browser.keys("\ue00c")
    browser.wait("location.hash === '#/task/asr%2Fown'")
    browser.keys("\ue00c")
    browser.wait("location.hash === '#/'")


def test_every_control_is_reached_by_tab_and_has_a_name(opened: Opener) -> None:
    browser = opened(SPEECH)
    browser.keys("\ue004")
    assert browser.value("document.activeElement.className") == "skip"
    names = browser.value(
        "[...document.querySelectorAll('button, select, input, audio, a, summary')].filter(each => !("
        "each.ariaLabel || each.textContent.trim() || (each.labels && each.labels.length))).map(each => each.outerHTML)"
    )
    assert names == []
    assert (
        browser.value("document.querySelectorAll('main, header, nav[aria-label], form[role=search], article').length")
        >= 5
    )
    browser.keys("\ue004", "\ue004")
    assert "2px" in browser.value("getComputedStyle(document.activeElement).outlineWidth")


def test_light_and_dark(opened: Opener) -> None:
    browser = opened("")
    paper = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for system in ("light", "dark"):
        features = {"features": [{"name": "prefers-color-scheme", "value": system}]}
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        seen[system] = browser.value(paper)
    assert seen["light"] != seen["dark"]
    browser.click("#theme")
    assert browser.value(paper) == seen["light"] and "light" in browser.value(
        "document.getElementById('theme').ariaLabel"
    )
    browser.keys("t")
    assert browser.value(paper) == seen["dark"]
    browser.driver.refresh()
    browser.wait("document.querySelector('main h1')")
    assert browser.value("document.documentElement.dataset.theme") == "dark"
    browser.keys("t")
    assert browser.value("document.documentElement.dataset.theme") == "auto"


@pytest.mark.parametrize("place", ["", "#/task/asr%2Fown", "#/task/emotion%2Fown", SPEECH, "#/runs"])
def test_nothing_is_wider_than_a_phone(opened: Opener, place: str) -> None:
    browser = opened("")
    browser.size(375, 700)
    browser.go(place or "#/")
    assert browser.value("document.documentElement.scrollWidth") == 375
    if place == SPEECH:
        assert browser.value("getComputedStyle(document.getElementById('detail')).display") == "none"
        browser.click("#list a", "s001")
        assert browser.value("getComputedStyle(document.getElementById('detail')).display") == "block"
        assert browser.value("document.documentElement.scrollWidth") == 375
        browser.click(".back")
        assert browser.value("getComputedStyle(document.getElementById('list')).display") != "none"


def test_back_returns_to_where_one_was(opened: Opener) -> None:
    browser = opened("")
    browser.click(".scores a", "own")
    browser.wait("document.querySelector('a.strong')")
    browser.click("a.strong")
    browser.wait("document.querySelector('#list')")
    browser.driver.back()
    browser.wait("document.querySelector('a.strong')")
    browser.driver.back()
    browser.wait("document.querySelector('.scores')")


@pytest.mark.parametrize(
    "place", ["#/samples/none", "#/task/%ff", "#/samples/asr%2Fown?page=-9&id=none&run=77&sort=x", "#//?=&=&"]
)
def test_odd_addresses_lead_somewhere(opened: Opener, place: str) -> None:
    assert opened(place).value("document.querySelector('main').innerText").strip()


def test_a_control_and_an_unfinished_task_say_so(browser: Browser, tmp_path: Path) -> None:
    run = made.make_run(tmp_path / "run", {"t": (made.WER, made.speech(12))}, finished=False)
    record = run.must_read()
    record.control = "silence"
    run.write(record)
    page.write(data.read([run], tmp_path / "report.html", 0), tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    text = browser.value("document.querySelector('main').innerText")
    assert "is a control and no measure of the model" in text and "not finished" in text and "11 of 12" in text
    browser.go("#/task/t")
    assert "11 of 12 samples are answered" in browser.value("document.querySelector('.warning').textContent")
    browser.go("#/samples/t")
    assert count_shown(browser) == 11 and browser.complaints() == []


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    tasks = made.hostile()
    one = made.make_run(folder / "one", tasks, made.HOSTILE[1], made.HOSTILE[2])
    two = made.make_run(folder / "two", tasks, made.HOSTILE[2] + made.HOSTILE[6], made.HOSTILE[4])
    verdict = Verdict(next(iter(tasks)), made.HOSTILE[0], "wer", 1.0, 2.0, made.HOSTILE[1], [made.HOSTILE[2]])
    report = data.read([made.with_halves(one), made.with_halves(two)], folder / "page.html", 5, verdicts={0: [verdict]})
    page.write(report, folder / "page.html")
    return folder / "page.html"


def test_what_a_run_holds_is_text(browser: Browser, hostile: Path) -> None:
    browser.complaints(), browser.requests()
    browser.open(hostile)
    names = browser.value("[...document.querySelectorAll('.scores .c-task a')].map(each => each.getAttribute('href'))")
    assert len(names) == 4
    places = [
        "#/",
        "#/runs",
        *dict.fromkeys(names),
        *dict.fromkeys(name.replace("#/task", "#/samples") for name in names),
    ]
    for place in places:
        browser.go(place)
        if "/samples/" not in place:
            continue
        for at in range(int(browser.value("document.querySelectorAll('#list li').length"))):
            browser.run("document.querySelectorAll('#list a')[arguments[0]].click()", at)
            browser.run("document.querySelectorAll('#detail details').forEach(each => { each.open = true })")
    # Nothing ran, and there is no element or address that the page did not make
    assert browser.value("window.pwned") is None
    assert (
        browser.value("document.querySelectorAll('main :is(script, img, style, iframe, textarea, b, title)').length")
        == 0
    )
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith((hostile.as_uri(), "about:", "data:"))] == []


def test_hidden_signs_are_seen_and_turn_nothing(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    name = browser.value("document.querySelector('.scores .c-task a').getAttribute('href')").replace(
        "/task/", "/samples/"
    )
    browser.go(name + "?sort=id")
    text = browser.value("document.querySelector('#list').innerText")
    for code in ("U+202E", "U+2066", "U+0000", "U+001B", "U+2028", "U+D83D", "U+DC00", "U+200F"):
        assert code in text
    raw = browser.value("document.querySelector('main').textContent")
    assert not any(sign in raw for sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u0000\u001b\u2028")
    assert "<script>window.pwned = 1</script>" in raw and "{{ 7 * 7 }}" in raw
    assert browser.value(
        "[...document.querySelectorAll('bdi')].every(each => getComputedStyle(each).unicodeBidi === 'isolate')"
    )


def test_an_answer_of_a_million_signs_is_cut_until_asked_for(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    name = browser.value("document.querySelector('.scores .c-task a').getAttribute('href')").replace(
        "/task/", "/samples/"
    )
    browser.go(name + "?id=long")
    shown = "document.querySelector('.quote').textContent.length"
    assert browser.value(shown) < 3_000
    browser.click(".quote button", "show all 1,080,000 characters")
    assert browser.value(shown) == 1_080_000
    steps = browser.value("document.querySelectorAll('.pairs .pair').length")
    assert steps == 600 and "show all 120,000 steps" in browser.value("document.querySelector('#detail').innerText")
    browser.keys("k")
    assert browser.complaints() == []
