"""What a split lacks is downloaded, where that is allowed and possible."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import layouts
import pytest
from file_server import Act, FileServer, serving

from datasets_prep import __main__ as commands
from datasets_prep import obtain as obtaining
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, FullDiskError, Hub, Split, corpora, get_corpus
from datasets_prep.obtain import commits, obtain
from datasets_prep.patience import Patience
from datasets_prep.source import find_all

QUICK = Patience(tries=2, pause=0.01, timeout=1.0)
HOME = "https://example.org/birds"
FILES = {f"/{name}": name.encode() for name in ("sound.zip", "table.csv", "big.zip", "big.z01", "copy.tar.gz")}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FILES) as found:
        yield found


def corpus(server: FileServer) -> Corpus:
    """One of two archives, one in parts, and one that nobody can download."""
    archives = (
        Archive("sound.zip", url=f"{server.url}/sound.zip", also=("sounds/old.zip",), unpacked=("birds", "sound")),
        Archive("table.csv", url=f"{server.url}/table.csv"),
        Archive("big.zip", url=f"{server.url}/big.zip", parts=("big.z01",)),
        Archive("bought.zip"),
        Archive("page.zip", url="https://drive.google.com/file/d/1WYf"),
    )
    return Corpus(
        name="birds", title="Birds", tasks=("asc",), languages=(), home=HOME, licence="CC0", access=Access.open,
        citation="none", archives=archives, rows=lambda split, trees: [], layout="none",
        splits=(
            Split("test", ("sound.zip", "table.csv"), loose=("birds.txt",)), Split("big", ("big.zip",)),
            Split("hard", ("table.csv", "page.zip", "bought.zip")),
        ),
    )  # fmt: skip


def paths(server: FileServer) -> list[str]:
    return [asked.path for asked in server.asked]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_missing_comes(server: FileServer, tmp_path: Path) -> None:
    birds, folder = corpus(server), tmp_path / "downloads/birds"
    for _ in range(2):
        assert obtain(birds, birds.split("test"), folder, QUICK) == folder
    assert paths(server) == ["/sound.zip", "/table.csv"] and names(folder) == ["sound.zip", "table.csv"]
    assert set(find_all(birds, birds.split("test"), folder)) == {"sound.zip", "table.csv"}


@pytest.mark.parametrize("there", ["sound.zip", "sounds/old.zip", "birds/a.wav", "sound/a.wav", "birds.txt"])
def test_what_is_there_in_any_form_does_not_come(there: str, server: FileServer, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(b"mine")
    birds = corpus(server)
    obtain(birds, birds.split("test"), tmp_path, QUICK)
    assert paths(server) == ["/table.csv"] and (tmp_path / there).read_bytes() == b"mine"


def test_a_folder_for_downloads_is_not_what_it_is_called_after(server: FileServer, tmp_path: Path) -> None:
    """`sound.zip` unpacks to `birds`, and so the corpus's own folder is called."""
    birds, folder = corpus(server), tmp_path / "birds"
    (folder / "table.csv").parent.mkdir()
    (folder / "table.csv").write_text("")
    (folder / "big.zip.part").write_text("")
    obtain(birds, birds.split("test"), folder, QUICK)
    assert paths(server) == ["/sound.zip"]
    (folder / "sound.zip").rename(folder / "a.wav")
    obtain(birds, birds.split("test"), folder, QUICK)
    assert paths(server) == ["/sound.zip"], "this is what it unpacks to"


def test_a_part_that_is_missing_comes(server: FileServer, tmp_path: Path) -> None:
    birds = corpus(server)
    (tmp_path / "big.zip").write_bytes(b"mine")
    obtain(birds, birds.split("big"), tmp_path, QUICK)
    assert paths(server) == ["/big.z01"] and (tmp_path / "big.zip").read_bytes() == b"mine"


def test_nothing_comes_before_it_is_clear_that_all_can(server: FileServer, tmp_path: Path) -> None:
    birds, folder = corpus(server), tmp_path / "folder"
    with pytest.raises(CorpusError) as refused:
        obtain(birds, birds.split("hard"), folder, QUICK)
    assert str(refused.value) == (
        "page.zip cannot be downloaded by a program: open https://drive.google.com/file/d/1WYf, and put the file into "
        f"{folder} as page.zip; likewise bought.zip"
    )
    assert not server.asked and not folder.exists()
    folder.mkdir()
    (folder / "page.zip").touch()
    with pytest.raises(CorpusError) as refused:
        obtain(birds, birds.split("hard"), folder, QUICK)
    assert str(refused.value) == (
        f"bought.zip cannot be downloaded by a program: get it from {HOME}, and put the file into {folder} as bought.zip"
    )
    (folder / "bought.zip").touch()
    obtain(birds, birds.split("hard"), folder, QUICK)
    assert paths(server) == ["/table.csv"]


@pytest.mark.parametrize("access", [Access.agreement, Access.paid])
def test_what_is_not_open_is_asked_for(access: Access, server: FileServer, tmp_path: Path) -> None:
    birds = replace(corpus(server), access=access)
    with pytest.raises(CorpusError) as refused:
        obtain(birds, birds.split("test"), tmp_path, QUICK)
    assert str(refused.value) == (
        f"birds is not downloaded for you, for {access.value}: ask at {HOME}, and put sound.zip, table.csv into "
        f"{tmp_path}"
    )
    assert not server.asked
    for name in ("sound.zip", "table.csv"):
        (tmp_path / name).touch()
    assert obtain(birds, birds.split("test"), tmp_path, QUICK) == tmp_path, "what is there is enough"


def test_a_copy_comes_where_the_official_archives_cannot(server: FileServer, tmp_path: Path) -> None:
    birds = corpus(server)
    copied = Archive("copy.tar.gz", url=f"{server.url}/copy.tar.gz")
    copy = replace(birds, archives=(copied,), splits=(Split("hard", ("copy.tar.gz",)), Split("test", ("copy.tar.gz",))))
    birds = replace(birds, copies=(copy,))
    obtain(birds, birds.split("hard"), tmp_path / "one", QUICK)
    obtain(birds, birds.split("test"), tmp_path / "two", QUICK)
    assert names(tmp_path / "one") == ["copy.tar.gz"] and names(tmp_path / "two") == ["sound.zip", "table.csv"]
    (tmp_path / "three").mkdir()
    (tmp_path / "three/copy.tar.gz").touch()
    obtain(birds, birds.split("test"), tmp_path / "three", QUICK)
    assert names(tmp_path / "three") == ["copy.tar.gz"], "a copy that is there is enough"
    (tmp_path / "four").mkdir()
    (tmp_path / "four/table.csv").touch()
    (tmp_path / "four/page.zip").touch()
    with pytest.raises(CorpusError, match=r"bought.zip cannot be downloaded"):
        obtain(birds, birds.split("hard"), tmp_path / "four", QUICK)
    with pytest.raises(CorpusError, match=r"is not downloaded for you"):
        obtain(replace(birds, access=Access.agreement), birds.split("hard"), tmp_path / "five", QUICK)


def test_a_failure_leaves_what_came(server: FileServer, tmp_path: Path) -> None:
    birds = corpus(server)
    server.script = [Act(), Act(404)]
    with pytest.raises(CorpusError, match=rf"404 Not Found: it is no longer there, put table.csv into .*{HOME}"):
        obtain(birds, birds.split("test"), tmp_path, QUICK)
    assert names(tmp_path) == ["sound.zip"]
    obtain(birds, birds.split("test"), tmp_path, QUICK)
    assert paths(server) == ["/sound.zip", "/table.csv", "/table.csv"]


def test_files_of_the_hub_go_below_the_repository(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double of fetch_hub, which has tests of its own."""
    fetched: list[tuple[Hub, Path]] = []

    def fetch(hub: Hub, folder: Path, patience: Patience | None) -> tuple[Path, str]:
        fetched.append((hub, folder))
        (folder / "test").mkdir(parents=True)
        return folder, "0" * 40

    monkeypatch.setattr(obtaining, "fetch_hub", fetch)
    hub = Hub("someone/Birds", files=("test/*",))
    archive = Archive("Birds/test", unpacked=("Birds/test",), hub=hub)
    birds = replace(corpus(server), archives=(archive,), splits=(Split("test", ("Birds/test",)),))
    for _ in range(2):
        obtain(birds, birds.splits[0], tmp_path / "downloads", QUICK)
    assert fetched == [(hub, tmp_path / "downloads/Birds")]
    note = {"id": hub.id, "revision": "0" * 40}
    assert commits(birds, birds.splits[0], tmp_path / "downloads") == {}
    (tmp_path / "downloads/Birds.hub.json").write_text(json.dumps(note))
    assert commits(birds, birds.splits[0], tmp_path / "downloads") == {hub.id: "0" * 40}


def test_the_command_downloads_and_prepares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archives = layouts.build(layouts.load("librispeech"), tmp_path / "archives")
    files = {f"/{path.name}": path.read_bytes() for path in archives.iterdir()}
    with serving(files) as server:
        known = get_corpus("librispeech")
        published = [
            Archive(each.name, url=f"{server.url}/{each.name}", unpacked=each.unpacked, tables=each.tables)
            for each in known.archives
        ]
        small = replace(known, archives=tuple(published))
        monkeypatch.setattr(commands, "get_corpus", lambda _: small)
        words = ["prepare", "librispeech", "--root", str(tmp_path / "data"), "--subset", "test-clean", "--unofficial"]
        for said in ("prepared", "already prepared"):
            assert commands.main(words) == 0
            assert f"librispeech test-clean: {said}," in capsys.readouterr().out
        assert paths(server) == ["/test-clean.tar.gz"]
    assert names(tmp_path / "data/downloads/librispeech") == ["test-clean.tar.gz"]


def test_a_full_disk_is_a_stop_to_go_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise FullDiskError("the disk of X is full")

    monkeypatch.setattr(commands, "obtain", full)
    assert commands.main(["prepare", "gtzan", "--subset", "all", "--root", str(tmp_path)]) == 3
    assert capsys.readouterr().err == "datasets_prep: the disk of X is full\n"


def test_the_hubs_files_are_declared_so_that_they_are_found() -> None:
    declared = [
        archive for known in corpora().values() for form in (known, *known.copies) for archive in form.archives
        if archive.hub and not archive.url
    ]  # fmt: skip
    assert declared
    for archive in declared:
        below = PurePosixPath(*PurePosixPath(archive.name).parts[1:]).as_posix()
        for pattern in archive.hub.files if archive.hub else ():
            assert below == "." or pattern == below or pattern.startswith(f"{below}/"), archive.name
