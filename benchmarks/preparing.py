"""What preparing a corpus costs: ``datasets_prep prepare`` beside ``tar -x`` and one decoding of every file.

usage: python -m benchmarks.preparing [--write FILE] [--clips N] [--rounds N]

AISHELL-1's layout, a tar of one tar a speaker, with clips of 5 s in FLAC. Beside it: unpacking all of it with tar, and
decoding each file once with soundfile, a process a core. Memory is that of the whole process at its highest, and
is measured for a tenth of the clips too: it must not grow with them.
"""

import io
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.report import deliver, machine, parser, table

SECONDS, RATE = 5, 16_000
DISTINCT = 200
"""Recordings that differ; a tar of many clips has each several times, farther apart than gzip looks."""
OF_A_SPEAKER = 400
ALLOWED = 3.0


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--clips", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = {count: _source(folder / str(count), count) for count in (given.clips // 10, given.clips)}
        rounds = [
            (_ours(sources[given.clips], folder), _tar(sources[given.clips], folder)) for _ in range(given.rounds)
        ]
        small = _ours(sources[given.clips // 10], folder)
        size = (sources[given.clips] / "data_aishell.tgz").stat().st_size
    deliver(_report(given.clips, size, rounds, small), given.write)


def _source(folder: Path, clips: int) -> Path:
    """``data_aishell.tgz`` with so many clips, all of them of the test part."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(1)
    sounds = []
    for _ in range(DISTINCT):
        file = io.BytesIO()
        soundfile.write(file, draw.normal(0, 0.05, SECONDS * RATE), RATE, format="FLAC", subtype="PCM_16")
        sounds.append(file.getvalue())
    names = [f"BAC009S{n // OF_A_SPEAKER:04d}W{n % OF_A_SPEAKER:04d}" for n in range(clips)]
    with tarfile.open(folder / "data_aishell.tgz", "w:gz", compresslevel=1) as outer:
        text = "".join(f"{name} 一 二 三\n" for name in names).encode()
        _add(outer, "data_aishell/transcript/aishell_transcript_v0.8.txt", text)
        for start in range(0, clips, OF_A_SPEAKER):
            inner, speaker = io.BytesIO(), names[start][6:11]
            with tarfile.open(fileobj=inner, mode="w:gz", compresslevel=1) as tar:
                for place, name in enumerate(names[start : start + OF_A_SPEAKER], start):
                    _add(tar, f"test/{speaker}/{name}.wav", sounds[place % DISTINCT])
            _add(outer, f"data_aishell/wav/{speaker}.tar.gz", inner.getvalue())
    return folder


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _ours(source: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds, and MiB at the highest, of a preparation in a process of its own."""
    words = ["prepare", "aishell1", "--source", source, "--root", folder / "data", "--subset", "test", "--unofficial"]
    script = (
        "import resource, sys; from datasets_prep.__main__ import main; status = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr); sys.exit(status)"
    )
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(folder / "data")
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return seconds, cpu, float(done.stderr.split()[-1])


def _tar(source: Path, folder: Path) -> tuple[float, float]:
    """Seconds of tar for all archives, and of decoding every file."""
    there = folder / "unpacked"
    there.mkdir()
    begun = time.perf_counter()
    subprocess.run(["tar", "-xzf", source / "data_aishell.tgz", "-C", there], check=True)
    for inner in sorted(there.rglob("*.tar.gz")):
        subprocess.run(["tar", "-xzf", inner, "-C", inner.parent], check=True)
    unpacked = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        list(pool.map(_decode, sorted(there.rglob("*.wav")), chunksize=200))
    decoded = time.perf_counter()
    shutil.rmtree(there)
    return unpacked - begun, decoded - unpacked


def _decode(path: Path) -> int:
    return len(soundfile.read(path, dtype="float32")[0])


def _report(
    clips: int,
    size: int,
    rounds: list[tuple[tuple[float, float, float], tuple[float, float]]],
    small: tuple[float, float, float],
) -> str:
    ratios = [ours[0] / sum(tar) for ours, tar in rounds]
    busy = [ours[1] / ours[0] for ours, _ in rounds]
    rows = [
        [
            str(number),
            f"{ours[0]:.1f} s",
            f"{tar[0]:.1f} s",
            f"{tar[1]:.1f} s",
            f"{ratio:.2f}",
            f"{cores:.2f}",
            f"{ours[2]:.0f} MiB",
        ]
        for number, ((ours, tar), ratio, cores) in enumerate(zip(rounds, ratios, busy, strict=True), 1)
    ]
    memory = statistics.median(ours[2] for ours, _ in rounds)
    head = ["round", "prepare", "tar -x", "decoding", "ratio", "cores busy", "memory"]
    return (
        f"# Preparing {clips:,} clips of {SECONDS} s, a tar of tars of {size / 1e9:.2f} GB\n\n{machine()}\n\n"
        f"{table(head, rows)}\n\n"
        f"Median ratio {statistics.median(ratios):.2f} (allowed {ALLOWED:g}). Memory for a tenth of the clips "
        f"{small[2]:.0f} MiB, for all {memory:.0f} MiB.\n"
    )


if __name__ == "__main__":
    main()
