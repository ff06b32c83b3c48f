"""Texts of archives: CSV and TSV by the names of their columns, JSON, lines."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import CorpusError


def read_csv(
    tree: Tree, name: str, columns: Sequence[str], encoding: str = "utf-8"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the wanted columns of every row: commas between, double quotes around. Raises CorpusError."""
    lines = csv.reader(io.StringIO(tree.text(name, encoding), newline=""), strict=True)
    return _rows(lines, columns, _where(tree, name))


def read_tsv(
    tree: Tree, name: str, columns: Sequence[str], escape: str | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the wanted columns of every row: tabs between, quotes are text; ``escape`` goes before what is
    meant to the letter. Raises CorpusError."""
    text = io.StringIO(tree.text(name), newline="")
    lines = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar=escape)
    return _rows(lines, columns, _where(tree, name))


def read_headless(
    tree: Tree, name: str, columns: Sequence[str], delimiter: str = "\t", quoted: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and columns of every row of a table without a header, which has just these columns in this order.
    Raises CorpusError."""
    text = io.StringIO(tree.text(name), newline="")
    lines = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    where = _where(tree, name)
    for line in lines:
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(columns):
            raise CorpusError(f"{where}, line {lines.line_num}: {len(line)} columns, not {len(columns)}")
        yield lines.line_num, dict(zip(columns, line, strict=True))


def read_lines(tree: Tree, name: str, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Number and text of every line that is not blank, without its end. Raises ArchiveError."""
    for number, line in enumerate(tree.text(name, encoding).split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def read_json(tree: Tree, name: str) -> Any:
    """What a JSON file says. Raises CorpusError."""
    return _json(tree.text(name), _where(tree, name))


def read_json_lines(tree: Tree, name: str, keys: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of every line of a JSON Lines file, all of which have these keys. Raises CorpusError."""
    for number, line in read_lines(tree, name):
        where = f"{_where(tree, name)}, line {number}"
        yield number, with_keys(_json(line, where), keys, where)


def with_keys(record: Any, keys: Sequence[str], where: str) -> dict[str, Any]:
    """A JSON object that must have these keys. Raises CorpusError."""
    if not isinstance(record, dict):
        raise CorpusError(f"{where}: no object")
    for key in keys:
        if key not in record:
            raise CorpusError(f"{where}: no '{key}'; it has {', '.join(record) or 'nothing'}")
    return record


def only(tree: Tree, tail: str) -> str:
    """The one file of a tree whose path is ``tail`` or ends in ``/tail``. Raises CorpusError: none, or several."""
    found = [name for name in tree.names if name == tail or name.endswith(f"/{tail}")]
    if len(found) != 1:
        said = "no" if not found else f"{len(found)} files"
        raise CorpusError(f"{tree.where} holds {said} {tail}{': ' + ', '.join(found[:3]) if found else ''}")
    return found[0]


def stem(name: str) -> str:
    """The last part of a path without its ending."""
    return PurePosixPath(name).stem


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CorpusError(f"{where}: not JSON ({error})") from None


def _where(tree: Tree, name: str) -> str:
    return name if name == tree.where else f"{name} in {tree.where}"


def _rows(lines, columns: Sequence[str], where: str) -> Iterator[tuple[int, dict[str, str]]]:  # type: ignore[no-untyped-def]
    try:
        first: list[str] = next((line for line in lines if any(cell.strip() for cell in line)), [])
        header: list[str] = [cell.strip("\ufeff \t") for cell in first]
        for column in columns:
            if column not in header:
                raise CorpusError(f"{where} has no column '{column}'; it has {', '.join(header) or 'none'}")
        places = {column: header.index(column) for column in columns}
        for line in lines:
            if not any(cell.strip() for cell in line):
                continue
            if len(line) != len(header):
                raise CorpusError(f"{where}, line {lines.line_num}: {len(line)} columns, not {len(header)}")
            yield lines.line_num, {column: line[place] for column, place in places.items()}
    except csv.Error as error:
        raise CorpusError(f"{where}, line {lines.line_num}: {error}") from None
