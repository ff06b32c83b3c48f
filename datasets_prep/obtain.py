"""Getting the archives that a subset needs and that are not there: by HTTP, or from the Hugging Face hub."""

from pathlib import Path, PurePosixPath

from datasets_prep import hub
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Split
from datasets_prep.download import Patience, download
from datasets_prep.source import find, form_in


def obtain(corpus: Corpus, split: Split, folder: Path, patience: Patience | None = None) -> None:
    """Download into ``folder`` the archives of a subset that it lacks, whole or unpacked. Raises CorpusError."""
    corpus, split = form_in(corpus, split, folder) or (corpus, split) if folder.is_dir() else (corpus, split)
    for name in split.archives:
        archive = corpus.archive(name)
        loose = split.loose if name == split.archives[0] else ()
        there = folder.is_dir() and find(archive, folder, loose)
        if not there or (archive.hub and hub.is_unfinished(_home(archive, folder))):
            _bring(corpus, archive, folder, patience)


def commits(corpus: Corpus, split: Split, folder: Path) -> dict[str, str]:
    """Of the repositories of the hub that a subset's folders were fetched from: the commit."""
    archives = [archive for archive in corpus.archives if archive.name in split.archives and archive.hub]
    found = {archive.hub.id: hub.commit_of(_home(archive, folder)) for archive in archives if archive.hub}
    return {name: commit for name, commit in found.items() if commit}


def _home(archive: Archive, folder: Path) -> Path:
    """Where the files of a repository go."""
    return folder / PurePosixPath(archive.name).parts[0]


def _bring(corpus: Corpus, archive: Archive, folder: Path, patience: Patience | None) -> None:
    what = "the folder" if archive.is_folder else "the file"
    if corpus.access is not Access.open:
        raise CorpusError(
            f"{corpus.name} is not to be downloaded by programs, since {corpus.access.value}: ask at {corpus.home}, "
            f"and put {what} {archive.name} into {folder}"
        )
    if archive.hub:
        hub.fetch(archive.hub, _home(archive, folder))
    elif archive.url:
        download(archive, folder, patience)
    else:
        raise CorpusError(
            f"{corpus.name} needs {what} {archive.name}, which has no place to download it from: see {corpus.home}, "
            f"and put it into {folder}"
        )
