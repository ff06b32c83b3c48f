"""Clotho 2.1: sounds of 15 to 30 seconds, each described by five people."""

import unicodedata
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.tables import read_csv, stem

BASE = "https://zenodo.org/record/4783391/files"
CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))
# Split: clips, md5 of its sounds, of its captions
PUBLISHED = {
    "evaluation": (1045, "4569624ccadf96223f19cb59fe4f849f", "1b16b9e57cf7bdb7f13a13802aeb57e2"),
    "validation": (1045, "7dba730be08bada48bd15dc4e668df59", "5879e023032b22a2c930aaa0528bead4"),
    "development": (3839, "c8b05bc7acdb13895bb3c6a29608667e", "d4090b39ce9f2491908eebf4d5b09bae"),
}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the split's captions."""
    table, archive = split.archives
    members = {_one_form(member): member for member in trees[archive].names}
    for _, line in read_csv(trees[table], table, ("file_name", *CAPTIONS)):
        name = f"{split.name}/{inside(line['file_name'], table)}"
        member = members.get(_one_form(name), name)
        identity = stem(line["file_name"])
        yield Row(
            id=identity,
            recordings=(Recording(archive, member, member),),
            references=tuple(line[caption] for caption in CAPTIONS),
            group=identity,
        )


def _one_form(path: str) -> str:
    """Accented letters as one sign each: macOS writes two, the tables one."""
    return unicodedata.normalize("NFC", path)


CORPUS = Corpus(
    name="clotho",
    title="Clotho 2.1",
    tasks=("aac",),
    languages=("en",),
    home="https://zenodo.org/record/4783391",
    licence="captions: Tampere University's, not commercial, with attribution; sounds: Creative Commons, each its own",
    access=Access.open,
    citation="K. Drossos, S. Lipping, T. Virtanen: Clotho: An audio captioning dataset. ICASSP 2020.",
    archives=tuple(
        archive
        for split, (_, sounds, captions) in PUBLISHED.items()
        for archive in (
            Archive(
                f"clotho_audio_{split}.7z",
                url=f"{BASE}/clotho_audio_{split}.7z?download=1",
                md5=sounds,
                unpacked=(split, f"clotho_audio_files/{split}"),
            ),
            Archive(
                f"clotho_captions_{split}.csv",
                url=f"{BASE}/clotho_captions_{split}.csv?download=1",
                md5=captions,
                also=(f"clotho_csv_files/clotho_captions_{split}.csv",),
            ),
        )
    ),
    splits=tuple(
        Split(split, (f"clotho_captions_{split}.csv", f"clotho_audio_{split}.7z"), samples=samples)
        for split, (samples, _, _) in PUBLISHED.items()
    ),
    rows=rows,
    layout=(
        "clotho_audio_<split>.7z with <split>/<file_name>; clotho_captions_<split>.csv: file_name, caption_1 to "
        "caption_5"
    ),
    defects=(
        "the evaluation part is the same in versions 1, 2 and 2.1; development is not, and validation came with 2",
        "captions are 8 to 20 words long: CIDEr punishes longer answers",
        "ClothoAQA and other sets are made of the same sounds",
    ),
    unverified=("hours of each split",),
)
