"""Published numbers: each is of a task, a subset and a row of scores that there are."""

import pytest

from evaluate.catalogue import entries
from results.published import Published, published

TASKS = {entry.name: entry for entry in entries()}


@pytest.mark.parametrize("row", published(), ids=lambda row: f"{row.task}-{row.subset}-{row.metric}")
def test_a_published_number_has_its_place(row: Published) -> None:
    entry = TASKS[row.task]
    assert row.metric in entry.metrics and row.source and row.model
    assert entry.corpus is not None and row.subset in {split.name for split in entry.corpus.splits}


def test_no_number_stands_twice() -> None:
    places = [(row.model, row.task, row.subset, row.metric) for row in published()]
    assert len(set(places)) == len(places) >= 25
