"""The command line: ``python -m datasets_prep list|describe|prepare|verify|status`` (or ``alm-data``)."""

import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from alm_eval import finish
from datasets_prep.archives import ArchiveError
from datasets_prep.corpus import Access, Corpus, CorpusError, FullDiskError, Split, corpora, get_corpus
from datasets_prep.obtain import obtain
from datasets_prep.prepare import Options, is_prepared, is_whole, prepare, subsets_in
from datasets_prep.record import CorpusRecord
from datasets_prep.verify import verify

STANDINGS = {
    "published": "as published",
    "unchecked": "as it came, nothing is published to hold it against",
    "unofficial": "unofficial",
}

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a corpus's official archives to manifests: DATA/<corpus>/<subset>.jsonl.",
)
Root = Annotated[Path, typer.Option("--root", metavar="DATA", help="The folder of all corpora, data.root of a run.")]
Subsets = Annotated[
    list[str] | None, typer.Option("--subset", metavar="S", help="This one only; may be given more than once.")
]
Name = Annotated[str, typer.Argument(metavar="CORPUS", help="As `list` names it.")]


@app.command("list")
def list_(root: Root = Path("data")) -> None:
    """Print the corpora that are known, and what is prepared of them."""
    rows = [("corpus", "tasks", "languages", "subsets", "size", "access", "licence", "prepared")]
    for corpus in corpora().values():
        record = _record(root, corpus)
        rows.append(
            (
                corpus.name,
                " ".join(corpus.tasks),
                _some(corpus.languages),
                str(len(corpus.splits)),
                _size(sum(archive.bytes or 0 for archive in corpus.archives)),
                corpus.access.name,
                corpus.licence,
                f"{len(record.subsets)} of {len(corpus.splits)}" if record else "",
            )
        )
    _print_table(rows)


@app.command()
def describe(name: Name) -> None:
    """Print all that is declared of a corpus: where it is from, what it holds, what is known to be wrong with it."""
    corpus = get_corpus(name)
    lines = [
        corpus.title,
        f"home      {corpus.home}",
        f"licence   {corpus.licence}",
        f"access    {corpus.access.name}: {corpus.access.value}",
        f"tasks     {', '.join(corpus.tasks)}",
        f"languages {', '.join(corpus.languages) or 'none'}",
        f"layout    {corpus.layout}",
        f"cite      {corpus.citation}",
    ]
    if corpus.labels:
        lines.append(f"labels    {', '.join(corpus.labels)}")
    lines += [f"defect    {text}" for text in corpus.defects]
    lines += [f"unverified: {text}" for text in corpus.unverified]
    print("\n".join(lines), end="\n\n")
    archives = [("archive", "bytes", "checksum", "from")]
    for archive in corpus.archives:
        names = " ".join((*archive.parts, archive.name))
        known = f"sha256 {archive.sha256}" if archive.sha256 else f"md5 {archive.md5}" if archive.md5 else "unverified"
        place = archive.url or (f"https://huggingface.co/datasets/{archive.hub.id}" if archive.hub else "")
        if archive.parts:
            place = f"{place.rpartition('/')[0]}/, each"
        archives.append((names, f"{archive.bytes:,}" if archive.bytes else "unverified", known, place))
    _print_table(archives)
    print()
    _print_table([("subset", "samples", "archives"), *(_row_of(split) for split in corpus.splits)])
    print(f"\n{_how(corpus)}")


def _how(corpus: Corpus) -> str:
    command = f"python -m datasets_prep prepare {corpus.name} --root DATA"
    said = f"Put the archives into a folder, then: {command} --source FOLDER"
    if corpus.access is Access.open and any(archive.url or archive.hub for archive in corpus.archives):
        said += f"\nOr let it download them: {command} --subset SUBSET"
    return said


@app.command("prepare")
def prepare_(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER_OR_ARCHIVE",
            help="Where the archives are, or what they unpacked to. Without it they are downloaded, where anybody may, "
            "into DATA/downloads/CORPUS.",
        ),
    ] = None,
    root: Root = Path("data"),
    subset: Subsets = None,
    unofficial: Annotated[
        bool, typer.Option("--unofficial", help="Take archives whose checksums or counts are not the published ones.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Prepare again what is prepared.")] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Decoding threads; 0: one a core.")] = 0,
) -> None:
    """Make manifests of a corpus's archives. Without --subset: of each subset whose archive is there."""
    corpus = get_corpus(name)
    if source is None and not subset:
        raise CorpusError(f"say which subsets of {name} to download (--subset S), or where its archives are (--source)")
    folder = source or root / "downloads" / name
    there, absent = subsets_in(corpus, folder) if source else ([], [])
    chosen = [corpus.split(text) for text in subset] if subset else there
    options, refused = Options(unofficial, fresh, jobs), False
    for split in chosen:
        try:
            if source is None and (fresh or not is_prepared(corpus, split, root, options)):
                obtain(corpus, split, folder)
            record, done = prepare(corpus, split, folder, root, options)
        except FullDiskError:
            raise
        except (CorpusError, ArchiveError) as error:
            print(f"datasets_prep: {_in_one_line(error)}", file=sys.stderr)
            refused = True
            continue
        said = "prepared" if done else "already prepared"
        print(f"{corpus.name} {split.name}: {said}, {record.samples:,} samples, {record.hours:.2f} h")
        for sentence in record.differences:
            print(f"  unofficial: {sentence}")
        for kind, ids in record.defects.items():
            print(f"  {kind}: {_number(len(ids), 'sample')}, {_some(ids)}")
    if absent and not subset:
        print(f"not in {source}: {_some([split.name for split in absent])}")
    if refused:
        raise typer.Exit(2)


@app.command("verify")
def verify_(name: Name, root: Root = Path("data"), subset: Subsets = None) -> None:
    """Hold what was prepared against its record: manifests, files, sounds, counts. Status 1 where something is off."""
    corpus = get_corpus(name)
    record = _record(root, corpus)
    if record is None or not record.subsets:
        raise CorpusError(f"{root / name} holds nothing prepared; say prepare first")
    chosen = [corpus.split(text).name for text in subset] if subset else sorted(record.subsets)
    faults = [fault for one in chosen for fault in _verified(root / name, one, record)]
    if faults:
        raise typer.Exit(1)


@app.command()
def status(root: Root = Path("data")) -> None:
    """Print what is prepared below a data root."""
    rows = [("corpus", "subset", "samples", "hours", "groups", "archives", "state")]
    for corpus in corpora().values():
        record = _record(root, corpus)
        for subset, entry in sorted(record.subsets.items()) if record else ():
            state = STANDINGS[entry.standing]
            if not is_whole(root / corpus.name, subset, entry):
                state = "damaged: prepare it again"
            counts = (f"{entry.samples:,}", f"{entry.hours:.2f}", f"{entry.groups:,}")
            rows.append((corpus.name, subset, *counts, " ".join(entry.archives) or "a folder", state))
    if len(rows) == 1:
        print(f"nothing is prepared below {root}")
    else:
        _print_table(rows)


def _in_one_line(error: Exception) -> str:
    """What is wrong, whatever line ends the text has that it cites."""
    return " ".join(str(error).splitlines())


def _verified(folder: Path, subset: str, record: CorpusRecord) -> list[str]:
    faults = verify(folder, subset, record)
    entry = record.subsets.get(subset)
    print(f"{record.corpus} {subset}: {_number(len(faults), 'fault') if faults else 'as prepared'}")
    for fault in faults[:20]:
        print(f"  {fault}")
    if len(faults) > 20:
        print(f"  ... and {len(faults) - 20} more")
    for kind, ids in entry.defects.items() if entry else ():
        print(f"  known: {kind}: {_number(len(ids), 'sample')}, {_some(ids)}")
    return faults


def _record(root: Path, corpus: Corpus) -> CorpusRecord | None:
    return CorpusRecord.read(root / corpus.name / "corpus.json")


def _row_of(split: Split) -> tuple[str, str, str]:
    return split.name, "unverified" if split.samples is None else f"{split.samples:,}", " ".join(split.archives)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _some(texts: Sequence[str], most: int = 6) -> str:
    return ", ".join(texts[:most]) + (f", ... ({len(texts)})" if len(texts) > most else "")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count else "unverified"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Markdown, aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    print("\n".join(lines))


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status."""
    try:
        status = app(list(arguments) or ["--help"], prog_name="python -m datasets_prep", standalone_mode=False) or 0
    except typer.TyperException as error:
        print(f"datasets_prep: {error.format_message()}".rstrip("."), file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except (CorpusError, ArchiveError) as error:
        print(f"datasets_prep: {error}", file=sys.stderr)
        return 3 if isinstance(error, FullDiskError) else 2
    except OSError as error:
        print(f"datasets_prep: {error.strerror or error}: {error.filename or 'the disk'}", file=sys.stderr)
        return 3 if error.errno == errno.ENOSPC else 2
    if status == 130:
        print("datasets_prep: interrupted; say the same command again", file=sys.stderr)
    return status


def run() -> NoReturn:
    """Entry point: run the command line and exit with its status."""
    finish(main)


if __name__ == "__main__":
    run()
