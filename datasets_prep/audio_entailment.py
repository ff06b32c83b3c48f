"""Audio entailment: does a recording of Clotho or AudioCaps entail a sentence, leave it open, or contradict it?"""

import html
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep import audiocaps
from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import clip_of_film, filled, needed, sounds
from datasets_prep.tables import read_csv

BASE = "https://raw.githubusercontent.com/microsoft/AudioEntailment/main/data"
CLOTHO = "clotho_audio_evaluation.7z"
TABLES = {"clotho.evaluation": "clotho_entailment_evaluation.csv", "audiocaps.test": "audiocaps_entailment_test.csv"}
RELATIONS = ("Entailment", "Neutral", "Contradiction")
"""Columns, each with a sentence that stands in this relation to the recording."""
LABELS = tuple(relation.lower() for relation in RELATIONS)


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """Three a line of the table, one a relation; lines of clips of AudioCaps that have vanished are left out."""
    table, audio = split.archives
    clips = sounds(trees[audio].names)
    clotho = {_one_form(name): path for name, path in clips.items()}
    met: Counter[str] = Counter()
    for number, line in read_csv(trees[table], table, ("Audio file", "Caption", *RELATIONS)):
        where = f"{table}, line {number}"
        name = PurePosixPath(needed(line["Audio file"], "Audio file", where)).name.removesuffix(".wav")
        count, met[name] = met[name], met[name] + 1
        if audio == CLOTHO and count:
            raise CorpusError(f"{where}: {name} stands there twice; get the file again")
        if audio == CLOTHO:
            member = clotho.get(_one_form(name))
            if member is None:
                raise CorpusError(f"{CLOTHO} lacks {name}.wav, which {where} needs; get it again")
        else:
            member = clip_of_film(clips, name.removeprefix("Y")) or clips.get(name)
            if member is None:
                continue
        for relation, label in zip(RELATIONS, LABELS, strict=True):
            yield Row(
                id=f"{name}-{count}-{label}",
                recordings=(Recording(audio, member, member),),
                references=(label,),
                group=name,
                fields={"hypothesis": needed(line[relation], relation, where), **filled(caption=line["Caption"])},
            )


def _one_form(name: str) -> str:
    """A file's name as it may be written: the table has some signs as HTML does, macOS has accents apart."""
    return unicodedata.normalize("NFC", html.unescape(name))


CORPUS = Corpus(
    name="audio_entailment",
    title="Audio entailment on Clotho (CLE) and AudioCaps (ACE)",
    tasks=("aqa",),
    languages=("en",),
    home="https://github.com/microsoft/AudioEntailment",
    licence="MIT (its repository); recordings keep the terms of Clotho and AudioCaps",
    access=Access.open,
    citation=(
        "S. Deshmukh et al.: Audio entailment: Assessing deductive reasoning for audio understanding. AAAI 2025."
    ),
    archives=(
        Archive(
            TABLES["clotho.evaluation"],
            url=f"{BASE}/CLE/{TABLES['clotho.evaluation']}",
            also=(f"data/CLE/{TABLES['clotho.evaluation']}", f"CLE/{TABLES['clotho.evaluation']}"),
        ),
        Archive(
            TABLES["audiocaps.test"],
            url=f"{BASE}/ACE/{TABLES['audiocaps.test']}",
            also=(f"data/ACE/{TABLES['audiocaps.test']}", f"ACE/{TABLES['audiocaps.test']}"),
        ),
        Archive(
            CLOTHO,
            url="https://zenodo.org/record/4783391/files/clotho_audio_evaluation.7z?download=1",
            md5="4569624ccadf96223f19cb59fe4f849f",
            unpacked=("evaluation",),
        ),
        audiocaps.CORPUS.archive(audiocaps.TEST_AUDIO),
    ),
    splits=(
        Split("clotho.evaluation", (TABLES["clotho.evaluation"], CLOTHO), samples=3 * 1045),
        Split("audiocaps.test", (TABLES["audiocaps.test"], audiocaps.TEST_AUDIO), samples=3 * 4875),
    ),
    rows=rows,
    layout=(
        "clotho_entailment_evaluation.csv and audiocaps_entailment_test.csv (Audio file, Caption, Entailment, Neutral, "
        "Contradiction); Clotho's clotho_audio_evaluation.7z (evaluation/<file>); a folder of clips as AudioCaps has it"
    ),
    labels=LABELS,
    defects=(
        "the table of AudioCaps has five lines a clip, that of Clotho one",
        "clips of AudioCaps come from YouTube and vanish",
        "in the table of Clotho some signs of file names are written as in HTML (&#39;)",
    ),
    unverified=("checksums of the tables",),
)
