"""TUT Acoustic Scenes 2017: 15 acoustic scenes, ten seconds each."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.members import with_ending_of
from datasets_prep.records import sounds
from datasets_prep.tables import only, read_lines, stem

LABELS = (
    "beach", "bus", "cafe/restaurant", "car", "city_center", "forest_path", "grocery_store", "home", "library",
    "metro_station", "office", "park", "residential_area", "train", "tram",
)  # fmt: skip
RECORDS = {"evaluation": "1040168", "development": "400515"}
META_MD5 = {"evaluation": "200eee9493e8044403e1326e3d05cfde", "development": "9007fd4772d816590c5db5f5e9568f5d"}
AUDIO_MD5 = {
    "evaluation": (
        "3d6dda4445871e9544e0fefe7d14c7d9", "4085ef5fa286f2169074993a4e405953", "cac432579e7cf2dff0aec7aaed248956",
        "664bf09c3d24bd26c6b587f1d709de36",
    ),
    "development": (
        "251325a9afaaad0326ad1c57f57d514a", "c26861e05147dc319b4250eb103d9d99", "a4815775f8a5e629179726ee4cd4f55a",
        "1732b03afe8c53ef8bba80ba14766e57", "611be754a0c951185c6ae4b7643c19a0", "165a201db800d3ea76fce5a9c2bd97d7",
        "c7d79db84264401c0f8680dcc36013ad", "35043f25123439392338c790494c7a19", "0805dcf5d8e6871dc9610182b2efb93a",
        "5df83a191295a04e290b125c634e13e7",
    ),
}  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of ``meta.txt``: a path, a label, and where it is known the recording that it was cut from."""
    meta = trees[split.archives[0]]
    there = [archive for archive in split.archives[1:] if archive in trees]
    clips = {stem(name): (archive, name) for archive in there for name in sounds(trees[archive].names).values()}
    absent = next((archive for archive in split.archives[1:] if archive not in trees), split.archives[1])
    home = f"TUT-acoustic-scenes-2017-{split.name}"
    name = only(meta, "meta.txt")
    for number, line in read_lines(meta, name):
        cells = line.split()
        where = f"{name} in {meta.where}, line {number}"
        if len(cells) not in (2, 3):
            raise CorpusError(f"{where}: {line!r} is not a path, a label and perhaps a recording")
        if cells[1] not in LABELS:
            raise CorpusError(f"{where}: no scene {cells[1]!r}{nearest(cells[1], list(LABELS))}")
        identity = stem(cells[0])
        archive, member = clips.get(identity, (absent, f"{home}/{cells[0]}"))
        yield Row(
            id=identity,
            recordings=(Recording(archive, member, with_ending_of(f"{home}/{cells[0]}", member)),),
            references=(cells[1],),
            group=cells[2] if split.name == "development" and len(cells) == 3 else identity,
        )


def _archives(part: str) -> Iterator[Archive]:
    home = f"TUT-acoustic-scenes-2017-{part}"
    names = [f"{home}.meta.zip", *(f"{home}.audio.{number}.zip" for number in range(1, len(AUDIO_MD5[part]) + 1))]
    for name, md5 in zip(names, (META_MD5[part], *AUDIO_MD5[part]), strict=True):
        yield Archive(name, url=f"https://zenodo.org/record/{RECORDS[part]}/files/{name}", md5=md5, unpacked=(home,))


ARCHIVES = {part: tuple(_archives(part)) for part in RECORDS}

CORPUS = Corpus(
    name="tut2017",
    title="TUT Acoustic Scenes 2017",
    tasks=("asc",),
    languages=(),
    home="https://dcase.community/challenge2017/task-acoustic-scene-classification",
    licence="TUT's, free for what is not commercial",
    access=Access.open,
    citation="A. Mesaros, T. Heittola, T. Virtanen: TUT database for acoustic scene classification. EUSIPCO 2016.",
    archives=tuple(archive for archives in ARCHIVES.values() for archive in archives),
    splits=tuple(
        Split(part, names := tuple(archive.name for archive in archives), parted=names[1:])
        for part, archives in ARCHIVES.items()
    ),
    rows=rows,
    layout="TUT-acoustic-scenes-2017-<part>/meta.txt and audio/*.wav, in one zip of texts and several of sound",
    labels=LABELS,
    defects=(
        "the labels are spelt as in meta.txt (city_center); the DCASE pages and prompts spell them otherwise",
        "an archive of errors belongs to the development part",
    ),
    unverified=("clips of each part (1,620 are spoken of in the evaluation)", "sample rate"),
)
