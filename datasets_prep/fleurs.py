"""FLEURS: the sentences of FLoRes-101, read in 102 languages."""

from collections.abc import Iterator, Mapping
from functools import cache

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import only, read_headless, stem

BASE = "https://storage.googleapis.com/xtreme_translations/FLEURS102"
ENGLISH = "en_us"
PARTS = ("/audio/test.tar.gz", "/audio/dev.tar.gz")
"""Archives in the hub's copy, whose folders are otherwise what an archive of a language unpacks to."""
LANGUAGES = (
    "af_za", "am_et", "ar_eg", "as_in", "ast_es", "az_az", "be_by", "bg_bg", "bn_in", "bs_ba", "ca_es", "ceb_ph",
    "ckb_iq", "cmn_hans_cn", "cs_cz", "cy_gb", "da_dk", "de_de", "el_gr", "en_us", "es_419", "et_ee", "fa_ir",
    "ff_sn", "fi_fi", "fil_ph", "fr_fr", "ga_ie", "gl_es", "gu_in", "ha_ng", "he_il", "hi_in", "hr_hr", "hu_hu",
    "hy_am", "id_id", "ig_ng", "is_is", "it_it", "ja_jp", "jv_id", "ka_ge", "kam_ke", "kea_cv", "kk_kz", "km_kh",
    "kn_in", "ko_kr", "ky_kg", "lb_lu", "lg_ug", "ln_cd", "lo_la", "lt_lt", "luo_ke", "lv_lv", "mi_nz", "mk_mk",
    "ml_in", "mn_mn", "mr_in", "ms_my", "mt_mt", "my_mm", "nb_no", "ne_np", "nl_nl", "nso_za", "ny_mw", "oc_fr",
    "om_et", "or_in", "pa_in", "pl_pl", "ps_af", "pt_br", "ro_ro", "ru_ru", "sd_in", "sk_sk", "sl_si", "sn_zw",
    "so_so", "sr_rs", "sv_se", "sw_ke", "ta_in", "te_in", "tg_tj", "th_th", "tr_tr", "uk_ua", "umb_ao", "ur_pk",
    "uz_uz", "vi_vn", "wo_sn", "xh_za", "yo_ng", "yue_hant_hk", "zu_za",
)  # fmt: skip
COLUMNS = ("index", "file_name", "raw_transcription", "transcription", "characters", "num_samples", "gender")
SAMPLES = {"cmn_hans_cn": 945, "en_us": 647, "yue_hant_hk": 819}
"""Of test."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the language's table: its transcription, its language, or the English sentence of its index."""
    language, part, asked = (split.options[key] for key in ("language", "part", "asked"))
    archive = f"{language}.tar.gz"
    english = _english(trees[f"{ENGLISH}.tar.gz"]) if asked == "translation" else {}
    for home, line in _lines(trees[archive], language, part):
        said = line["raw_transcription"]
        fields = {"language": _iso(language), "transcription": line["transcription"], "gender": line["gender"].lower()}
        references = [language if asked == "language" else said]
        if asked == "translation":
            if line["index"] not in english:
                continue
            fields = {"language": _iso(language), "target_language": "en", "sentence": said}
            references = english[line["index"]]
        member = f"{home}audio/{part}/{inside(line['file_name'], archive)}"
        yield Row(
            id=stem(member),
            recordings=(Recording(archive, member, member),),
            references=tuple(references),
            group=line["index"],
            fields={key: value for key, value in fields.items() if value},
        )


def _lines(tree: Tree, language: str, part: str) -> Iterator[tuple[str, dict[str, str]]]:
    """What stands before the table's name in the archive, and each row of the table."""
    name = only(tree, f"{language}/{part}.tsv")
    for number, line in read_headless(tree, name, COLUMNS):
        if not line["index"] or not line["file_name"]:
            raise CorpusError(f"{name} in {tree.where}, line {number}: no index, or no name of a file")
        yield name.removesuffix(f"{part}.tsv"), line


def _english(tree: Tree) -> dict[str, list[str]]:
    """The English texts of each index, of the first of test, dev and train that has it."""
    found: dict[str, list[str]] = {}
    for part in ("test", "dev", "train"):
        texts: dict[str, dict[str, None]] = {}
        if any(name.endswith(f"{ENGLISH}/{part}.tsv") for name in tree.names):
            for _, line in _lines(tree, ENGLISH, part):
                texts.setdefault(line["index"], {})[line["raw_transcription"]] = None
        found = {index: list(said) for index, said in texts.items()} | found
    return found


def _iso(language: str) -> str:
    """``de`` of ``de_de``; Mandarin under its usual name."""
    code = language.partition("_")[0]
    return "zh" if code == "cmn" else code


@cache
def _splits() -> tuple[Split, ...]:
    splits = []
    for language in LANGUAGES:
        archives, english = (f"{language}.tar.gz",), (f"{language}.tar.gz", f"{ENGLISH}.tar.gz")
        options = {"language": language, "part": "test", "asked": "speech"}
        count = SAMPLES.get(language)
        splits += [
            Split(f"{language}.test", archives, samples=count, options=options),
            Split(f"{language}.dev", archives, options={**options, "part": "dev"}),
            Split(f"{language}.lid", archives, samples=count, options={**options, "asked": "language"}),
        ]
        if language != ENGLISH:
            options = {**options, "asked": "translation"}
            splits.append(Split(f"{language}_{ENGLISH}.test", english, options=options))
    return tuple(splits)


CORPUS = Corpus(
    name="fleurs",
    title="FLEURS",
    tasks=("asr", "lid", "s2tt"),
    languages=tuple(dict.fromkeys(_iso(language) for language in LANGUAGES)),
    home="https://huggingface.co/datasets/google/fleurs",
    licence="CC BY 4.0",
    access=Access.open,
    citation=(
        "A. Conneau, M. Ma, S. Khanuja, Y. Zhang, V. Axelrod, S. Dalmia, J. Riesa, C. Rivera, A. Bapna: FLEURS: "
        "Few-shot learning evaluation of universal representations of speech. SLT 2022."
    ),
    archives=tuple(
        Archive(
            f"{language}.tar.gz",
            url=f"{BASE}/{language}.tar.gz",
            unpacked=(language, f"data/{language}"),
            tables=("/test.tsv", "/dev.tsv"),
            nested=PARTS,
        )
        if language != ENGLISH
        else Archive(
            f"{language}.tar.gz",
            url=f"{BASE}/{language}.tar.gz",
            unpacked=(language, f"data/{language}"),
            tables=(".tsv",),
            nested=PARTS,
        )
        for language in LANGUAGES
    ),
    splits=_splits(),
    rows=rows,
    layout=(
        "<language>.tar.gz with <language>/audio/{train,dev,test}/<file>.wav and <language>/{train,dev,test}.tsv, "
        "without a header: index of the sentence, file, raw transcription, transcription, characters, samples, gender"
    ),
    defects=(
        "which of the two transcriptions is the reference changes the scores of Chinese and English; here the raw one",
        "most sentences are read by two or three people",
    ),
    unverified=(
        "checksums",
        "samples of all parts but the test parts of Mandarin, English and Cantonese",
        "licence (read on a derived set's card)",
    ),
)
