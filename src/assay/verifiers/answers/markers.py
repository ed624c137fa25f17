"""The words that announce an answer, in the languages that models answer in: 'the answer is', `Answer:`, `####`, 答案, Ответ, ..."""

import re
from typing import NamedTuple

from assay.verifiers.answers.excerpts import Phrase, phrase

LOOKS = 5_000  # times that one word is looked at
_CLOSE = r"(?:[*_`\"'”»)\]}]|</?[a-z]\w{0,9}\s?/?>){0,8}"  # what closes a marker's dress: bold, quotes, a tag, \textbf{Answer}
_MIDDLE = (
    r"(?:\s{1,2}\([^()\n]{1,60}\)|,?\s(?:to|for|of|in|on|at|from|with|that|we)\s[^\n.:!?=]{1,80}?|,\s[^\n.:!?=]{1,40}?,"
    r"|\s(?:finale?|definitiva|definitivo|correcta|correta|corretta|correcte|exacta|esatta|cuối cùng|akhir)(?=\W))?"
)
_COLON = r"\s{0,3}(?:[:：﹕]|=(?!=)|→|⇒|->|—|–|-(?=\s))"
_FILLER = (
    r"(?:\s{1,3}(?:as follows|given below|below|therefore|thus|then|hence|simply|just|now|indeed|clearly|exactly|given by|found to be|equal to|also)"
    r"(?![A-Za-z])[:,]?){0,2}"
)
_IS = (
    r"\s{1,3}(?:(?:should|would|must|will)\s)?(?:is|are|be|equals?|becomes|(?:comes?|works?|turns?)\sout\s(?:to\sbe|to|as|at)|comes\sto|IS|ARE)"
    r"(?![A-Za-z])" + _FILLER + r"|['’]s(?=\s)" + _FILLER
)
_VALUE = r"(?=\s{0,3}[-+−]?[\d$\\(（\[]|\s{0,3}[A-JＡ-Ｊ](?![A-Za-z]))"  # \d: the digits of every script
_ADJECTIVE = r"(?:\s(?!(?:não|non?)\s)\w{2,14}){0,2}?"  # réponse finale, respuesta correcta
_WORDS: tuple[tuple[str, str, bool], ...] = (  # nouns in lower case, verbs, whether a value may follow at once
    ("answer", _IS, False),
    ("antwort|ergebnis|lösung", r"\s(?:ist|sind|lautet|lauten|beträgt|wäre)\b(?:\s(?:also|somit|daher|damit))?", False),
    ("réponse|reponse|résultat", _ADJECTIVE + r"\s(?:est|sont|vaut|sera)\b(?:\s(?:donc|alors))?", False),
    ("respuesta", _ADJECTIVE + r"\s(?:es|son|será)\b(?:\s(?:por tanto|entonces))?", False),
    ("resposta", _ADJECTIVE + r"\s(?:é|são|e|será)\b(?:\s(?:portanto|então))?", False),
    ("risposta", _ADJECTIVE + r"\s(?:è|sono|sarà)\b(?:\s(?:quindi|dunque))?", False),
    (
        "opción correcta|opção correta|alternativa correta|opzione corretta",
        r"\s(?:es|é|è)(?:\s(?:la|a|o|el)(?=\s))?(?!\w)",
        False,
    ),
    ("resultado|risultato", _ADJECTIVE + r"\s(?:es|é|è|será|sarà)\b", False),
    ("antwoord", r"\s(?:is|zijn|luidt)\b", False),
    ("ответ|відповідь", r"(?:ом)?\s(?:равен|равна|равно|это|есть|будет|является|дорівнює|це)(?!\w)", True),
    ("odpowiedź", r"\s(?:to|brzmi|wynosi|jest)\b", False),
    ("cevap|yanıt", "(?!)", True),
    ("đáp án|đáp số|câu trả lời", r"(?:\s(?:đúng|cuối cùng|chính xác))?\s(?:là|bằng)(?!\w)", False),
    ("jawaban|jawabannya|jibu", r"\s(?:adalah|ialah|ni)\b", False),
    (
        "答案",
        r"\s?(?:不是[^，。,\n]{1,30}[，,]?\s?而是|应该是|應該是|应为|应是|就是|便是|等于|等於|選擇|选择|是|为|為|选|選)",
        True,
    ),
    ("答え", r"\s?[はが]", True),
    ("答", "(?!)", False),
    ("解答|回答|正解", r"\s?[は是为為]", False),
    ("故选|故選|应选|應選|因此选|所以选|因此选择|所以选择|故选择", r"\s?[项項]?", True),
    ("结果|結果|結論|结论", r"\s?(?:是|为|為|は|等于)", False),
    ("정답|답", r"[은는이]\s", True),
    (
        "الجواب|الإجابة|الاجابة|إجابة|جواب|الناتج",
        r"(?:\s(?:النهائي|النهائية|الصحيح|الصحيحة))?\s(?:هو|هي|يساوي|تساوي)(?!\w)",
        True,
    ),
    ("उत्तर|जवाब", r"\s(?:है|हैं|होगा)(?=\s?[:\d$\\(])", True),
    ("উত্তর", r"\s(?:হল|হলো)(?!\w)", True),
    ("คำตอบ|ตอบ", r"(?:ที่ถูกต้อง|สุดท้าย)?\s?(?:คือ|ว่า|เท่ากับ|เป็น)", True),
    ("సమాధానం", "(?!)", True),
)
_OPTION = (
    r"\s(?:is|would be|should be|must be)(?![A-Za-z])" + _FILLER
)  # 'the correct option is'; what makes it an answer stands before
_CHECKS = re.compile(  # 'to check the answer: 2 + 3 = 5' announces no answer
    r"(?:check|verif|confirm|valid|test|simplif|round|express|writ|giv|stat|box|put|plac|enter|provid|format|present|report|submit|explain|wrong|incorrect|"
    r"possible|whose)\w{0,6}\s(?:(?:the|this|that|our|my|your|final|an?|numerical|correct)\s){0,3}$",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"(?:[#*_`>\s]|<[a-z]\w{0,9}>|\\(?:textbf|text|section\*?|subsection\*?)\{|[✅🔹✔️]|\d{1,2}\.|the|my|our|your|final|correct|short|numerical)*",
    re.IGNORECASE,
)
_CORRECT = re.compile(r"(?:correct|right|best|final|true)\s(?:multiple[- ])?$", re.IGNORECASE)
_NONE = re.compile(  # what follows 'the answer is' without being one
    r"(?:correct|right|wrong|incorrect|valid|reasonable|consistent|in\s(?:the|simplest|fact|terms|its|units)|obtained|found\b|based\son|unique|clear|close|too\s|"
    r"confirmed|verified|supported|obvious|plausible|unknown|required|expected|independent|indeed|likely|wrapped|enclosed|boxed|supposed|asked|"
    r"already|already|still|always|never|rounded|simplified|positive|negative|an?\s(?:integer|whole|number|positive|fraction)|what|that\s|"
    r"self-explanatory|as\s|given|derived|calculated|computed|determined|written|expressed|presented|provided|shown)(?!\w{0,3}\$)",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"(?:not|nicht|no es|non è|não)\s[^\n.]{1,60}?,?\s(?:but(?:\srather)?|sondern|sino|ma|mas)\s(?P<rest>.+)",
    re.IGNORECASE,
)  # 'not 7, but 8'
_NOT = re.compile(r"(?:not|nicht|pas|no es|non è|não|n't|不是|不|не)(?![A-Za-z])", re.IGNORECASE)


class Mark(NamedTuple):
    """A word and what must stand behind it."""

    key: str
    tail: re.Pattern[str]


def _tail(verbs: str, *, loose: bool) -> re.Pattern[str]:
    plural = "s?" if verbs is _IS else ""
    none = f"|(?P<loose>\\s{{0,3}}{_VALUE})" if loose else ""
    alone = rf"|(?P<alone>{_CLOSE}[ \t]*(?=\n))"
    return re.compile(
        rf"{plural}{_CLOSE}{_MIDDLE}{_CLOSE}(?:(?P<colon>{_COLON})|(?P<verb>{verbs})(?:\s{{0,3}}[:：])?{alone}{none}){_CLOSE}(?:\s\}})?"
    )


MARKS = tuple(
    Mark(key, tail)
    for nouns, verbs, loose in _WORDS
    for tail in [_tail(verbs, loose=loose)]
    for key in nouns.split("|")
)
ENGLISH, PLAIN = (
    MARKS[0],
    tuple(mark for mark in MARKS[1:] if mark.key.isascii()),
)  # PLAIN: all that a text of ASCII can hold beside English
OPTIONS = tuple(
    Mark(key, re.compile(_CLOSE + f"(?P<verb>{_OPTION})\\s{{0,3}}:?|{_CLOSE}(?P<colon>:){_CLOSE}"))
    for key in ("option", "choice")
)
_HASHES = re.compile(r"(?<!#)####(?!#)[ \t:=*]{0,8}")
_LETTER_A = re.compile(r"(?<![^\n])\*{0,2}A\*{0,2}:\*{0,2}")


def marked(text: str, start: int = 0, *, value: bool = False) -> Phrase | None:
    """What follows the last word that announces an answer; linear in the text.

    Args:
        start: where to begin; what stands before it is not looked at.
        value: take only what looks like a value (a digit, mathematics, a few words), since a box or a tag stands before it.

    >>> marked("The answer is 3. So the final answer is: $7$.").text
    '$7$'
    """
    plain = text.isascii()
    low = text[:start] + text[start:].lower() if plain else text.lower()
    low = low if len(low) == len(text) else text  # a few capitals become two letters
    best, rejected = _last(ENGLISH, text, low, start, value=value) if low.find("answer", start) >= 0 else (None, None)
    others = [_letter_a(text, start)] if text.find("A", start) >= 0 else []
    if "#" in text and text.find("####", start) >= 0:
        others.append(_hashes(text, start))
    if low.find("option", start) >= 0 or low.find("choice", start) >= 0:
        others += _options(text, low, start)
    for here in others:
        if here and not (value and not here.is_value):
            best = _later(best, here)
    if best and plain:
        return best
    rest = low[start:]
    for mark in [mark for mark in (PLAIN if plain else MARKS[1:]) if mark.key in rest]:
        here, denied = _last(mark, text, low, start, value=value)
        best, rejected = _later(best, here), _later(rejected, denied)
    return best or (None if value else rejected)


def _later(one: Phrase | None, other: Phrase | None) -> Phrase | None:
    return other if one is None or (other is not None and other.at > one.at) else one


def _last(mark: Mark, text: str, low: str, start: int, *, value: bool) -> tuple[Phrase | None, Phrase | None]:
    """(the phrase behind the last use of a word, or else the last one that denies or asks)."""
    at, looks, rejected = low.rfind(mark.key, start), 0, None
    while at >= 0 and (looks := looks + 1) < LOOKS:
        here = _at(mark, text, at)
        if here and here.doubt:
            rejected, looks = rejected or here, looks + LOOKS // 200
        elif here and (here.is_value or not value):
            return here, rejected
        at = low.rfind(mark.key, start, at)
    return None, rejected


def _at(mark: Mark, text: str, at: int) -> Phrase | None:
    """The phrase behind one use of a word, None where it announces nothing."""
    if at and _cased(text[at - 1]) and _cased(mark.key[0]):
        return None
    match = mark.tail.match(text, at + len(mark.key))
    if not match:
        return None
    if match.lastgroup == "alone" or match["alone"] is not None:
        if not _ALONE.fullmatch(text[max(text.rfind("\n", 0, at) + 1, at - 60) : at]):
            return None
    elif match["colon"] and _CHECKS.search(text[max(0, at - 50) : at]):
        return None
    here = phrase(text, match.end())
    if here is None or (match["verb"] and _NONE.match(here.text)):
        return None
    if corrected := _CORRECTED.fullmatch(here.text):
        return here._replace(text=corrected["rest"], doubt="behind a denial")
    return here._replace(doubt="a denial") if _NOT.match(here.text) else here


def _cased(char: str) -> bool:
    return char.lower() != char.upper()


def _hashes(text: str, start: int) -> Phrase | None:
    """What follows the last `####`; a heading in words counts only where nothing stands below it."""
    at, looks = text.rfind("####", start), 0
    while at >= 0 and (looks := looks + 1) < LOOKS:
        match = _HASHES.match(text, at)
        here = phrase(text, match.end()) if match else None
        if here and (not re.match(r"\**[^\W\d_]{2,}", here.text) or not text[at:].partition("\n")[2].strip()):
            return here
        at = text.rfind("####", start, at)
    return None


def _letter_a(text: str, start: int) -> Phrase | None:
    """What follows the last `A:` at the start of a line."""
    at = text.rfind("\nA:", start) + 1
    if at == 0 and "**A" in text:
        at = max(text.rfind("\n**A:", start), text.rfind("\n**A**:", start)) + 1
    if at == 0 and (start > 0 or text[:1] not in "A*"):
        return None
    match = _LETTER_A.match(text, at)
    return phrase(text, match.end()) if match else None


def _options(text: str, low: str, start: int) -> list[Phrase | None]:
    """What follows 'the correct option is'."""
    phrases: list[Phrase | None] = []
    for mark in OPTIONS:
        at = low.rfind(mark.key, start)
        if (
            at >= 0
            and (match := mark.tail.match(text, at + len(mark.key)))
            and _CORRECT.search(text[max(0, at - 20) : at])
        ):
            phrases.append(phrase(text, match.end()))
    return phrases
