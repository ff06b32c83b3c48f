"""A data root with a few samples of each corpus, in the shape in which corpora are prepared; the audio is made up."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from support import write_manifest

LIBRISPEECH = ("dev-clean", "dev-other", "test-clean", "test-other")
PAIRS = {
    "en_de": ("en", "de", "Good morning.", "Guten Morgen."),
    "de_en": ("de", "en", "Guten Morgen.", "Good morning."),
    "en_zh-CN": ("en", "zh", "Good morning.", "早上好。"),
    "zh-CN_en": ("zh", "en", "早上好。", "Good morning."),
    "es_en": ("es", "en", "Buenos días.", "Good morning."),
    "fr_en": ("fr", "en", "Bonjour.", "Good morning."),
    "it_en": ("it", "en", "Buongiorno.", "Good morning."),
    "sv-SE_en": ("sv", "en", "God morgon.", "Good morning."),
}
"""Language, target language, sentence and translation."""
SCENES = ("Bus", "CrowdedIndoor", "SubwayStation")
QUESTIONS = {
    "Is it raining?": ["yes", "Yes", "no"],
    "How many bells ring?": ["two", "2", "twice"],
    "What is it?": ["Rain", "rain", "RAIN"],
}


def make_root(root: Path) -> Path:
    """Write the corpora; returns ``root``."""
    for number, subset in enumerate(LIBRISPEECH):
        row = {"reference": "GOOD MORNING", "subset": subset, "group": str(number), "language": "en"}
        _write(root, "librispeech", subset, [{"id": f"{number}-1-0000", **row}])
    for pair, (language, target, sentence, translation) in PAIRS.items():
        row = {"reference": translation, "group": "c", "sentence": sentence}
        row |= {"language": language, "target_language": target}
        _write(root, "covost2", f"{pair}.test", [{"id": f"{pair}-1", **row}])
    rows = [{"id": scene, "reference": scene, "group": f"user{place}"} for place, scene in enumerate(SCENES)]
    _write(root, "cochlscene", "test", rows)
    asked = [
        {"id": f"rain-{place}", "question": question, "references": answers, "group": f"f{place % 2}.wav"}
        for place, (question, answers) in enumerate(QUESTIONS.items())
    ]
    _write(root, "clothoaqa", "test", asked)
    return root


def _write(root: Path, corpus: str, subset: str, rows: list[dict[str, Any]]) -> None:
    folder = root / corpus
    folder.mkdir(parents=True, exist_ok=True)
    for place, row in enumerate(rows):
        noise = np.random.default_rng(place).normal(0, 0.1, 8_000 + 800 * place)
        soundfile.write(folder / f"{subset}-{place}.wav", noise, 16_000)
        row |= {"audio": {"path": f"{subset}-{place}.wav"}, "subset": subset}
    write_manifest(folder / f"{subset}.jsonl", rows)
