"""A prepared subset against its record: manifest, files, sounds, counts."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from datasets_prep import clips, ffmpeg
from datasets_prep.manifest import ManifestError, read_manifest
from datasets_prep.prepare import clips_of
from datasets_prep.record import CorpusRecord, SubsetRecord


def verify(folder: Path, subset: str, record: CorpusRecord) -> list[str]:
    """What is off, a sentence each."""
    entry = record.subsets.get(subset)
    if entry is None:
        return ["it is not prepared: python -m datasets_prep prepare makes it"]
    path = folder / f"{subset}.jsonl"
    try:
        manifest = read_manifest(path)
    except ManifestError as error:
        return [str(error)]
    faults = []
    if manifest.sha256 != entry.manifest_sha256:
        faults.append(f"{path} is not the manifest that was prepared")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    faults += _counts(lines, entry)
    recordings = {json.dumps(clip): clip for line in lines for clip in clips_of(line)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults += [fault for fault in pool.map(lambda clip: _fault(folder, clip), recordings.values()) if fault]
    return faults


def _counts(lines: list[dict[str, Any]], entry: SubsetRecord) -> list[str]:
    references = [line["references"] if "references" in line else [line["reference"]] for line in lines]
    pairs = [[line["id"], texts] for line, texts in zip(lines, references, strict=True)]
    found = {
        "samples": len(lines),
        "groups": len({line.get("group") for line in lines}),
        "references_sha256": hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest(),
    }
    if entry.labels is not None:
        counted = Counter(text for texts in references for text in texts)
        found["labels"] = {label: counted[label] for label in (*entry.labels, *counted)}
    return [
        f"{key} is {value}, not {getattr(entry, key)}" for key, value in found.items() if value != getattr(entry, key)
    ]


def _fault(folder: Path, clip: Mapping[str, Any]) -> str | None:
    path = folder / clip["path"]
    try:
        found = clips.measure(path.read_bytes(), clip.get("start"), clip.get("end"), path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    except ffmpeg.FfmpegError as error:
        return f"{path} {error}"
    if found.seconds != clip["seconds"]:
        return f"{path} is {found.seconds} s long, not {clip['seconds']}"
    return None if found.sha256 == clip["sha256"] else f"{path} sounds otherwise than it did"
