"""WenetSpeech, its test sets: Mandarin from the net and from meetings, stretches of long recordings."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.segments import read_audios
from datasets_prep.tables import only

FOLDER = "WenetSpeech"
# Subset of the table: utterances, hours
PUBLISHED = {"TEST_NET": (24_774, 23.0), "TEST_MEETING": (8370, 15.0), "DEV": (13_825, 20.0)}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a segment of the subset in ``WenetSpeech.json``."""
    tree = trees[FOLDER]
    for segment in read_audios(tree, only(tree, "WenetSpeech.json"), split.name.upper(), "text"):
        member = f"{FOLDER}/{segment.path}"
        yield Row(
            id=segment.id,
            recordings=(Recording(FOLDER, member, member, segment.start, segment.end),),
            references=(segment.text,),
            group=segment.audio,
            fields={"language": "zh"},
        )


CORPUS = Corpus(
    name="wenetspeech",
    title="WenetSpeech, test sets",
    tasks=("asr",),
    languages=("zh",),
    home="https://wenet-e2e.github.io/WenetSpeech/",
    licence="unverified: on its page, after an application",
    access=Access.agreement,
    citation=(
        "B. Zhang, H. Lv, P. Guo et al.: WenetSpeech: A 10000+ hours multi-domain Mandarin corpus for speech "
        "recognition. ICASSP 2022."
    ),
    archives=(Archive(FOLDER, unpacked=(FOLDER,), tops=("WenetSpeech.json", "audio")),),
    splits=tuple(
        Split(name.lower(), (FOLDER,), samples=samples, hours=hours) for name, (samples, hours) in PUBLISHED.items()
    ),
    rows=rows,
    layout=(
        "what its download script decrypts: WenetSpeech/WenetSpeech.json (audios: aid, path, segments: sid, "
        "begin_time, end_time, text, subsets), WenetSpeech/audio/<subset>/<source>/B*/<aid>.opus"
    ),
    defects=("small errors in the transcripts of test_net, which its makers have told of",),
    unverified=("licence", "checksums: the archives are encrypted, so it is read unpacked", "the longest segment"),
)
