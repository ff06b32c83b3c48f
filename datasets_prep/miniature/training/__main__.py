"""The command line: ``python -m datasets_prep.miniature.training FOLDER`` writes lessons to listen to and read."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import soundfile

from datasets_prep.miniature.recipes import RATE
from datasets_prep.miniature.speech import SpeechError
from datasets_prep.miniature.training.stream import stream


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit status: 0, or 2 where nothing could be made."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets_prep.miniature.training",
        description="Write lessons of the miniature's kind, none of them its own: FLAC files, and lessons.jsonl with"
        " the prompts and answers. Speech is spoken by espeak-ng; nothing is downloaded.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="new folder to write")
    parser.add_argument("--count", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, default=1, help="of the stream (1)")
    parser.add_argument("--start", type=int, default=0, help="number of the first (0)")
    parser.add_argument("--workers", type=int, default=0, help="processes beside this one (0)")
    chosen = parser.parse_args(arguments)
    if chosen.folder.exists():
        print(f"training: {chosen.folder} is there already; name another folder", file=sys.stderr)
        return 2
    chosen.folder.mkdir(parents=True)
    try:
        with (chosen.folder / "lessons.jsonl").open("w", encoding="utf-8") as file:
            for example in stream(chosen.seed, chosen.count, chosen.start, chosen.workers):
                files = [f"{example.number:06d}-{place}.flac" for place in range(len(example.clips))]
                for name, clip in zip(files, example.clips, strict=True):
                    soundfile.write(chosen.folder / name, clip, RATE, subtype="PCM_16")
                asked = [asdict(one) for one in example.asked]
                line = {"number": example.number, "kind": example.kind, "audio": files, "asked": asked}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except SpeechError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
