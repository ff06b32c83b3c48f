"""Blocks: the samples of a task, packed so that a page can hold a hundred thousand and unpack those it shows."""

import base64
import gzip
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from metrics.score import ScoringSpec
from results.report.samples import Own, TaskSamples, rows

BLOCK = 5_000
"""Samples in a block at most."""
BLOCK_CHARACTERS = 8_000_000
"""Of its JSON, about."""
MANY = 4
"""Blocks of a task from which on several processes make them: what takes long is to normalise texts."""
MOST_PROCESSES = 8
COMPRESSION = 6


@dataclass(frozen=True)
class _Chunk:
    """What the samples of a block are made of."""

    records: list[dict[str, Any]]
    owns: list[Own]
    placed: Sequence[Sequence[int | None]]
    spec: ScoringSpec


def of_task(samples: TaskSamples, placed: Sequence[Sequence[int | None]]) -> list[str]:
    """The samples of a task as blocks, in the order of ids: base64 of gzip of a JSON list of rows by samples.COLUMNS.

    Raises MetricError for answers that cannot be read, ValueError for numbers that JSON has none for.
    """
    chunks = [
        _Chunk(
            records=(records := samples.records[begin : begin + BLOCK]),
            owns=[samples.own.get(record["id"], Own()) for record in records],
            placed=placed[begin : begin + BLOCK],
            spec=samples.spec,
        )
        for begin in range(0, len(samples.records), BLOCK)
    ]
    processes = min(os.cpu_count() or 1, MOST_PROCESSES)
    if len(chunks) < MANY or processes == 1:
        return [block for chunk in chunks for block in _packed_chunk(chunk)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        return [block for made in pool.map(_packed_chunk, chunks) for block in made]


def packed(value: Any) -> str:
    """A value as base64 of gzip of its JSON, the same for the same value."""
    return _packed_text(_json(value))


def _packed_chunk(chunk: _Chunk) -> list[str]:
    made = rows(chunk.records, chunk.owns, chunk.placed, chunk.spec)
    return [_packed_text(text) for text in _cut(made)]


def _cut(made: Iterator[list[Any]]) -> Iterator[str]:
    """Rows as JSON lists of no more than about BLOCK_CHARACTERS."""
    texts: list[str] = []
    size = 0
    for row in made:
        texts.append(_json(row))
        size += len(texts[-1])
        if size >= BLOCK_CHARACTERS:
            yield f"[{','.join(texts)}]"
            texts, size = [], 0
    if texts:
        yield f"[{','.join(texts)}]"


def _packed_text(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("ascii"), COMPRESSION, mtime=0)).decode()


def _json(value: Any) -> str:
    """In ASCII: lone surrogates, which are no UTF-8, come back as they are."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
