"""The whole command beside a script in the shape of the papers', on the same clips with the same model.

usage: python -m benchmarks.usual_way [--write FILE] [--clips N] [--rounds N] [--width N] [--layers N]

``benchmarks.usual_script`` is that script; with its options the harness's parts come into it one after the other.
Each way is a process of its own with one thread for the network, they take turns, and all must say the same words.
"""

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks import corpus
from benchmarks.command import OTHERS, Timed, timed
from benchmarks.report import deliver, machine, parser, spread, table
from benchmarks.usual_script import BATCH, LOADERS, NEW_TOKENS

ALLOWED, TARGET = 3.0, 4.0
USUAL, OURS = "the usual way", "`python -m evaluate`"
LADDER = {
    USUAL: [],
    "and soundfile decodes": ["--decode", "soundfile"],
    "and batches are planned by length": ["--decode", "soundfile", "--batches", "plan"],
    "and features and encoder are trimmed to the clip": ["--decode", "soundfile", "--batches", "plan", "--trim"],
}
"""Each a step on from the one before; the last of them and the command do the same work."""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--clips", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--width", type=int, default=64)
    options.add_argument("--layers", type=int, default=2)
    options.add_argument("--wait", type=float, default=0.0, help="seconds to wait for a quiet machine before a run")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = corpus.skewed(given.clips, 0.5, 30.0)
        (folder / "clips").mkdir()
        manifest = corpus.write(folder / "clips", seconds, ".flac")
        model = corpus.qwen2_audio(folder / "model", given.width, given.layers)
        rounds = [_round(model, manifest, folder / f"round{number}", given.wait) for number in range(given.rounds)]
    text = _report(rounds, seconds, f"width {given.width}, {given.layers} layers in encoder and language model")
    deliver(text, given.write)


def _round(model: Path, manifest: Path, folder: Path, wait: float) -> dict[str, Timed]:
    """Every way once. Ends with a sentence where their words or their WER differ."""
    found: dict[str, Timed] = {}
    wanted: dict[str, str] = {}
    scores: dict[str, float] = {}
    for name, options in LADDER.items():
        run = folder / str(len(found))
        words = ["-m", "benchmarks.usual_script", str(model), str(manifest), str(run), *options]
        found[name] = timed(words, run / "begun", wait)
        told = json.loads((run / "said.json").read_text("utf-8"))
        wanted, scores = wanted or told["said"], scores or told["scores"]
        _must_be_equal(told["said"], wanted, name)
    run = folder / "run"
    found[OURS] = timed(
        [
            *["-m", "evaluate", "task=asr/manifest", "model=qwen2_audio", f"model.path={model}", f"run.dir={run}"],
            *[f"task.corpus.manifest={manifest}", f"task.generation.max_new_tokens={NEW_TOKENS}"],
            *["engine.devices=cpu", "engine.torch_threads=1"],
        ],
        run / "run.json",
        wait,
    )
    lines = (run / "asr/manifest/predictions.jsonl").read_text("utf-8").splitlines()
    _must_be_equal({record["id"]: record["raw"] for record in map(json.loads, lines)}, wanted, OURS)
    ours = {one["name"]: one["value"] for one in json.loads((run / "asr/manifest/scores.json").read_text())["scores"]}
    if any(abs(ours[name] - value) > 1e-9 for name, value in scores.items()):
        raise SystemExit(f"the scores differ: {ours} here, {scores} the usual way")
    return found


def _must_be_equal(told: dict[str, str], wanted: dict[str, str], name: str) -> None:
    differing = [key for key in wanted if told.get(key) != wanted[key]]
    if differing:
        key = differing[0]
        raise SystemExit(
            f"{name} says other words for {len(differing)} clips; {key}: {told.get(key)!r}, not {wanted[key]!r}"
        )


def _report(rounds: list[dict[str, Timed]], seconds: list[float], size: str) -> str:
    rows = []
    for name in rounds[0]:
        rest = [one[name].rest for one in rounds]
        rows.append(
            [
                name,
                f"{statistics.median(one[name].start_up for one in rounds):.1f}",
                spread(rest, ".1f"),
                f"{statistics.median(one[USUAL].rest / one[name].rest for one in rounds):.2f}",
                f"{statistics.median(one[USUAL].whole / one[name].whole for one in rounds):.2f}",
                ", ".join(f"{one[name].others:.1f}" for one in rounds),
            ]
        )
    without = statistics.median(one[USUAL].rest / one[OURS].rest for one in rounds)
    whole = statistics.median(one[USUAL].whole / one[OURS].whole for one in rounds)
    worse = min(without, whole)
    verdict = "target held" if worse >= TARGET else "held" if worse >= ALLOWED else "not held"
    return (
        "# Beside the usual way\n\n"
        f"`python -m benchmarks.usual_way`: {len(seconds):,} clips (FLAC, 16 kHz) of {min(seconds):.1f} to "
        f"{max(seconds):.1f} s (median {statistics.median(seconds):.1f} s), {NEW_TOKENS} new tokens each at most, a "
        f"Qwen2-Audio with random weights ({size}), float32 on a CPU. The usual way is a script in the shape of the "
        f"papers' own: a DataLoader of {LOADERS} processes that decodes with an ffmpeg process a clip and pads to "
        f"30 s, batches of {BATCH} in the order of the file, `generate`, WER and CER at the end, without "
        "intervals. All ways said the same words, and WER and CER are equal.\n\n"
        + table(["way", "start-up, s", "the rest, s: median (all)", "faster", "faster with start-up", OTHERS], rows)
        + f"\nEach way but the last is the one above it with one thing changed. Ratios: medians of {len(rounds)} "
        "rounds in which every way runs once, in turn. Start-up ends as the first batch is asked for. At least "
        f"{ALLOWED:g} times, target {TARGET:g}: {without:.2f} without start-up, {whole:.2f} with it, {verdict}. "
        f"{machine('torch', 'transformers', 'soundfile')}; the network on one thread in all of them "
        "(`engine.torch_threads=1`, `OMP_NUM_THREADS=1`).\n"
    )


if __name__ == "__main__":
    main()
