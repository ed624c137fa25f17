"""The language of a problem, from its script and its commonest words, without a model."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from assay.maths.text.words import normal_form

SCRIPTS = {  # first word of a letter's Unicode name -> script
    "LATIN": "latin",
    "CYRILLIC": "cyrillic",
    "GREEK": "greek",
    "ARABIC": "ar",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
}
COMMON = {
    "en": "the of and is to in a how what if are many that for find be with he she has have each his her does it from "
    "will by let many at on this as an your or than much which express answer",
    "de": "der die das und ist wie viele ein eine einen von zu mit den dem auf für hat wenn sich nicht es wird "
    "sind im er sie berechne welche",
    "fr": "le la les des et est un une de du que combien quel quelle dans pour il elle sur avec si au sont par "
    "en a ses chaque calculer",
    "es": "el la los las de y es un una que cuántos cuántas en para con si por del al cuál se su tiene cada hay "
    "son cuánto calcula",
    "pt": "o a os as de e é um uma que quantos quantas em para com se por do da no na qual tem cada são quanto "
    "seu sua calcule",
    "it": "il lo la i gli le di e è un una che quanti quante in per con se del della quale ha ogni sono nel "
    "calcola quanto",
    "nl": "de het een van en is hoeveel in op te dat met voor zijn als er hij zij wordt elke niet heeft bereken aan",
    "ru": "и в на с что не сколько если из по это для как то найдите она он его каждый было",
    "uk": "і в на з що не скільки якщо із по це для як то знайдіть вона він його кожен було є",
}
_WORDS = {name: frozenset(words.split()) for name, words in COMMON.items()}
_MATH = re.compile(
    r"\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]|\\[a-zA-Z]+|\[asy\].*?\[/asy\]|(?<!\w)[^\W\d]*+\d\w*+|\b\w\b", re.DOTALL
)
_WORD = re.compile(r"[^\W\d_]+")
UNKNOWN = "und"
MIN_WORDS = 5  # of an alphabetic script; fewer are no evidence
MIN_DISTINCT = 3  # common words: one "as" would make "Express your answer as a fraction" Portuguese
MAX_READ = 20_000  # characters at the start of a text


def detect_language(text: str) -> str:
    """The ISO 639-1 code of the text's language, or "und" if mathematics, names or few words leave it open.

    Formulas, commands and single letters do not count. The script of most letters decides if it belongs to one
    language; any kana means Japanese. Among Latin and Cyrillic languages the one whose commonest words are most
    frequent wins, if at least a tenth of the words are among them, three different ones, and no other language has two
    thirds as many. Known languages are those of SCRIPTS and COMMON.

    >>> detect_language("How many apples are in the box?"), detect_language("数学の問題です。和は何ですか。")
    ('en', 'ja')
    >>> detect_language("$x^2 = 4$")
    'und'
    """
    letters = _MATH.sub(" ", normal_form(text[:MAX_READ]))
    scripts = Counter(script for character in letters if character.isalpha() and (script := _script(character)))
    if not scripts:
        return UNKNOWN
    script = "ja" if scripts["ja"] else max(sorted(scripts), key=lambda name: scripts[name])
    if script not in ("latin", "cyrillic"):
        return {"greek": "el"}.get(script, script)
    return _by_words(
        [word.casefold() for word in _WORD.findall(letters)],
        ("ru", "uk") if script == "cyrillic" else tuple(COMMON)[:7],
    )


def _by_words(words: list[str], languages: tuple[str, ...]) -> str:
    if len(words) < MIN_WORDS:
        return UNKNOWN
    shares = sorted(
        ((sum(word in _WORDS[name] for word in words) / len(words), name) for name in languages), reverse=True
    )
    (share, name), (second, _) = shares[:2]
    sure = share >= 0.1 and second < share * 2 / 3 and len(_WORDS[name].intersection(words)) >= MIN_DISTINCT
    return name if sure else UNKNOWN


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    return SCRIPTS.get(unicodedata.name(character, "?").split()[0].split("-")[0], "")
