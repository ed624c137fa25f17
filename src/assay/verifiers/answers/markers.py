"""The words that announce an answer, in many languages: 'the answer is', `Answer:`, `####`, 答案, Ответ, ..."""

import re
from typing import NamedTuple

from assay.verifiers.answers.denials import CORRECTED_BEHIND, DENIED_BEHIND
from assay.verifiers.answers.excerpts import Phrase, read_phrase

MAX_LOOKUPS = 5_000  # occurrences of one word that are examined
_CLOSE = r"(?:[*_`\"'”»)\]}]|</?[a-z]\w{0,9}\s?/?>){0,8}"  # ends a marker's bold, quotes, tag or \textbf{}
_MIDDLE = (
    r"(?:\s{1,2}\([^()\n]{1,60}\)|,?\s(?:to|for|of|in|on|at|from|with|that|we)\s[^\n.:!?=]{1,80}?|,\s[^\n.:!?=]{1,40}?,"
    r"|\s(?:finale?|definitiva|definitivo|correcta|correta|corretta|correcte|exacta|esatta|cuối cùng|akhir)(?=\W))?"
)
# the last cell of a table's row, that holds a value
_CELL = r"\|(?=[ \t*$]{0,5}[-−]?[\d\\][^|\n]{0,80}\|[ \t]*(?:\n|$))"
_COLON = rf"\s{{0,3}}(?:[:：﹕]|=(?!=)|→|⇒|->|—|–|-(?=\s)|{_CELL})"
_FILLER = (
    r"(?:\s{1,3}(?:as follows|given below|below|therefore|thus|then|hence|simply|just|now|indeed|clearly"
    r"|exactly|given by|found to be|equal to|also)"
    r"(?![A-Za-z])[:,]?){0,2}"
)
_IS = (
    r"\s{1,3}(?:(?:should|would|must|will)\s)?(?:is|are|be|equals?|becomes|(?:comes?|works?"
    r"|turns?)\sout\s(?:to\sbe|to|as|at)|comes\sto|IS|ARE)"
    r"(?![A-Za-z])" + _FILLER + r"|['’]s(?=\s)" + _FILLER
)
_VALUE = r"(?=\s{0,3}[-+−]?[\d$\\(（\[]|\s{0,3}[A-JＡ-Ｊ](?![A-Za-z]))"  # \d: the digits of every script
_ADJECTIVE = r"(?:\s(?!(?:não|non?)\s)\w{2,14}){0,2}?"  # réponse finale, respuesta correcta
_WORDS: tuple[tuple[str, str, bool], ...] = (  # nouns in lower case, verbs, whether a value may follow directly
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
        r"\s?(?:不是[^，。,\n]{1,30}[，,]?\s?而是|应该是|應該是|应为|应是|就是|便是|等于|等於|選擇|选择|是|为|為|选|選)|\s?】",
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
# 'the correct option is'; the adjective before it is checked separately
_OPTION = r"\s(?:is|would be|should be|must be)(?![A-Za-z])" + _FILLER
_CHECKS = re.compile(  # 'to check the answer: 2 + 3 = 5' announces no answer
    r"(?:check|verif|confirm|valid|test|simplif|round|express|writ|giv|stat|box|put|plac|enter|provid"
    r"|format|present|report|submit|explain|wrong|incorrect|"
    r"possible|whose)\w{0,6}\s(?:(?:the|this|that|our|my|your|final|an?|numerical|correct)\s){0,3}$",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"(?:[#*_`>\s]|<[a-z]\w{0,9}>|\\(?:textbf|text|section\*?|subsection\*?)\{|[✅🔹✔️]|\d{1,2}\.|the|my"
    r"|our|your|final|correct|short|numerical)*",
    re.IGNORECASE,
)
_CORRECT = re.compile(r"(?:correct|right|best|final|true)\s(?:multiple[- ])?$", re.IGNORECASE)
_NO_VALUE = re.compile(  # words after 'the answer is' that are not an answer
    r"(?:correct|right|wrong|incorrect|valid|reasonable|consistent|in\s(?:the|simplest|fact|terms|its"
    r"|units)|obtained|found\b|based\son|unique|clear|close|too\s|"
    r"confirmed|verified|supported|obvious|plausible|unknown|required|expected|independent|indeed|likely"
    r"|wrapped|enclosed|boxed|supposed|asked|"
    r"already|already|still|always|never|rounded|simplified|positive|negative|an?\s(?:integer|whole"
    r"|number|positive|fraction)|what|that\s|"
    r"self-explanatory|as\s|given|derived|calculated|computed|determined|written|expressed|presented"
    r"|provided|shown)(?!\w{0,3}\$)",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"(?:not|nicht|no es|non è|não)\s[^\n.]{1,60}?,?\s(?:but(?:\srather)?|sondern|sino|ma|mas)\s(?P<rest>.+)",
    re.IGNORECASE,
)  # 'not 7, but 8'
_DENIAL = re.compile(
    r"(?:not|nicht|niet|nie|inte|ikke|bukan|pas|no es|non è|não|n't|不是|不|не|δεν)(?!\w)|anything\sbut\s",
    re.IGNORECASE,
)


class Marker(NamedTuple):
    """A word that announces an answer, and what must follow it."""

    key: str
    tail: re.Pattern[str]


def _compile_tail(verbs: str, *, loose: bool) -> re.Pattern[str]:
    plural = "s?" if verbs is _IS else ""
    loose_value = f"|(?P<loose>\\s{{0,3}}{_VALUE})" if loose else ""
    end_of_line = rf"|(?P<alone>{_CLOSE}[ \t]*(?=\n))"
    return re.compile(
        rf"{plural}{_CLOSE}{_MIDDLE}{_CLOSE}(?:(?P<colon>{_COLON})"
        rf"|(?P<verb>{verbs})(?:\s{{0,3}}[:：])?{end_of_line}{loose_value}){_CLOSE}(?:\s\}})?"
    )


MARKERS = tuple(
    Marker(key, tail)
    for nouns, verbs, loose in _WORDS
    for tail in [_compile_tail(verbs, loose=loose)]
    for key in nouns.split("|")
)
ENGLISH_MARKER = MARKERS[0]
OTHER_MARKERS = tuple((mark.key, mark) for mark in MARKERS[1:])
ASCII_MARKERS = tuple(pair for pair in OTHER_MARKERS if pair[0].isascii())  # those that an ASCII text can hold
OPTION_MARKERS = tuple(
    Marker(key, re.compile(_CLOSE + f"(?P<verb>{_OPTION})\\s{{0,3}}:?|{_CLOSE}(?P<colon>:){_CLOSE}"))
    for key in ("option", "choice")
)
_HASHES = re.compile(r"(?<!#)####(?!#)[ \t:=*]{0,8}")
_LETTER_A = re.compile(r"(?<![^\n])\*{0,2}A\*{0,2}:\*{0,2}")


def find_announced(text: str, start: int = 0, *, value: bool = False) -> Phrase | None:
    """Find what follows the last word that announces an answer, in time linear in the text.

    Args:
        text: The completion.
        start: Where to begin; the text before it is not examined.
        value: Whether to take only what looks like a value (a digit, mathematics, a few words), since a box or a
            tag precedes it.

    Returns:
        The phrase, or one that denies an answer; None where no word announces one.

    >>> find_announced("The answer is 3. So the final answer is: $7$.").text
    '$7$'
    """
    is_ascii = text.isascii()
    lowered = _lower_rest(text, start, is_ascii=is_ascii)
    best = rejected_phrase = None
    if "answer" in lowered:
        best, rejected_phrase = _find_last(ENGLISH_MARKER, text, lowered, start, value=value)
    for candidate in _list_signs(text, lowered, start):
        if candidate and not (value and not candidate.is_value):
            best = _choose_later(best, candidate)
    if best and is_ascii:
        return best
    for mark in [mark for key, mark in (ASCII_MARKERS if is_ascii else OTHER_MARKERS) if key in lowered]:
        candidate, rejected_here = _find_last(mark, text, lowered, start, value=value)
        best, rejected_phrase = _choose_later(best, candidate), _choose_later(rejected_phrase, rejected_here)
    return best or (None if value else rejected_phrase)


def _lower_rest(text: str, start: int, *, is_ascii: bool) -> str:
    """Return the text from an index on in lower case; as it is where lowering turns capitals into two letters."""
    if is_ascii:
        return text[start:].lower()
    lowered = text.lower()
    return (lowered if len(lowered) == len(text) else text)[start:]


def _list_signs(text: str, lowered: str, start: int) -> list[Phrase | None]:
    """List what follows the last of each short sign of an answer: `A:`, `####`, 'the correct option is'."""
    candidates = [_find_letter_a(text, start)] if text.find("A", start) >= 0 else []
    if "#" in lowered and "####" in lowered:
        candidates.append(_find_hashes(text, start))
    if "option" in lowered or "choice" in lowered:
        candidates += _find_option_phrases(text, lowered, start)
    return candidates


def _choose_later(phrase: Phrase | None, other: Phrase | None) -> Phrase | None:
    return other if phrase is None or (other is not None and other.at > phrase.at) else phrase


def _find_last(
    mark: Marker, text: str, lowered: str, start: int, *, value: bool
) -> tuple[Phrase | None, Phrase | None]:
    """Return the phrase after the last use of a marker, and the last one that denies an answer or asks for one.

    `lowered` begins at `start`.
    """
    position, lookups, rejected = lowered.rfind(mark.key), 0, None
    while position >= 0 and (lookups := lookups + 1) < MAX_LOOKUPS:
        candidate = _match_at(mark, text, start + position)
        if candidate and candidate.doubt:
            rejected, lookups = rejected or candidate, lookups + MAX_LOOKUPS // 200
        elif candidate and (candidate.is_value or not value):
            return candidate, rejected
        position = lowered.rfind(mark.key, 0, position)
    return None, rejected


def _match_at(mark: Marker, text: str, position: int) -> Phrase | None:
    """Return the phrase after one use of a marker; None where it announces nothing."""
    if position and _has_case(text[position - 1]) and _has_case(mark.key[0]):
        return None
    match = mark.tail.match(text, position + len(mark.key))
    if not match:
        return None
    if match.lastgroup == "alone" or match["alone"] is not None:
        if not _ALONE.fullmatch(text[max(text.rfind("\n", 0, position) + 1, position - 60) : position]):
            return None
    elif match["colon"] and _CHECKS.search(text[max(0, position - 50) : position]):
        return None
    candidate = read_phrase(text, match.end())
    if candidate is None or (match["verb"] and _NO_VALUE.match(candidate.text)):
        return None
    if corrected := _CORRECTED.fullmatch(candidate.text) or CORRECTED_BEHIND.fullmatch(candidate.text):
        return candidate._replace(text=corrected["rest"], doubt="behind a denial")
    if DENIED_BEHIND.match(candidate.text):
        return candidate._replace(doubt="a denial")
    return candidate._replace(doubt="a denial") if _DENIAL.match(candidate.text) else candidate


def _has_case(char: str) -> bool:
    return char.lower() != char.upper()


def _find_hashes(text: str, start: int) -> Phrase | None:
    """Find what follows the last `####`; a heading in words counts only where nothing stands below it."""
    position, lookups = text.rfind("####", start), 0
    while position >= 0 and (lookups := lookups + 1) < MAX_LOOKUPS:
        match = _HASHES.match(text, position)
        candidate = read_phrase(text, match.end()) if match else None
        if candidate and (
            not re.match(r"\**[^\W\d_]{2,}", candidate.text) or not text[position:].partition("\n")[2].strip()
        ):
            return candidate
        position = text.rfind("####", start, position)
    return None


def _find_letter_a(text: str, start: int) -> Phrase | None:
    """Find what follows the last `A:` at the beginning of a line."""
    position = text.rfind("\nA:", start) + 1
    if position == 0 and "**A" in text:
        position = max(text.rfind("\n**A:", start), text.rfind("\n**A**:", start)) + 1
    if position == 0 and (start > 0 or text[:1] not in "A*"):
        return None
    match = _LETTER_A.match(text, position)
    return read_phrase(text, match.end()) if match else None


def _find_option_phrases(text: str, lowered: str, start: int) -> list[Phrase | None]:
    """Find what follows 'the correct option is'."""
    phrases: list[Phrase | None] = []
    for mark in OPTION_MARKERS:
        position = lowered.rfind(mark.key) + start
        if (
            position >= start
            and (match := mark.tail.match(text, position + len(mark.key)))
            and _CORRECT.search(text[max(0, position - 20) : position])
        ):
            phrases.append(read_phrase(text, match.end()))
    return phrases
