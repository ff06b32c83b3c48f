"""Fluent Speech Commands: commands to devices of a house, each with action, object and location."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.tables import only, read_csv, stem

HOME = "fluent_speech_commands_dataset"
SLOTS = {
    "action": ("activate", "bring", "change language", "deactivate", "decrease", "increase"),
    "object": (
        "Chinese", "English", "German", "Korean", "heat", "juice", "lamp", "lights", "music", "newspaper", "none",
        "shoes", "socks", "volume",
    ),
    "location": ("bedroom", "kitchen", "none", "washroom"),
}  # fmt: skip
SAMPLES = {"test": 3793, "valid": 3118}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a row of the part's table; paths in it count from the folder that ``data`` is in."""
    ((archive, tree),) = trees.items()
    table = only(tree, f"data/{split.name}_data.csv")
    home = table.removesuffix(f"data/{split.name}_data.csv")
    for number, line in read_csv(tree, table, ("path", "speakerId", "transcription", *SLOTS)):
        where = f"{table} in {tree.where}, line {number}"
        for slot, known in SLOTS.items():
            if line[slot] not in known:
                raise CorpusError(f"{where}: {line[slot]!r} is no {slot}{nearest(line[slot], list(known))}")
        member = home + inside(line["path"], where)
        yield Row(
            id=stem(member),
            recordings=(Recording(archive, member, member),),
            references=(json.dumps({slot: line[slot] for slot in SLOTS}, ensure_ascii=False),),
            group=line["speakerId"],
            fields={"language": "en"} | ({"sentence": line["transcription"]} if line["transcription"] else {}),
        )


def _corpus(archive: Archive) -> Corpus:
    return Corpus(
        name="fluent_speech_commands",
        title="Fluent Speech Commands",
        tasks=("ic",),
        languages=("en",),
        home="https://fluent.ai/fluent-speech-commands-a-dataset-for-spoken-language-understanding-research/",
        licence="Fluent Speech Commands Public License, in the archive; a record on Zenodo says CC BY 4.0",
        access=Access.open,
        citation=(
            "L. Lugosch, M. Ravanelli, P. Ignoto, V. S. Tomar, Y. Bengio: Speech model pre-training for end-to-end "
            "spoken language understanding. Interspeech 2019."
        ),
        archives=(replace(archive, unpacked=(HOME,), tables=tuple(f"{name}_data.csv" for name in SAMPLES)),),
        splits=tuple(Split(name, (archive.name,), samples=samples) for name, samples in SAMPLES.items()),
        rows=rows,
        layout=(
            f"{HOME}/data/<split>_data.csv (path, speakerId, transcription, action, object, location), "
            f"{HOME}/wavs/speakers/<speaker>/<name>.wav"
        ),
        defects=("nearly solved: specialists are above 99 %",),
        unverified=(
            "licence",
            "checksums",
            "the folders in fluentai.zip, which are taken to be those of fluent.tar.gz",
            "whether fluent.tar.gz, from a copy on the Hugging Face hub, is what fluent.ai handed out",
        ),
    )


CORPUS = replace(
    _corpus(
        Archive(
            "fluent.tar.gz",
            url="https://huggingface.co/datasets/leo19941227/fluent_speech_commands/resolve/main/fluent.tar.gz",
            also=("jf8398hf30f0381738rucj3828chfdnchs.tar.gz",),  # as fluent.ai itself had it
        )
    ),
    copies=(
        _corpus(
            Archive("fluentai.zip", url="https://zenodo.org/records/11106540/files/fluentai.zip", bytes=1_545_730_387)
        ),
    ),
)
