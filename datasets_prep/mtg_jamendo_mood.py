"""MTG-Jamendo, moods and themes: tags of whole songs; the test part of its first split."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_lines

TABLE = "autotagging_moodtheme-test.tsv"
COLUMNS = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS")
PREFIX = "mood/theme---"
TARS = tuple(f"autotagging_moodtheme_audio-{number:02}.tar" for number in range(100))
LABELS = (
    "action", "adventure", "advertising", "ambiental", "background", "ballad", "calm", "children", "christmas",
    "commercial", "cool", "corporate", "dark", "deep", "documentary", "drama", "dramatic", "dream", "emotional",
    "energetic", "epic", "fast", "film", "fun", "funny", "game", "groovy", "happy", "heavy", "holiday", "hopeful",
    "horror", "inspiring", "love", "meditative", "melancholic", "mellow", "melodic", "motivational", "movie", "nature",
    "party", "positive", "powerful", "relaxing", "retro", "romantic", "sad", "sexy", "slow", "soft", "soundscape",
    "space", "sport", "summer", "trailer", "travel", "upbeat", "uplifting",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a song; every tag is a column of its own, as many as it has."""
    homes = {name: archive for archive, tree in trees.items() if archive != TABLE for name in tree.names}
    for track, artist, path, tags in _songs(trees[TABLE]):
        low = str(PurePosixPath(path).with_suffix(".low.mp3"))
        member = low if low in homes else path
        archive = homes.get(member, f"autotagging_moodtheme_audio-{PurePosixPath(path).parent.name}.tar")
        if archive not in split.archives:
            raise CorpusError(
                f"{TABLE}: the path {path} of {track} does not begin with the number of an archive, 00 to 99"
            )
        yield Row(
            id=track,
            recordings=(Recording(archive, member, member),),
            references=tags,
            group=artist,
        )


def _songs(tree: Tree) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    lines = read_lines(tree, TABLE)
    head = next(lines, (1, ""))[1].split("\t")
    for place, column in enumerate(COLUMNS):
        if head[place : place + 1] != [column]:
            raise CorpusError(
                f"{TABLE}: column {place + 1} is {''.join(head[place : place + 1]) or 'missing'}, not {column}"
            )
    for number, line in lines:
        cells = line.split("\t")
        tags = cells[5:]
        if not tags or not all(tag.startswith(PREFIX) for tag in tags):
            raise CorpusError(f"{TABLE}, line {number}: a row is five columns, and then tags that begin with {PREFIX}")
        yield cells[0], cells[1], cells[3], tuple(tag.removeprefix(PREFIX) for tag in tags)


CORPUS = Corpus(
    name="mtg_jamendo_mood",
    title="MTG-Jamendo, moods and themes",
    tasks=("smer",),
    languages=(),
    home="https://mtg.github.io/mtg-jamendo-dataset/",
    licence="CC BY-NC-SA 4.0 (metadata, unverified); CC of each track (audio)",
    access=Access.open,
    citation=(
        "D. Bogdanov, M. Won, P. Tovstogan, A. Porter, X. Serra: The MTG-Jamendo dataset for automatic music tagging. "
        "ML4MD workshop, ICML 2019."
    ),
    archives=(
        Archive(
            TABLE,
            url=f"https://raw.githubusercontent.com/MTG/mtg-jamendo-dataset/master/data/splits/split-0/{TABLE}",
            also=(f"data/splits/split-0/{TABLE}",),
        ),
        *(Archive(name, also=(name.replace("audio-", "audio-low-"),), unpacked=(name[-6:-4],)) for name in TARS),
    ),
    splits=(Split("test", (TABLE, *TARS), samples=4231, parted=TARS),),
    rows=rows,
    layout="100 tars, <two digits>/<track>.mp3 (or .low.mp3); split-0's test table, with a column a tag",
    labels=LABELS,
    defects=("whole songs of minutes: most models hear the beginning",),
    unverified=("checksums",),
)
