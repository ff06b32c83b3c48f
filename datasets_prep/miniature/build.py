"""The miniature's data root: the trees of ``sources``, prepared as official ones are, and the rows of ``rows``."""

from pathlib import Path
from tempfile import TemporaryDirectory

from datasets_prep.corpus import Split, get_corpus
from datasets_prep.miniature.rows import build_rows
from datasets_prep.miniature.sources import write_trees
from datasets_prep.miniature.texts import PAIRS
from datasets_prep.prepare import Options, prepare

CORPORA = {"LibriSpeech": "librispeech", "CoVoST2": "covost2", "CochlScene": "cochlscene", "ClothoAQA": "clothoaqa"}
"""Folder among the trees, name of the corpus."""
COVOST_SUBSETS = {f"{source}_{target}.test" for source, target in PAIRS}


def build(root: Path) -> None:
    """Write the trees to a temporary folder, and the data root ``root``: what is prepared from them, and the rows.

    Raises SpeechError: no espeak-ng; RowError: rows that are not right.
    """
    with TemporaryDirectory() as folder:
        write_trees(Path(folder))
        prepare_trees(Path(folder), root)
    build_rows(root)


def prepare_trees(trees: Path, root: Path) -> None:
    """Prepare each corpus of a folder of trees into the data root."""
    for folder, name in CORPORA.items():
        corpus = get_corpus(name)
        for split in corpus.splits:
            if _is_made(name, split):
                prepare(corpus, split, trees / folder, root, Options(unofficial=True))


def _is_made(corpus: str, split: Split) -> bool:
    """Of CoVoST 2 and ClothoAQA the miniature has test parts alone."""
    return {"covost2": split.name in COVOST_SUBSETS, "clothoaqa": split.name == "test"}.get(corpus, True)
