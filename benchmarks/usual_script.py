"""An evaluation script in the shape of the papers' own, written from their description: what the harness is measured
beside. A DataLoader of two processes whose collate function decodes with an ffmpeg process a clip and calls the
processor, which pads to 30 s; batches of 20 in the order of the file; ``generate``; all metrics at the end.

usage: python -m benchmarks.usual_script MODEL MANIFEST FOLDER [--decode soundfile] [--batches plan] [--trim]

The options put one of the harness's parts after the other into it, to tell what each is worth.
"""

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from whisper_normalizer.basic import BasicTextNormalizer

from datasets_prep.manifest import Clip, Sample, read_manifest
from evaluate import audio
from evaluate.config import Batch as Budget
from evaluate.config import Generation, LongAudio, ModelConfig
from evaluate.models.base import Request
from evaluate.models.qwen2_audio import AUDIO, AUDIO_BOS, AUDIO_EOS, Qwen2Audio
from evaluate.plan import Item, plan

BATCH, LOADERS = 20, 2
NEW_TOKENS = 24
PROMPT = "Detect the language and recognize the speech: <|en|>"


class Samples(Dataset[Sample]):
    def __init__(self, samples: Sequence[Sample]):
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> Sample:
        return self.samples[place]


class Collate:
    def __init__(self, model: Qwen2Audio, folder: Path, given: argparse.Namespace):
        self.model, self.folder, self.given = model, folder, given

    def __call__(self, samples: Sequence[Sample]) -> tuple[list[str], Any]:
        decode = decode_with_ffmpeg if self.given.decode == "ffmpeg" else decode_with_soundfile
        clips = [decode(self.folder / sample.audio[0].path) for sample in samples]
        names = [sample.id for sample in samples]
        if self.given.trim:
            requests = [_request(name, (clip,)) for name, clip in zip(names, clips, strict=True)]
            return names, self.model.prepare(requests)
        text = [f"{AUDIO_BOS}{AUDIO}{AUDIO_EOS}{PROMPT}"] * len(clips)
        return names, self.model.processor(
            text=text, audio=clips, sampling_rate=audio.SAMPLE_RATE, return_tensors="pt", padding=True
        )


def decode_with_ffmpeg(path: Path) -> np.ndarray:
    words = ["ffmpeg", "-nostdin", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", str(audio.SAMPLE_RATE), "-"]
    raw = subprocess.run(words, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.int16).astype(np.float32) / 32768.0


def decode_with_soundfile(path: Path) -> np.ndarray:
    return audio.load(Clip(path.name), path.parent).samples


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("model")
    options.add_argument("manifest", type=Path)
    options.add_argument("folder", type=Path)
    options.add_argument("--decode", choices=("ffmpeg", "soundfile"), default="ffmpeg")
    options.add_argument("--batches", choices=("file", "plan"), default="file")
    options.add_argument("--trim", action="store_true")
    given = options.parse_args()
    torch.set_num_threads(1)
    model = Qwen2Audio(ModelConfig(_target_="", name="random", path=given.model))
    model.load("cpu")
    found = read_manifest(given.manifest)
    loader = DataLoader(
        Samples(found.samples),
        batch_sampler=_batches(found.samples, found.folder, given.batches, model),
        num_workers=LOADERS,
        collate_fn=Collate(model, found.folder, given),
    )
    given.folder.mkdir(parents=True)
    (given.folder / "begun").touch()
    said: dict[str, str] = {}
    for names, inputs in loader:
        said |= zip(names, _said(model, inputs, given.trim), strict=True)
    (given.folder / "said.json").write_text(json.dumps({"said": said, "scores": _scores(found.samples, said)}))


def _request(name: str, clips: tuple[np.ndarray, ...] = ()) -> Request:
    return Request(name, f"<audio>1</audio>{PROMPT}", "en", None, {}, audio=clips)


def _batches(samples: Sequence[Sample], folder: Path, kind: str, model: Qwen2Audio) -> list[list[int]]:
    """Places of samples."""
    if kind == "file":
        return [list(range(first, min(first + BATCH, len(samples)))) for first in range(0, len(samples), BATCH)]
    places = {sample.id: place for place, sample in enumerate(samples)}
    generation, items = Generation(max_new_tokens=NEW_TOKENS), []
    for sample in samples:
        request, seconds = _request(sample.id), audio.duration(sample.audio[0], folder) or 0.0
        items.append(Item(request, sample.audio, folder, seconds, model.tokens(request, seconds, generation)))
    planned = plan(items, Budget(), "usual", generation, LongAudio.truncate)
    return [[places[item.request.id] for item in batch.items] for batch in planned]


def _said(model: Qwen2Audio, inputs: Any, trim: bool) -> list[str]:
    if trim:
        return [answer.text for answer in model.generate(inputs, Generation(max_new_tokens=NEW_TOKENS))]
    with torch.inference_mode():
        rows = model.network.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    rows = rows[:, inputs.input_ids.shape[1] :]
    return [text.strip() for text in model.tokenizer.batch_decode(rows, skip_special_tokens=True)]


def _scores(samples: Sequence[Sample], said: dict[str, str]) -> dict[str, float]:
    import jiwer

    normal = BasicTextNormalizer()
    references = [normal(sample.references[0]) for sample in samples]
    hypotheses = [normal(said[sample.id]) for sample in samples]
    return {"wer": 100 * jiwer.wer(references, hypotheses), "cer": 100 * jiwer.cer(references, hypotheses)}


if __name__ == "__main__":
    main()
