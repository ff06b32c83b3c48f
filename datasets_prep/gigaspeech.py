"""GigaSpeech: English from podcasts, films and audiobooks, stretches of long recordings."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.segments import read_audios
from datasets_prep.tables import only

FOLDER = "GigaSpeech"
GARBAGE = {"<SIL>", "<MUSIC>", "<NOISE>", "<OTHER>"}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a segment of the subset in ``GigaSpeech.json``, but for those in which nobody speaks."""
    tree = trees[FOLDER]
    for segment in read_audios(tree, only(tree, "GigaSpeech.json"), split.name.upper(), "text_tn"):
        words = segment.text.split()
        if words and GARBAGE.issuperset(words):
            continue
        member = f"{FOLDER}/{segment.path}"
        yield Row(
            id=segment.id,
            recordings=(Recording(FOLDER, member, member, segment.start, segment.end),),
            references=(segment.text,),
            group=segment.audio,
            fields={"language": "en"},
        )


CORPUS = Corpus(
    name="gigaspeech",
    title="GigaSpeech, dev and test",
    tasks=("asr",),
    languages=("en",),
    home="https://github.com/SpeechColab/GigaSpeech",
    licence="for research and education, not commercial; terms to accept",
    access=Access.agreement,
    citation=(
        "G. Chen, S. Chai, G. Wang et al.: GigaSpeech: An evolving, multi-domain ASR corpus with 10,000 hours of "
        "transcribed audio. Interspeech 2021."
    ),
    archives=(Archive(FOLDER, unpacked=(FOLDER,), tops=("GigaSpeech.json", "audio")),),
    splits=(Split("dev", (FOLDER,), samples=5_715, hours=12.0), Split("test", (FOLDER,), hours=40.0)),
    rows=rows,
    layout=(
        "what its download script makes: GigaSpeech/GigaSpeech.json (audios: aid, path, segments: sid, begin_time, "
        "end_time, text_tn, subsets), GigaSpeech/audio/<source>/P*/<aid>.opus"
    ),
    defects=(
        "segments with nothing but <SIL>, <MUSIC>, <NOISE> or <OTHER>, which are left out here as everywhere",
        "the texts are in capitals, with <COMMA>, <PERIOD>, <QUESTIONMARK> and <EXCLAMATIONPOINT> as words",
    ),
    unverified=(
        "checksums: the archives are encrypted, so it is read unpacked",
        "samples of test: others count 19,930 or 19,931",
    ),
)
