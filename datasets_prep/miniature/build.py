"""The miniature's data root: the trees of ``sources``, prepared as the official corpora are."""

from pathlib import Path
from tempfile import TemporaryDirectory

from datasets_prep.miniature.sources import write_trees


def build(root: Path) -> None:
    """Write the trees to a temporary folder, and prepare the data root ``root`` from them."""
    with TemporaryDirectory() as folder:
        write_trees(Path(folder))
        prepare_trees(Path(folder), root)


def prepare_trees(trees: Path, root: Path) -> None:
    """Prepare each corpus of a folder of trees into the data root."""
    raise NotImplementedError(f"nothing prepares {trees} into {root} yet: --trees writes the trees alone")
