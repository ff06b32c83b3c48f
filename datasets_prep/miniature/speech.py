"""Speech by the program espeak-ng: the same version of it says the same sentence in the same samples."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import soxr

from datasets_prep.miniature.mixing import Sound, level

PROGRAM = "espeak-ng"
PEAK = 0.7
AUDIBLE = 0.02
"""Of the peak: quieter samples at both ends are silence."""
MARGIN = 0.06
"""Seconds of silence kept before and after the words."""
MOST_SECONDS = 60
"""No sentence takes longer to say."""


class SpeechError(RuntimeError):
    """A sentence that could not be spoken; one sentence that says why and what to do."""


def find_program() -> str:
    """The path of espeak-ng. Raises SpeechError: it is not installed."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise SpeechError(
            f"{PROGRAM} is not installed; it speaks the sentences of the miniature (apt install {PROGRAM})"
        )
    return program


def speak(text: str, voice: str, rate: int, words_per_minute: int = 180, pitch: int = 50) -> Sound:
    """A spoken text, mono at ``rate`` Hz, with a peak of 0.7.

    ``voice`` is a voice of espeak-ng, with or without a variant (``en-gb``, ``de+f2``); ``pitch`` goes from 0 to 99.
    Raises SpeechError: no espeak-ng, no such voice, nothing to say.
    """
    program = find_program()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        options = ["-b", "1", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "-w", str(path)]
        try:
            done = subprocess.run([program, *options, "--", text], capture_output=True, text=True, timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            raise SpeechError(f"{PROGRAM} did not finish '{text}' in {MOST_SECONDS} s") from None
        if done.returncode or not path.exists():
            raise SpeechError(f"{PROGRAM} could not say '{text}' as {voice}: {' '.join(done.stderr.split())}")
        spoken, spoken_rate = soundfile.read(path, dtype="float32")
    return level(soxr.resample(_trimmed(spoken, spoken_rate, text), spoken_rate, rate), PEAK)


def _trimmed(spoken: Sound, rate: int, text: str) -> Sound:
    """The words between equal margins of silence."""
    audible = np.flatnonzero(np.abs(spoken) > AUDIBLE * np.abs(spoken).max(initial=0.0))
    if not len(audible):
        raise SpeechError(f"{PROGRAM} finds nothing to say in '{text}'")
    silence = np.zeros(round(MARGIN * rate), np.float32)
    return np.concatenate([silence, spoken[audible[0] : audible[-1] + 1], silence])
