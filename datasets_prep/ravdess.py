"""RAVDESS, its speech: 24 actors say two sentences in eight emotions."""

import re
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import stem

ARCHIVE = "Audio_Speech_Actors_01-24.zip"
FOLDER = ARCHIVE.removesuffix(".zip")
STEM = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
SPEECH = "01"
EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust",
    "08": "surprised",
}  # fmt: skip
INTENSITIES = {"01": "normal", "02": "strong"}
SENTENCES = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a wav; its name says modality, channel, emotion, intensity, statement, repetition and actor, in numbers."""
    ((archive, tree),) = trees.items()
    where = tree.where
    for name in tree.names:
        if not name.lower().endswith(".wav"):
            continue
        found = STEM.fullmatch(stem(name))
        if found is None:
            raise CorpusError(f"{where} holds {name}, whose name is not seven numbers of two digits")
        _, channel, emotion, intensity, statement, _, actor = found.groups()
        if channel != SPEECH:
            continue  # songs, where both archives were unpacked to one place
        for what, code, known in (
            ("emotion", emotion, EMOTIONS),
            ("intensity", intensity, INTENSITIES),
            ("statement", statement, SENTENCES),
        ):
            if code not in known:
                raise CorpusError(f"{where} holds {name}, whose {what} {code} is none: {', '.join(known)}")
        yield Row(
            id=stem(name),
            recordings=(Recording(archive, name, name.removeprefix(f"{FOLDER}/")),),
            references=(EMOTIONS[emotion],),
            group=f"Actor_{actor}",
            fields={
                "gender": "male" if int(actor) % 2 else "female",
                "intensity": INTENSITIES[intensity],
                "sentence": SENTENCES[statement],
            },
        )


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS, speech",
    tasks=("emotion",),
    languages=("en",),
    home="https://zenodo.org/record/1188976",
    licence="CC BY-NC-SA 4.0",
    access=Access.open,
    citation=(
        "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE, 2018."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://zenodo.org/record/1188976/files/{ARCHIVE}",
            md5="bc696df654c87fed845eb13823edef8a",
            unpacked=(FOLDER,),
            tops=tuple(f"Actor_{number:02}" for number in range(1, 25)),
        ),
    ),
    splits=(Split("all", (ARCHIVE,), samples=1440),),
    rows=rows,
    layout=(
        "Actor_<01 to 24>/<modality>-<channel>-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav, two "
        "digits each; unpacked, the 24 folders or in one, Audio_Speech_Actors_01-24"
    ),
    labels=tuple(EMOTIONS.values()),
    defects=("no official split", "two sentences only: their words say nothing of the emotion"),
    unverified=("md5, which was read in two notes that quote the record", "whether a few files are stereo"),
)
