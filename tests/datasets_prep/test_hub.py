"""Files of the hub, from a double of it; other processes fetch them, since HF_ENDPOINT is read at import."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from file_server import LOCAL, unused_port
from hub_double import ID, HubDouble
from support import CHECKOUT, ENVIRONMENT

from datasets_prep import hub as hubs
from datasets_prep.corpus import Hub

FILES = {
    "README.md": b"# Sounds\n",
    "data/one.parquet": random.Random(1).randbytes(50_000),
    "data/two.parquet": random.Random(2).randbytes(300_000),
    "data/deep/three.wav": b"RIFF",
    "other/four.wav": b"RIFX",
    "data/sounds.py": b"import os; os.remove('/')",
    "data/sounds.PKL": b"cos\nsystem",
    "data/model.bin": b"weights",
}
DATA = {name: FILES[name] for name in ("data/one.parquet", "data/two.parquet", "data/deep/three.wav")}
FETCH = """
import json, sys
from pathlib import Path
from datasets_prep import hub
from datasets_prep.corpus import CorpusError, Hub
from datasets_prep.patience import Patience
for line in sys.stdin:
    asked = json.loads(line)
    hub.SMALL = asked.pop("small")
    try:
        wanted = Hub(asked["id"], asked["revision"], tuple(asked["files"]))
        folder, commit = hub.fetch_hub(wanted, Path(asked["folder"]), Patience(pause=0.01))
        said = {"folder": str(folder), "commit": commit}
    except CorpusError as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
"""


def environment(url: str, home: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in ENVIRONMENT.items() if not key.startswith(("HF_", "TRANSFORMERS_OFFLINE"))}
    return {**kept, **LOCAL, "HF_ENDPOINT": url, "HF_HOME": str(home), **more}


class Fetcher:
    """A process that fetches what it is told to."""

    def __init__(self, surroundings: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-c", FETCH], cwd=CHECKOUT, env=surroundings, stdin=pipe, stdout=pipe, stderr=pipe,
            text=True, bufsize=1,
        )  # fmt: skip

    def tell(
        self, folder: Path, revision: str | None = None, files: tuple[str, ...] = ("data/*",), **more: Any
    ) -> None:
        assert self.process.stdin is not None
        asked = {"id": ID, "folder": str(folder), "revision": revision, "files": files, "small": 2**25, **more}
        self.process.stdin.write(json.dumps(asked) + "\n")

    def fetch(
        self, folder: Path, revision: str | None = None, files: tuple[str, ...] = ("data/*",), **more: Any
    ) -> Any:
        self.tell(folder, revision, files, **more)
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def close(self) -> str:
        """Returns what it wrote to the standard error."""
        return self.process.communicate(timeout=10)[1]


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubDouble, Fetcher]]:
    """The double, and a process that was started with it."""
    double = HubDouble()
    fetcher = Fetcher(environment(double.url, tmp_path_factory.mktemp("home"), HF_TOKEN="hf_secret"))
    yield double, fetcher
    assert fetcher.close() == "", "nothing is said where there is no terminal"
    double.close()


@pytest.fixture
def hub(doubled: tuple[HubDouble, Fetcher]) -> HubDouble:
    double = doubled[0]
    double.gated = double.private = False
    double.cuts, double.damaged, double.failing, double.nap = [], [], [], 0.0
    double.asked.clear()
    double.sent.clear()
    double.commit(FILES)
    return double


@pytest.fixture
def fetcher(hub: HubDouble, doubled: tuple[HubDouble, Fetcher]) -> Fetcher:
    return doubled[1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_matches_comes_and_programs_and_pickles_never_do(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    folder = tmp_path / "downloads/sounds"
    assert fetcher.fetch(folder) == {"folder": str(folder), "commit": hub.head}
    assert content(folder) == DATA and sorted(hub.got()) == sorted(DATA)
    assert names(folder.parent) == ["sounds", "sounds.hub.json"]
    assert "Bearer hf_secret" in hub.tokens
    assert fetcher.fetch(folder)["commit"] == hub.head
    assert sorted(hub.got()) == sorted(DATA), "what is there does not come again"


def test_the_first_commit_is_kept_to(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    folder, first = tmp_path / "sounds", hub.head
    assert fetcher.fetch(folder, files=("data/one.parquet",))["commit"] == first
    assert hubs.recorded_commit(Hub(ID), folder) == first
    assert hubs.recorded_commit(Hub("someone/else"), folder) is None
    second = hub.commit({**FILES, "data/deep/three.wav": b"RIFF changed"})
    assert fetcher.fetch(folder, files=("data/deep/*",))["commit"] == first
    assert (folder / "data/deep/three.wav").read_bytes() == b"RIFF"
    assert fetcher.fetch(tmp_path / "new", files=("data/deep/*",))["commit"] == second
    for revision in (first, "main"):
        pinned = fetcher.fetch(tmp_path / f"at {revision}", revision, ("data/deep/*",))
        assert pinned["commit"] == {"main": second}.get(revision, first)


def test_another_file_in_its_place_stays(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/one.parquet").write_bytes(b"mine")
    said = fetcher.fetch(tmp_path)["error"]
    assert said == (
        f"{tmp_path}/data/one.parquet is there with other content than the hub's: move it away, and say the same again"
    )
    assert content(tmp_path / "data") == {"one.parquet": b"mine"} and not hub.got()


def test_a_gated_repository(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    hub.gated = True
    said = fetcher.fetch(tmp_path / "sounds")["error"]
    assert said == (
        f"{ID} is not for everyone: accept the terms at https://huggingface.co/datasets/{ID} and log in with "
        "`hf auth login` (or set HF_TOKEN)"
    )
    assert names(tmp_path) == ["sounds.hub.json"]


def test_what_is_not_there(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    said = fetcher.fetch(tmp_path / "sounds", files=("nothing/*", "data/*.py"))["error"]
    assert f"{ID} holds no file nothing/* or data/*.py at {hub.head[:12]}" in said
    for revision in ("0" * 40, "no-such-branch"):
        assert f"{ID} has no revision {revision}" in fetcher.fetch(tmp_path / "sounds", revision)["error"]
    hub.private = True
    assert f"the hub shows no dataset {ID}" in fetcher.fetch(tmp_path / "other")["error"]
    assert not names(tmp_path)


def test_a_name_that_leads_out_is_refused(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    hub.commit({"data/../../out.wav": b"RIFF"})
    assert "leads out of it" in fetcher.fetch(tmp_path / "sounds")["error"] and not hub.got()


def test_a_dropped_connection(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    hub.cuts = [120_000]
    assert "commit" in fetcher.fetch(tmp_path / "sounds", files=("data/two.parquet",), small=1_000)
    assert content(tmp_path / "sounds") == {"data/two.parquet": DATA["data/two.parquet"]}
    assert hub.got() == ["data/two.parquet"] * 2


@pytest.mark.parametrize("name", ["data/one.parquet", "data/two.parquet"])
def test_a_damaged_file_comes_once_more(name: str, hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    """One is hashed by git, the other is large."""
    hub.damaged = [name]
    assert "commit" in fetcher.fetch(tmp_path / "sounds")
    assert content(tmp_path / "sounds") == DATA and hub.got().count(name) == 2
    hub.damaged = [name] * 2
    said = fetcher.fetch(tmp_path / "other")["error"]
    assert f"{name} of {ID} has not the checksum that the hub says, twice" in said and not (tmp_path / "other").exists()
    assert "commit" in fetcher.fetch(tmp_path / "other") and content(tmp_path / "other") == DATA


def test_the_hub_fails_for_a_moment(hub: HubDouble, fetcher: Fetcher, tmp_path: Path) -> None:
    hub.failing = [503]
    assert "commit" in fetcher.fetch(tmp_path / "sounds")
    hub.failing = [418]
    assert f"the hub says 418, asked for {ID}" in fetcher.fetch(tmp_path / "other")["error"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_gone_on_with(
    number: signal.Signals, hub: HubDouble, fetcher: Fetcher, tmp_path: Path
) -> None:
    killed = Fetcher(environment(hub.url, tmp_path / "home"))
    hub.nap = 0.05
    killed.tell(tmp_path / "down/sounds", small=100_000)
    while hub.sent.get("data/two.parquet", 0) < 50_000:
        assert killed.process.poll() is None, killed.close()
        time.sleep(0.005)
    start = time.monotonic()
    killed.process.send_signal(number)
    assert ("KeyboardInterrupt" in killed.close()) == (number == signal.SIGINT) and time.monotonic() - start < 2
    assert hub.sent["data/two.parquet"] < 300_000 and not (tmp_path / "down/sounds").exists()
    hub.nap, hub.asked = 0.0, []
    newer = hub.commit({**FILES, "data/new.wav": b"RIFF"})
    first = fetcher.fetch(tmp_path / "down/sounds")["commit"]
    assert first != newer and content(tmp_path / "down/sounds") == DATA and hub.got() == ["data/two.parquet"]
    assert names(tmp_path / "down") == ["sounds", "sounds.hub.json"]


def test_offline_and_no_network_are_sentences(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{unused_port()}"
    offline = Fetcher(environment(nowhere, tmp_path / "home", HF_HUB_OFFLINE="1"))
    alone = Fetcher(environment(nowhere, tmp_path / "home"))
    for revision in (None, "0" * 40):
        assert offline.fetch(tmp_path / "sounds", revision)["error"] == (
            f"{ID} is not fetched while HF_HUB_OFFLINE is set: unset it, or put its files into {tmp_path}/sounds"
        )
    assert "the hub cannot be reached (ConnectError)" in alone.fetch(tmp_path / "sounds")["error"]
    assert offline.close() == "" and alone.close() == "" and names(tmp_path) in ([], ["home"])
