"""What is said and asked in the miniature; every sentence was made up for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reader:
    """One speaker of LibriSpeech, with one chapter."""

    speaker: int
    chapter: int
    voice: str
    """Of espeak-ng."""
    pitch: int
    """From 0 to 99."""
    sentences: tuple[str, ...]


LIBRISPEECH: dict[str, tuple[Reader, Reader]] = {
    "dev-clean": (
        Reader(9101, 190101, "en-gb", 40, ("The lamp burned all night", "He couldn't find his hat")),
        Reader(9102, 190201, "en-us+f3", 55, ("We walked along the river", "My sister's garden is full of roses")),
    ),
    "dev-other": (
        Reader(9103, 190301, "en-gb-scotland+m3", 45, ("The old clock has stopped", "Snow fell on the quiet hills")),
        Reader(9104, 190401, "en-gb-x-rp+f2", 60, ("Close the window before dinner", "I don't remember her name")),
    ),
    "test-clean": (
        Reader(9105, 190501, "en-us", 35, ("A white horse crossed the bridge", "The bread was still warm")),
        Reader(9106, 190601, "en-gb+f4", 60, ("She wrote a letter to her mother", "It's too late to turn back")),
    ),
    "test-other": (
        Reader(9107, 190701, "en-gb-x-gbcwmd", 50, ("Nobody answered the door", "The captain's ship left at dawn")),
        Reader(9108, 190801, "en-029+f2", 45, ("Seven children played in the yard", "Rain is good for the corn")),
    ),
}
"""The readers of each split, with two sentences each."""

VOICES: dict[str, tuple[str, str]] = {
    "en": ("en-gb", "en-us+f3"),
    "de": ("de", "de+f2"),
    "es": ("es", "es-419+f3"),
    "fr": ("fr-fr", "fr-be+f2"),
    "it": ("it", "it+f3"),
    "zh-CN": ("cmn-latn-pinyin", "cmn-latn-pinyin+f2"),
}
"""Of espeak-ng, by locale: one a client. (The voice ``cmn`` of espeak-ng 1.51 reads characters as English spelling.)"""

COVOST: dict[str, tuple[dict[str, str], ...]] = {
    "en": (
        {
            "en": "The bakery opens at six.",
            "de": "Die Bäckerei öffnet um sechs Uhr.",
            "zh-CN": "面包店六点开门。",
        },
        {
            "en": "Where did you put my keys?",
            "de": "Wohin hast du meine Schlüssel gelegt?",
            "zh-CN": "你把我的钥匙放在哪里了？",
        },
        {
            "en": "The cat is asleep on the sofa.",
            "de": "Die Katze schläft auf dem Sofa.",
            "zh-CN": "猫在沙发上睡着了。",
        },
        {
            "en": '"Good morning", said the teacher.',
            "de": '"Guten Morgen", sagte die Lehrerin.',
            "zh-CN": "“早上好。”老师说。",
        },
    ),
    "de": (
        {"de": "Der Zug fährt um acht Uhr ab.", "en": "The train leaves at eight o'clock."},
        {"de": "Heute scheint die Sonne.", "en": "The sun is shining today."},
        {"de": "Wo ist der nächste Bahnhof?", "en": "Where is the nearest train station?"},
        {"de": "Meine Großmutter trinkt gern Tee.", "en": "My grandmother likes to drink tea."},
    ),
    "es": (
        {"es": "El perro duerme en el jardín.", "en": "The dog sleeps in the garden."},
        {"es": "¿Cuánto cuesta este libro?", "en": "How much does this book cost?"},
        {"es": "Mañana vamos a la playa.", "en": "Tomorrow we are going to the beach."},
        {"es": "La sopa está muy caliente.", "en": "The soup is very hot."},
    ),
    "fr": (
        {"fr": "Le chat dort près du feu.", "en": "The cat is sleeping by the fire."},
        {"fr": "Nous mangeons du pain frais.", "en": "We are eating fresh bread."},
        {"fr": "Est-ce que tu aimes la musique ?", "en": "Do you like music?"},
        {"fr": "Il a plu toute la nuit.", "en": "It rained all night."},
    ),
    "it": (
        {"it": "La finestra è aperta.", "en": "The window is open."},
        {"it": "Mio fratello suona il pianoforte.", "en": "My brother plays the piano."},
        {"it": "Che ore sono adesso?", "en": "What time is it now?"},
        {"it": "Compriamo le mele al mercato.", "en": "We buy apples at the market."},
    ),
    "zh-CN": (
        {"zh-CN": "今天天气很好。", "en": "The weather is nice today."},
        {"zh-CN": "我喜欢喝茶。", "en": "I like drinking tea."},
        {"zh-CN": "他在图书馆看书。", "en": "He is reading in the library."},
        {"zh-CN": "你叫什么名字？", "en": "What is your name?"},
    ),
}
"""By locale of the speech: the sentence and its translations; the first client reads the first half."""

PAIRS = (("en", "de"), ("de", "en"), ("en", "zh-CN"), ("zh-CN", "en"), ("es", "en"), ("fr", "en"), ("it", "en"))
"""Spoken language and written language."""


@dataclass(frozen=True)
class Question:
    text: str
    answers: tuple[str, str, str]
    """Of three annotators."""
    confidence: tuple[str, str, str] = ("yes", "yes", "yes")
    """Of yes, maybe and no: how sure each of them was."""


CLOTHO: dict[str, tuple[Question, Question, Question]] = {
    "Bells near the Water (old).wav": (
        Question("Is a bell ringing?", ("yes", "yes", "yes")),
        Question("Is somebody talking?", ("no", "no", "no")),
        Question("What is being rung?", ("bell", "bell", "bells")),
    ),
    "Footsteps on gravel [take 2].wav": (
        Question("Is someone walking?", ("YES", "yes", "yes")),
        Question("Does the person run, or climb stairs, all the time?", ("no", "yes", "no"), ("yes", "maybe", "yes")),
        Question("What is the person doing?", ("walking", "walking", "walking")),
    ),
    "birds, early morning.wav": (
        Question("Are birds singing?", ("yes", "yes", "yes")),
        Question("Is there the chatter of a café?", ("no", "NO", "no")),
        Question("Which animals are heard?", ("birds", "birds", "bird")),
    ),
    "OLD engine idle - garage.wav": (
        Question("Is an engine running?", ("yes", "yes", "yes")),
        Question("Is the sound high in pitch?", ("no", "no", "no")),
        Question("What is running?", ("engine", "motor", "engine"), ("yes", "maybe", "yes")),
    ),
    "people in a room (talking).wav": (
        Question("Are several people talking?", ("yes", "yes", "yes")),
        Question("Can one follow what a single person says?", ("no", "no", "yes"), ("yes", "yes", "no")),
        Question("Who is talking?", ("people", "people", "crowd")),
    ),
}
"""By file: two questions of yes or no, and one of a single word."""

CLIPS: tuple[tuple[str, str, int, int, int], ...] = (
    ("Test", "Bus", 7001, 15000101, 1),
    ("Test", "Bus", 7001, 15000101, 2),
    ("Test", "Cafe", 7002, 15000102, 1),
    ("Test", "Car", 7003, 15000103, 1),
    ("Test", "CrowdedIndoor", 7004, 15000104, 1),
    ("Test", "Elevator", 7005, 15000105, 1),
    ("Test", "Kitchen", 7001, 15000106, 1),
    ("Test", "Park", 7002, 15000108, 1),
    ("Test", "ResidentialArea", 7003, 15000109, 1),
    ("Test", "Restaurant", 7004, 15000110, 1),
    ("Test", "Restroom", 7005, 15000111, 1),
    ("Test", "Street", 7006, 15000112, 1),
    ("Test", "Street", 7002, 15000113, 1),
    ("Test", "Subway", 7001, 15000114, 1),
    ("Test", "SubwayStation", 7003, 15000115, 1),
    ("Val", "Park", 7007, 15000201, 1),
)
"""Of CochlScene: part, label, user, session, and the clip's number within it."""
