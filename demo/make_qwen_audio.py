"""Make a tiny Qwen-Audio with random weights: a real checkpoint in the official layout that has learned nothing.

usage: make_qwen_audio.py FOLDER [--chat]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluate.models.qwen_audio.tiny import make

if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    make(Path(sys.argv[1]), chat="--chat" in sys.argv[2:])
