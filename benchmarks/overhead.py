"""What the harness adds to the model: a whole run beside ``generate`` alone.

usage: python -m benchmarks.overhead [--write FILE] [--clips N] [--pairs N] [--width N] [--layers N]

``python -m evaluate`` as a process, from the first batch that is sent until the process has ended: decoding,
features, answers, journal, scores, tables. Beside it, in a process of its own, the model's ``generate`` on the batches
of the same plan, all prepared beforehand. A Qwen2-Audio with random weights; one thread for the network in both. The
two take turns. Where others use the machine, the thread that generates waits for a core, longer in the run, whose own
threads are among those it waits for: the ratio is also given without that time, which the kernel counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import corpus
from benchmarks.command import CHECKOUT, ENVIRONMENT, OTHERS, Timed, quiet, timed
from benchmarks.metered import noted
from benchmarks.report import deliver, machine, parser, spread, table

SHORTEST, LONGEST = 0.6, 20.0
NEW_TOKENS = 32
ALLOWED, TARGET = 1.10, 1.05
Pair = tuple[dict[str, float], Timed, dict[str, float]]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--clips", type=int, default=400)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--width", type=int, default=256)
    options.add_argument("--layers", type=int, default=4)
    options.add_argument("--wait", type=float, default=0.0, help="seconds to wait for a quiet machine before a run")
    options.add_argument("--alone", nargs=2, type=Path, metavar=("MODEL", "MANIFEST"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.alone:
        print(json.dumps(generate_alone(*given.alone)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = corpus.skewed(given.clips, SHORTEST, LONGEST)
        (folder / "clips").mkdir()
        manifest = corpus.write(folder / "clips", seconds)
        model = corpus.qwen2_audio(folder / "model", given.width, given.layers)
        pairs = [
            _pair(model, manifest, folder / f"run{number}", number % 2 == 0, given.wait)
            for number in range(given.pairs)
        ]
    deliver(_report(pairs, seconds, given), given.write)


def _pair(model: Path, manifest: Path, run: Path, alone_first: bool, wait: float) -> Pair:
    """Seconds of ``generate`` alone, of the command, and what the worker of the command says of itself."""
    words = [
        *["-m", "evaluate", "task=asr/manifest", "model=qwen2_audio", f"model.path={model}", f"run.dir={run}"],
        *[f"task.corpus.manifest={manifest}", f"task.generation.max_new_tokens={NEW_TOKENS}"],
        *["engine.devices=cpu", "engine.torch_threads=1"],
        *["model._target_=benchmarks.metered.Metered", f"+model.options.note={run}.note"],
    ]
    if alone_first:
        alone, whole = _alone(model, manifest, wait), timed(words, run / "run.json", wait)
    else:
        whole, alone = timed(words, run / "run.json", wait), _alone(model, manifest, wait)
    (device,) = json.loads((run / "run.json").read_text("utf-8"))["sessions"][0]["devices"]
    return alone, whole, device | {"waited": noted(run.with_name(f"{run.name}.note"))}


def _alone(model: Path, manifest: Path, wait: float) -> dict[str, float]:
    others = quiet(wait)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.overhead", "--alone", str(model), str(manifest)],
        cwd=CHECKOUT,
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found | {"others": others}


def generate_alone(folder: Path, manifest: Path) -> dict[str, float]:
    """Seconds of preparing all batches of the plan, and then of generating."""
    import torch

    from benchmarks.metered import Metered
    from datasets_prep.manifest import read_manifest
    from evaluate import audio
    from evaluate.config import Batch, Generation, LongAudio, ModelConfig
    from evaluate.models.base import Request
    from evaluate.plan import Item, plan

    torch.set_num_threads(1)
    note = folder.with_name(f"alone{os.getpid()}.note")
    model = Metered(ModelConfig(_target_="", name="random", path=str(folder), options={"note": str(note)}))
    model.load("cpu")
    generation = Generation(max_new_tokens=NEW_TOKENS)
    found = read_manifest(manifest)
    items = []
    begun = time.perf_counter()
    for sample in found.samples:
        heard = audio.load(sample.audio[0], found.folder)
        prompt = "<audio>1</audio>Detect the language and recognize the speech: <|en|>"
        request = Request(sample.id, prompt, "en", None, sample.fields, audio=(heard.samples,))
        tokens = model.tokens(request, heard.seconds, generation)
        items.append(Item(request, sample.audio, found.folder, heard.seconds, tokens))
    batches = plan(items, Batch(), "alone", generation, LongAudio.truncate)
    prepared = [model.prepare([item.request for item in batch.items]) for batch in batches]
    ready = time.perf_counter()
    for batch in prepared:
        model.generate(batch, generation)
    end = time.perf_counter()
    return {"prepare": ready - begun, "generate": end - ready, "batches": len(batches), "waited": noted(note)}


def _report(pairs: list[Pair], seconds: list[float], given: argparse.Namespace) -> str:
    ratios = [whole.rest / alone["generate"] for alone, whole, _ in pairs]
    free = [(whole.rest - device["waited"]) / (alone["generate"] - alone["waited"]) for alone, whole, device in pairs]
    rows = [
        [
            f"{alone['generate']:.2f} ({alone['waited']:.2f})",
            f"{whole.rest:.2f} ({device['waited']:.2f})",
            f"{ratio:.3f}",
            f"{without:.3f}",
            f"{device['busy']:.2f}",
            f"{device['waiting']:.2f}",
            f"{whole.rest - device['busy'] - device['waiting']:.2f}",
            f"{whole.start_up:.1f}",
            f"{alone['prepare']:.2f}",
            f"{alone['others']:.1f}, {whole.others:.1f}",
        ]
        for (alone, whole, device), ratio, without in zip(pairs, ratios, free, strict=True)
    ]
    head = [
        *["`generate` alone (waited)", "the run without start-up (waited)", "ratio", "ratio without the waits"],
        *["of the run: device busy", "waiting for data", "the rest"],
        *["start-up", "preparing, alone", OTHERS],
    ]
    verdicts = [_verdict(statistics.median(values)) for values in (ratios, free)]
    return (
        "# Overhead of a run\n\n"
        f"`python -m benchmarks.overhead`: {given.clips} clips of {min(seconds):.1f} to {max(seconds):.1f} s (median "
        f"{statistics.median(seconds):.1f} s, {sum(seconds):.0f} s in all), {pairs[0][0]['batches']:g} batches, "
        f"{NEW_TOKENS} new tokens each at most; a Qwen2-Audio with random weights, width {given.width}, {given.layers} "
        f"layers in encoder and language model, float32 on a CPU. Seconds of wall time; a row is a pair of runs, one "
        f"after the other.\n\n"
        + table(head, rows)
        + "\nIn brackets: the seconds that the thread which generates was ready and had no core, as the kernel counts. "
        f"Start-up ends as the first batch is sent. Ratio: median {spread(ratios, '.3f')}, {verdicts[0]}; without the "
        f"waits {spread(free, '.3f')}, {verdicts[1]}; allowed {ALLOWED:g}, target {TARGET:g}. "
        f"{machine('torch', 'transformers')}; the network on one thread (`engine.torch_threads=1`, "
        "`OMP_NUM_THREADS=1`), preparation on two others.\n"
    )


def _verdict(ratio: float) -> str:
    return "target held" if ratio <= TARGET else "held" if ratio <= ALLOWED else "not held"


if __name__ == "__main__":
    main()
