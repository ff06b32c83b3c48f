"""The archives of a split, downloaded where that is allowed and possible, and a sentence where it is not."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Split
from datasets_prep.download import download, not_for_programs
from datasets_prep.hub import fetch_hub, recorded_commit
from datasets_prep.patience import Patience
from datasets_prep.source import find

OURS = (".part", ".part.json", ".hub.json")
"""How the names of files end that downloads leave beside archives."""


def obtain(corpus: Corpus, split: Split, folder: Path, patience: Patience | None = None) -> Path:
    """Bring what a folder lacks of a split's archives, of the corpus or else of one of its copies; returns the folder.

    What is there by any of its names, or unpacked, is not brought again. Nothing is downloaded before it is clear that
    all of it can be. Raises CorpusError with where to get what, and where to put it.
    """
    form, missing = _form(corpus, split, folder)
    if not missing:
        return folder
    if corpus.access is not Access.open or form.access is not Access.open:
        raise CorpusError(
            f"{corpus.name} is not downloaded for you, for {corpus.access.value}: ask at {corpus.home}, and put "
            f"{_some([archive.name for archive in missing])} into {folder}"
        )
    by_hand = {archive.name: said for archive in missing if (said := _by_hand(archive, folder, form.home))}
    if by_hand:
        first, *others = by_hand
        raise CorpusError(by_hand[first] + (f"; likewise {_some(others)}" if others else ""))
    folder.mkdir(parents=True, exist_ok=True)
    for archive in missing:
        if archive.url is None and archive.hub is not None:
            fetch_hub(archive.hub, _repository(archive, folder), patience)
        else:
            download(archive, folder, form.home, patience)
    return folder


def commits(corpus: Corpus, split: Split, folder: Path) -> dict[str, str]:
    """Of the repositories of the hub that a split's archives were fetched from into a folder: the commit, by id."""
    archives = [corpus.archive(name) for name in split.archives]
    found = {each.hub.id: recorded_commit(each.hub, _repository(each, folder)) for each in archives if each.hub}
    return {name: commit for name, commit in found.items() if commit}


def _repository(archive: Archive, folder: Path) -> Path:
    """Where the files of its repository go, which the first part of its name stands for."""
    return folder / PurePosixPath(archive.name).parts[0]


def _form(corpus: Corpus, split: Split, folder: Path) -> tuple[Corpus, list[Archive]]:
    """The corpus, or the copy, to go by, and which of its archives are missing: the one that is whole, else that is
    begun, else that can be downloaded, else the official one."""
    copied = [(copy, own) for copy in corpus.copies for own in copy.splits if own.name == split.name]
    found = [(form, own.archives, _missing(form, own, folder)) for form, own in [(corpus, split), *copied]]
    for form, names, missing in found:
        if not missing or names[0] not in [archive.name for archive in missing]:
            return form, missing
    for form, _, missing in found:
        if not any(_by_hand(archive, folder, form.home) for archive in missing):
            return form, missing
    return found[0][0], found[0][2]


def _missing(form: Corpus, split: Split, folder: Path) -> list[Archive]:
    archives = [form.archive(name) for name in split.archives]
    return [each for each in archives if not _is_there(form, each, folder, split.loose if each is archives[0] else ())]


def _is_there(form: Corpus, archive: Archive, folder: Path, loose: Sequence[str]) -> bool:
    found = find(archive, folder, loose) if folder.is_dir() else None
    if found is None:
        return False
    if found.prefix is None:
        return all((found.path.parent / part).is_file() for part in archive.parts)
    if found.path != folder or found.only:
        return True
    # A folder for downloads may be called what the archive unpacks to: it is that only with what no download brought
    brought = {PurePosixPath(name).parts[0] for each in form.archives for name in (each.name, *each.parts)}
    return any(path.name not in brought and not path.name.endswith(OURS) for path in folder.iterdir())


def _by_hand(archive: Archive, folder: Path, home: str) -> str | None:
    """The sentence of an archive that a person has to get; None where it can be downloaded."""
    return None if archive.url is None and archive.hub is not None else not_for_programs(archive, folder, home)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f", ... ({len(names)})" if len(names) > most else "")
