"""VoxPopuli: speeches of the European Parliament, transcribed in 16 languages."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_tsv, stem

LANGUAGES = ("en", "de", "fr", "es", "pl", "it", "ro", "hu", "cs", "nl", "fi", "hr", "sk", "sl", "et", "lt")
COLUMNS = ("id", "raw_text", "normalized_text", "speaker_id", "gender", "accent")
FIELDS = ("gender", "raw_text", "accent")
FOLDER = "transcribed_data"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a row of the part's table that has a normalised text."""
    table, folder = split.archives
    members = {stem(name): name for name in trees[folder].names if name.endswith(".ogg")}
    for number, line in read_tsv(trees[table], table, COLUMNS):
        identity = line["id"]
        if not identity:
            raise CorpusError(f"{table}, line {number}: no id")
        if not line["normalized_text"].strip():
            continue
        member = members.get(identity, f"{folder}/{identity[:4]}/{identity}.ogg")
        yield Row(
            id=identity,
            recordings=(Recording(folder, member, member),),
            references=(line["normalized_text"],),
            group=line["speaker_id"] or identity,
            fields={
                "language": split.options["language"],
                **{key: line[key] for key in FIELDS if line[key]},
            },
        )


CORPUS = Corpus(
    name="voxpopuli",
    title="VoxPopuli, transcribed",
    tasks=("asr",),
    languages=LANGUAGES,
    home="https://github.com/facebookresearch/voxpopuli",
    licence="CC0 1.0, with a notice of the European Parliament",
    access=Access.open,
    citation=(
        "C. Wang, M. Rivière, A. Lee et al.: VoxPopuli: A large-scale multilingual speech corpus for representation "
        "learning, semi-supervised learning and interpretation. ACL 2021."
    ),
    archives=tuple(
        archive
        for language in LANGUAGES
        for archive in (
            Archive(f"{FOLDER}/{language}", unpacked=(f"{FOLDER}/{language}",)),
            *(
                Archive(f"{FOLDER}/{language}/asr_{part}.tsv", also=(f"{language}/asr_{part}.tsv",))
                for part in ("test", "dev")
            ),
        )
    ),
    splits=tuple(
        Split(
            f"{language}.{part}",
            (f"{FOLDER}/{language}/asr_{part}.tsv", f"{FOLDER}/{language}"),
            options={"language": language},
        )
        for language in LANGUAGES
        for part in ("test", "dev")
    ),
    rows=rows,
    layout=(
        "what its scripts (download_audios, get_asr_data) make: transcribed_data/<language>/asr_<part>.tsv (id, "
        "raw_text, normalized_text, speaker_id, split, gender, is_gold_transcript, accent), "
        "transcribed_data/<language>/<year>/<id>.ogg"
    ),
    defects=("rows without a normalised text, which are left out", "known errors in the references"),
    unverified=(
        "samples and hours of each split",
        "checksums: its scripts cut the recordings of each year on the spot",
    ),
)
