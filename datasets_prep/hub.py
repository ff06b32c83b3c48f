"""Dataset repositories of the Hugging Face hub, at a commit that is kept to."""

from pathlib import Path

from datasets_prep.corpus import CorpusError, Hub

NEVER = ("*.py", "*.pkl", "*.pickle", "*.pt", "*.bin", "*.so")
"""Programs, and what only programs may read."""


def commit_of(folder: Path) -> str | None:
    """The commit that a folder was fetched at."""
    path = _note(folder, "commit")
    return path.read_text("utf-8").strip() if path.is_file() else None


def is_unfinished(folder: Path) -> bool:
    """Whether a fetching began and did not end."""
    return _note(folder, "fetching").is_file()


def fetch(hub: Hub, folder: Path) -> str:
    """Bring the files of a repository into a folder; returns the commit that they are of.

    A repository that pins no commit is kept at that of the first time, which is noted beside the folder. Only what is
    missing is downloaded; files that broke off go on. Raises CorpusError.
    """
    import huggingface_hub
    from huggingface_hub import errors

    page = f"https://huggingface.co/datasets/{hub.id}"
    wanted = hub.revision or commit_of(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        commit = huggingface_hub.HfApi().dataset_info(hub.id, revision=wanted).sha
        _note(folder, "commit").write_text(f"{commit}\n", "utf-8")
        _note(folder, "fetching").touch()
        huggingface_hub.snapshot_download(
            hub.id,
            repo_type="dataset",
            revision=commit,
            local_dir=folder,
            allow_patterns=list(hub.files),
            ignore_patterns=list(NEVER),
        )
    except errors.GatedRepoError:
        raise CorpusError(
            f"{hub.id} is gated: accept its terms at {page}, and log in with `hf auth login` (or set HF_TOKEN)"
        ) from None
    except errors.RevisionNotFoundError:
        raise CorpusError(f"{hub.id} has no revision {wanted} on the hub; see {page}") from None
    except errors.RepositoryNotFoundError:
        raise CorpusError(f"{hub.id} is not on the hub, or not for everybody; see {page}") from None
    except errors.OfflineModeIsEnabled:
        raise CorpusError(
            f"{hub.id} is on the hub, and HF_HUB_OFFLINE is set: unset it, or copy {page} to {folder}"
        ) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise CorpusError(
            f"{hub.id} could not be downloaded from the hub ({said[0]}); the same command goes on"
        ) from None
    _note(folder, "fetching").unlink()
    return str(commit)


def _note(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.{what}")
