"""The command line: ``python -m datasets_prep.miniature ROOT``, or ``--trees FOLDER`` for the trees alone."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from datasets_prep.miniature.build import build
from datasets_prep.miniature.rows import RowError
from datasets_prep.miniature.sources import write_trees
from datasets_prep.miniature.speech import SpeechError


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status: 0, or 2 where nothing could be made."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets_prep.miniature",
        description="Make the miniature: small synthetic corpora in the shape of public ones. Four of them are made as"
        " their official trees and prepared; of the others the manifests are written. Speech is spoken by espeak-ng;"
        " nothing is downloaded.",
    )
    parser.add_argument("root", nargs="?", type=Path, metavar="ROOT", help="data root to write")
    parser.add_argument("--trees", type=Path, metavar="FOLDER", help="write the four trees alone, here")
    chosen = parser.parse_args(arguments)
    if (chosen.root is None) == (chosen.trees is None):
        parser.error("give ROOT, or --trees FOLDER")
    target: Path = chosen.root or chosen.trees
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        print(f"miniature: {target} is there already and is not empty; name another folder", file=sys.stderr)
        return 2
    try:
        build(target) if chosen.root else write_trees(target)
    except (RowError, SpeechError) as error:
        print(f"miniature: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
