"""VoxLingua107, its dev part: speech of YouTube in the languages that listeners have confirmed."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import stem

ARCHIVE = "dev.zip"
CODES = (
    "ab", "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "ceb", "cs", "cy", "da", "de",
    "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gn", "gu", "gv", "ha", "haw", "hi", "hr", "ht",
    "hu", "hy", "ia", "id", "is", "it", "iw", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt",
    "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt",
    "ro", "ru", "sa", "sco", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th",
    "tk", "tl", "tr", "tt", "uk", "ur", "uz", "vi", "war", "yi", "yo", "zh",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a wav; its label is the folder that it is in."""
    tree = trees[ARCHIVE]
    for name in tree.names:
        if not name.lower().endswith(".wav"):
            continue
        parts = PurePosixPath(name).parts
        if len(parts) != 2 + (parts[0] == "dev"):
            raise CorpusError(f"{tree.where} holds {name}, which is not dev/<language>/<file>.wav")
        yield Row(
            id=stem(name),
            recordings=(Recording(ARCHIVE, name, name),),
            references=(parts[-2],),
            group=stem(name).partition("__U__")[0] or stem(name),
        )


CORPUS = Corpus(
    name="voxlingua107",
    title="VoxLingua107, dev",
    tasks=("lid",),
    languages=CODES,
    home="https://cs.taltech.ee/staff/tanel.alumae/data/voxlingua107/",
    licence="CC BY-NC 4.0",
    access=Access.open,
    citation="J. Valk, T. Alumäe: VoxLingua107: a dataset for spoken language recognition. SLT 2021.",
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://cs.taltech.ee/staff/tanel.alumae/data/voxlingua107/{ARCHIVE}",
            unpacked=("dev",),
        ),
    ),
    splits=(Split("dev", (ARCHIVE,)),),
    rows=rows,
    layout="dev/<language>/<video>__U__S<number>---<start>-<end>.wav, or the same without dev/",
    labels=CODES,
    defects=(
        "Hebrew is iw (today he) and Javanese jw (today jv)",
        "the dev part has fewer languages than the 107 of training",
    ),
    unverified=("checksum and size", "samples", "whether all codes are as here", "how deep the folders of dev.zip are"),
)
