"""AudioCaps: ten seconds of YouTube films, in test and validation with five captions each (version 1)."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import clip_of_film, needed, sounds
from datasets_prep.tables import read_csv

BASE = "https://raw.githubusercontent.com/cdjkim/audiocaps/master/dataset"
TEST_AUDIO, VAL_AUDIO = "audio", "audio_32000Hz/val"
COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a film, with the captions of all its lines; what has vanished is left out."""
    table, audio = split.archives
    captions: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for number, line in read_csv(trees[table], table, COLUMNS):
        where = f"{table}, line {number}"
        identity = needed(line["audiocap_id"], "audiocap_id", where)
        if identity in seen:
            raise CorpusError(f"{where}: the audiocap_id {identity} stands already in line {seen[identity]}")
        seen[identity] = number
        film = needed(line["youtube_id"].strip(), "youtube_id", where)
        captions.setdefault(film, []).append(needed(line["caption"], "caption", where))
    clips = sounds(trees[audio].names)
    for film, texts in captions.items():
        if (name := clip_of_film(clips, film)) is not None:
            yield Row(id=film, recordings=(Recording(audio, name, name),), references=tuple(texts), group=film)


def _places(part: str) -> tuple[str, ...]:
    """Where aac-datasets and the authors' repository have a table."""
    return tuple(f"{home}/{part}.csv" for home in ("csv_files_v1", "AUDIOCAPS/csv_files_v1", "dataset"))


CORPUS = Corpus(
    name="audiocaps",
    title="AudioCaps 1.0",
    tasks=("aac",),
    languages=("en",),
    home="https://github.com/cdjkim/audiocaps",
    licence="MIT (captions, for academic purposes); films keep the terms of who uploaded them",
    access=Access.open,
    citation="C. D. Kim, B. Kim, H. Lee, G. Kim: AudioCaps: Generating captions for audios in the wild. NAACL 2019.",
    archives=(
        Archive("test.csv", url=f"{BASE}/test.csv", also=_places("test")),
        Archive("val.csv", url=f"{BASE}/val.csv", also=_places("val")),
        Archive(TEST_AUDIO, unpacked=("audio", "AUDIOCAPS/audio_32000Hz/test")),
        Archive(VAL_AUDIO, unpacked=("audio", f"AUDIOCAPS/{VAL_AUDIO}")),
    ),
    splits=(
        Split("test", ("test.csv", TEST_AUDIO), samples=975),
        Split("val", ("val.csv", VAL_AUDIO), samples=495),
    ),
    rows=rows,
    layout=(
        "test.csv and val.csv (audiocap_id, youtube_id, start_time, caption); a folder audio, or "
        "audio_32000Hz/<split>, with a clip of each film, called <youtube_id>, Y<youtube_id> or either and _<start>..."
    ),
    defects=(
        "clips come from YouTube and vanish: others counted 883 to 975 of test; always say how many there were",
        "version 2.0 has the same films in test and validation, and other captions",
    ),
    unverified=("checksums (its authors publish none)",),
)
