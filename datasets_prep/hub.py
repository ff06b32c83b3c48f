"""Files of a dataset repository of the Hugging Face hub, at one commit, held against the hub's own checksums.

Each file comes whole or not at all; what is whole stays for the next time, also when the process is killed, and a file
that is not begins anew. Nothing of a repository is run: programs and pickles are left where they are.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from datasets_prep.corpus import CorpusError, Hub
from datasets_prep.download import check_room, disk, progress_bar
from datasets_prep.patience import Patience
from datasets_prep.pool import spread
from datasets_prep.record import replace_file

NEVER = (".py", ".pyc", ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".so")
"""How the names of files end that could run something when they are read."""
COMMIT = re.compile(r"[0-9a-f]{40}")
SMALL = 2**25
"""Bytes; smaller files come several at a time. Larger ones come one by one, so that Ctrl-C waits for none of them."""
THREADS = 8
LIBRARY = ".cache"
"""Where the library keeps what it needs itself, below the files."""
TRIES = 3
"""In a row, each of which is several to the library."""

Result = TypeVar("Result")


def fetch_hub(hub: Hub, folder: Path, patience: Patience | None = None) -> tuple[Path, str]:
    """Bring the files that ``hub.files`` match to ``<folder>/<path in the repository>``; returns the folder and the
    commit.

    Where no revision is pinned, the newest commit is taken the first time, and kept to from then on: it stands in
    ``<folder>.hub.json``. The files move in when all of them are there. A token of `hf auth login` or HF_TOKEN is sent
    to the hub, if there is one. Raises CorpusError.
    """
    patience = patience or Patience()
    with disk(folder), _sentences(hub, folder), _quiet():
        commit = _commit(hub, folder, patience)
        files = _files(hub, commit, patience)
        folder.parent.mkdir(parents=True, exist_ok=True)
        replace_file(_note(folder), json.dumps({"id": hub.id, "revision": commit}, indent=1).encode() + b"\n")
        asked = json.dumps([hub.id, commit, hub.files]).encode()
        with _claimed(folder.with_name(f"{folder.name}.{hashlib.sha256(asked).hexdigest()[:8]}.part")) as staging:
            missing = [file for file in files if not _is_there(folder, file)]
            came = [file for file in missing if (staging / file.path).exists()]
            check_room(folder.parent, hub.id, sum(file.size for file in missing) - sum(file.size for file in came))
            _fetch_all(hub, commit, missing, staging, patience)
            shutil.rmtree(staging / LIBRARY, ignore_errors=True)
            _move_in(staging, folder)
    return folder, commit


def recorded_commit(hub: Hub, folder: Path) -> str | None:
    """The commit that a folder was fetched at, None where none is known."""
    try:
        entry = json.loads(_note(folder).read_bytes())
        return entry["revision"] if entry["id"] == hub.id and COMMIT.fullmatch(entry["revision"]) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def page_of(hub: Hub) -> str:
    """Where a person can look at a repository."""
    return f"https://huggingface.co/datasets/{hub.id}"


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.hub.json")


def _commit(hub: Hub, folder: Path, patience: Patience) -> str:
    from huggingface_hub import HfApi

    wanted = hub.revision or recorded_commit(hub, folder)
    if wanted and COMMIT.fullmatch(wanted):
        return wanted
    found = _patiently(lambda: HfApi().dataset_info(hub.id, revision=wanted).sha, patience)
    if not found or not COMMIT.fullmatch(found):
        raise CorpusError(f"the hub does not say the commit of {hub.id}: name it as the revision")
    return str(found)


def _files(hub: Hub, commit: str, patience: Patience) -> list[Any]:
    """The files that are wanted, as the hub lists them: path, size, blob_id and, of a large one, lfs.sha256."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils import filter_repo_objects

    def listed() -> list[Any]:
        tree = HfApi().list_repo_tree(hub.id, recursive=True, revision=commit, repo_type="dataset")
        return [entry for entry in tree if isinstance(entry, RepoFile)]

    files = [
        file
        for file in filter_repo_objects(
            _patiently(listed, patience), allow_patterns=list(hub.files), key=lambda file: file.path
        )
        if not file.path.lower().endswith(NEVER)
    ]
    if not files:
        raise CorpusError(
            f"{hub.id} holds no file {' or '.join(hub.files)} at {commit[:12]}: see {page_of(hub)}, and put what it "
            "moved to in its place yourself"
        )
    for file in files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts:
            raise CorpusError(f"{hub.id} holds {file.path!r}, which leads out of it: nothing of it is fetched")
    return files


def _fetch_all(hub: Hub, commit: str, files: Sequence[Any], staging: Path, patience: Patience) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    def fetch(file: Any) -> int:
        _fetch(hub, commit, file, staging, patience)
        return int(file.size)

    small = [file for file in files if file.size <= SMALL]
    hidden = are_progress_bars_disabled()
    with progress_bar(hub.id) as show, closing(spread(fetch, small, THREADS)) as sizes:
        if not hidden:
            disable_progress_bars()
        done, total = 0, sum(file.size for file in small)
        try:
            for size in sizes:
                done += size
                show(done, total, "")
        finally:
            if not hidden:
                enable_progress_bars()
    for file in files:
        if file.size > SMALL:
            fetch(file)


def _fetch(hub: Hub, commit: str, file: Any, staging: Path, patience: Patience) -> None:
    """One file, unless it is there; one that is not what the hub says it is comes once more."""
    from huggingface_hub import hf_hub_download

    path = staging / file.path
    for _ in range(2):
        if _is_whole(path, file):
            return
        path.unlink(missing_ok=True)
        _patiently(
            lambda: hf_hub_download(hub.id, file.path, repo_type="dataset", revision=commit, local_dir=staging),
            patience,
        )
    if not _is_whole(path, file):
        path.unlink(missing_ok=True)
        raise CorpusError(
            f"{file.path} of {hub.id} has not the checksum that the hub says, twice: say the same again later, or get "
            f"it from {page_of(hub)} yourself"
        )


def _is_there(folder: Path, file: Any) -> bool:
    """Whether a file is in its place. Raises CorpusError for another file there."""
    path = folder / file.path
    if path.exists() and not _is_whole(path, file):
        raise CorpusError(f"{path} is there with other content than the hub's: move it away, and say the same again")
    return path.exists()


def _is_whole(path: Path, file: Any) -> bool:
    """Whether a file has the hub's checksum: its sha256, or of a small one what git makes of it."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as opened:
        if file.lfs:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.lfs.sha256
        digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
        while chunk := opened.read(2**20):
            digest.update(chunk)
    return digest.hexdigest() == file.blob_id


def _move_in(source: Path, target: Path) -> None:
    """Move a folder's content; a folder that is new moves in one step."""
    if not target.exists() or not source.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        return
    for path in sorted(source.iterdir()):
        _move_in(path, target / path.name)
    source.rmdir()


@contextmanager
def _claimed(staging: Path) -> Iterator[Path]:
    """A folder for what is on its way, for one process at a time; an empty one is removed again."""
    staging.mkdir(exist_ok=True)
    descriptor = os.open(staging, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CorpusError(f"{staging} is being fetched by another process; wait for it") from None
        shutil.rmtree(staging / LIBRARY, ignore_errors=True)  # what a killed process left half done
        try:
            yield staging
        finally:
            shutil.rmtree(staging / LIBRARY, ignore_errors=True)
            if not any(path.is_file() for path in staging.rglob("*")):
                shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(descriptor)


def _patiently(act: Callable[[], Result], patience: Patience) -> Result:
    """What ``act`` returns, in a few tries where what it raises may pass."""
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    for number in range(1, TRIES + 1):
        try:
            return act()
        except (HTTPError, OSError, RuntimeError) as error:
            status = _status_of(error)
            is_offline = any(isinstance(each, OfflineModeIsEnabled) for each in (error, error.__cause__))
            if number == TRIES or is_offline or _is_of_disk(error):
                raise
            if status is not None and status < 500 and status not in (408, 429):
                raise
        time.sleep(min(patience.pause * 2 ** (number - 1), patience.longest_pause))
    raise AssertionError("not reached")


def _is_of_disk(error: BaseException) -> bool:
    """Whether it is the system's; the library's own have no number, though many are OSErrors."""
    return isinstance(error, OSError) and error.errno is not None


def _status_of(error: BaseException) -> int | None:
    """Of what the library raised, or of what that came from."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return None if response is None else int(response.status_code)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the library say nothing: what matters becomes a sentence."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextmanager
def _sentences(hub: Hub, folder: Path) -> Iterator[None]:
    """What the library raises, in one sentence."""
    from huggingface_hub import errors

    page = page_of(hub)
    log_in = "log in with `hf auth login` (or set HF_TOKEN)"
    try:
        yield
    except errors.GatedRepoError:
        raise CorpusError(f"{hub.id} is not for everyone: accept the terms at {page} and {log_in}") from None
    except errors.RepositoryNotFoundError:
        raise CorpusError(f"the hub shows no dataset {hub.id}: see {page}, and if it is private, {log_in}") from None
    except errors.RevisionNotFoundError:
        raise CorpusError(f"{hub.id} has no revision {hub.revision}: see {page}/commits/main") from None
    except (errors.HTTPError, OSError, RuntimeError) as error:
        if _is_of_disk(error):
            raise
        if any(isinstance(each, errors.OfflineModeIsEnabled) for each in (error, error.__cause__)):
            raise CorpusError(
                f"{hub.id} is not fetched while HF_HUB_OFFLINE is set: unset it, or put its files into {folder}"
            ) from None
        status = _status_of(error)
        if status in (401, 403):
            raise CorpusError(f"the hub says {status} of {hub.id}: accept the terms at {page} and {log_in}") from None
        said = f"says {status}" if status else f"cannot be reached ({type(error.__cause__ or error).__name__})"
        raise CorpusError(
            f"the hub {said}, asked for {hub.id}: say the same again later, what came is kept; or get it from {page}"
        ) from None
