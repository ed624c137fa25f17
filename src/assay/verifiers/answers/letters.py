"""Read which options an answer chooses: letters in any form, option texts, and words that reject one."""

import re
from typing import NamedTuple

from assay.maths.text.options import plain_option, unwrap_latex
from assay.maths.text.quantities import normalize_quantities
from assay.verifiers.answers.numbers import Number, is_same_number, parse_number

_INTRO = re.compile(
    r"(?:(?:so|thus|hence|therefore|and|i\s(?:pick|choose|say|think)|it\sis|it's|must\sbe|is|are|both"
    r"|either|the|correct|right|best|final|only|answer[s]?|options?|choices?|letters?|"
    r"statements?|la|el|le|die|der|选项|选择题|选择|选|選項|選|項|项|вариант|option|opción|opção|opzione|antwort"
    r"|réponse|선택지|ข้อ|विकल्प|الخيار)[\s:：#]{0,3})*+",
    re.IGNORECASE,
)
_BRACKETED = r"[(\[（{{]\s?([{letters}])\s?[)\]）}}]"
_SEPARATOR = re.compile(
    r"\s*(?:,|;|、|，|；|&|\+|/|(?:,?\s*(?:and|or|und|oder|et|ou|y|e|и|или|和|或|与|および|또는|और)(?![A-Za-z])))?\s*"
)
_AFTER = re.compile(r"\s*(?:[)\]）][.:：,]?|[.:：．、,]|\s[-–—]|[-–—]\s|is\s|因为|。|入니다)")
_EXPLAINS = re.compile(
    r"\s*[,;(]?\s*(?:not|rather than|instead of|as opposed to|since|because|as|for|which|where|while|so"
    r"|but|and\snot|whereas|with|due\sto|the\s"
    r"|is\s(?:correct|right|the|best|true)|由于|因为|而不是|nicht|weil|denn|pas|car|no)(?![A-Za-z])",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\s*[)\]]?\s*(?:is|are|was|were|seems|looks|can|cannot|must)\b\s?(?P<right>(?:the\s)?(?:correct"
    r"|right|true|best|answer)\b)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\s*[,;]\s*(?:and\s)?(?:not|rather|instead|since|because|as|which|where|while|so|but|whereas"
    r"|davon|weil|denn|nicht|car|dont|donc|de los|porque|perché|так|因为|而)(?![A-Za-z])"
    r"|\s+(?:because|since|rather than|instead of|weil|porque|parce que|perché|потому)\s",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"[\s,;]+(?:since|because|given that|weil|denn|porque|parce que|car|因为|потому)(?![A-Za-z])", re.IGNORECASE
)
_WRONG = re.compile(
    r"(?:is|are|was|were|seems?|looks?)?\s?(?:wrong|incorrect|false|not|never|impossible|too|eliminated"
    r"|excluded|ruled|out)\b|n't\b"
    r"|\bneither\b|\bnor\b|\brather than\b|\binstead of\b|\bnot\b|"
    r"\beliminat|\bexclud|\brul(?:e|ing)\sout"
    r"|错|錯|不正确|不正確|不对|不對|不是|不选|不選|排除|誤|違|틀|아니|неверн|неправильн|\bfalsch|\bfauss?e?\b|\bincorrect[ao]",
    re.IGNORECASE,
)
# makes a word of a letter; not where words have no blanks
_IN_WORD = r"(?:[^\W\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|['’])"
_LONE_LETTER = rf"(?<!\\)(?<!{_IN_WORD})([{{letters}}])(?!{_IN_WORD}|\s(?:is|are)\s(?:not|wrong|incorrect|too))"
_SUM = re.compile(r"[\w\\^{}()\[\].,*/+-]{1,200}")
_LONG_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}|[^\W\d_a-zA-Z]{2,}")  # no sum, but words with hyphens
_PARTS = re.compile(r"[.;!?。；！？\n]|,\s|\bso\b|\bbut\b|，|因此|所以")


class OptionChoice(NamedTuple):
    """The letters that an answer chooses, the text after a single one, and why the choice is in doubt."""

    letters: frozenset[str] = frozenset()
    text: str = ""
    doubt: str = ""


def strip_explanation(phrase: str) -> str:
    """Strip the clause that explains a phrase.

    >>> strip_explanation("72 Euro, davon 3 Euro Trinkgeld"), strip_explanation("B, not A")
    ('72 Euro', 'B')
    >>> strip_explanation("Paris because it is large")
    'Paris'
    """
    match = _CLAUSE.search(phrase)
    return phrase[: match.start()].rstrip() if match and match.start() else phrase


def read_letters(answer: str, letters: str) -> OptionChoice:
    """Read the letters at the beginning of an answer; none where it begins with anything else.

    Args:
        answer: The answer as written.
        letters: The letters that can be answers.

    >>> sorted(read_letters("A, C and D", "ABCD").letters), read_letters("E - A score", "ABCDE").text
    (['A', 'C', 'D'], 'a score')
    """
    bare = unwrap_latex(answer.replace("\\{", "{").replace("\\}", "}")).strip("*_`'\"“” .。!,;:").strip()
    bare = bare[_INTRO.match(bare).end() :] if bare and _INTRO.match(bare) else bare  # type: ignore[union-attr]
    several = _read_several(bare, letters)
    if several:
        return several
    single = re.match(rf"[(\[（{{]?\s?([{letters}{letters.lower()}])(?![A-Za-z0-9])\s?(.*)$", bare, re.DOTALL)
    if not single:
        return OptionChoice()
    letter, text_after, is_bracketed = (
        single[1].upper(),
        re.sub(r"^\s*(?:选项|選項|项|項|번)", "", single[2]),
        bare[0] in "([（{",
    )
    if not text_after.strip(" )]）}.:。*"):
        return OptionChoice(frozenset(letter))
    if verb := _VERB.match(text_after):
        return (
            OptionChoice(frozenset(letter))
            if verb["right"] and not re.search(r"[.!?]\s+\S", text_after)
            else OptionChoice()
        )
    if match := _EXPLAINS.match(text_after.lstrip(")]）}")):
        doubt = (
            ""
            if single[1].isupper() and (is_bracketed or match[0].lstrip()[:1] in ",;(")
            else "prose behind the letter"
        )
        return OptionChoice(frozenset(letter), "", doubt) if single[1].isupper() or is_bracketed else OptionChoice()
    if is_bracketed or _AFTER.match(text_after):
        text = re.sub(r"^\s*[)\]）}]?\s*[-–—.:：．、,]*\s*", "", text_after)
        return OptionChoice(
            frozenset(letter), plain_option(text), "" if single[1].isupper() or is_bracketed else "a small letter"
        )
    return OptionChoice()


def _read_several(bare: str, letters: str) -> OptionChoice | None:
    """Read two letters or more with nothing else: AC, A C, (A) and (C), {A, C}."""
    if (
        bare.isascii()
        and bare.isalpha()
        and 1 < len(bare) <= len(letters)
        and bare.isupper()
        and set(bare) <= set(letters)
    ):
        return OptionChoice(frozenset(bare)) if len(set(bare)) == len(bare) else None
    chosen_letters, position, content, is_hedged = [], 0, bare.strip("{}[]"), False
    while match := re.compile(rf"[(\[（]?\s?([{letters}{letters.lower()}])\s?[)\]）]?(?![A-Za-z0-9'’])").match(
        content, position
    ):
        chosen_letters.append(match[1].upper())
        between = _SEPARATOR.match(content, match.end())
        is_hedged = is_hedged or bool(between and re.search(r"\bor\b|\boder\b|\bou\b|或|или|/", between[0]))
        position = between.end() if between else match.end()
        if position >= len(content):
            break
    rest = content[position:].strip(" .。)")
    if (
        len(set(chosen_letters)) < 2
        or len(chosen_letters) != len(set(chosen_letters))
        or (rest and not re.match(r"(?:are|is)\s(?:correct|right|true)|都|均", rest))
    ):
        return None
    return OptionChoice(frozenset(chosen_letters), "", "one or the other" if is_hedged else "")


def match_option(answer: str, options: dict[str, str]) -> str:
    """Return the letter of the one option whose text, number or sum of terms an answer is; "" where there is none.

    >>> match_option("$125.0$", {"A": "125", "B": "150"}), match_option("twelve", {"A": "12", "B": "15"})
    ('A', 'A')
    >>> match_option("-1+x", {"A": "x+1", "B": "x - 1"})
    'B'
    """
    answer_text = plain_option(answer)
    if not answer_text:
        return ""
    matches = [
        letter
        for letter, option in options.items()
        if option == answer_text or _remove_spacing(option) == _remove_spacing(answer_text)
    ]
    if not matches and (value := _read_number(answer)):
        matches = [
            letter
            for letter, option in options.items()
            if (other := _read_number(option)) and is_same_number(other, value)
        ]
    if not matches and (terms := _list_terms(answer_text)):
        matches = [letter for letter, option in options.items() if _list_terms(option) == terms]
    return matches[0] if len(matches) == 1 else ""


def _read_number(text: str) -> Number | None:
    """Return the number that a text is, in digits or in words."""
    words = plain_option(text)
    return parse_number(text) or (parse_number(normalize_quantities(words)) if words[:1].isalpha() else None)


def _list_terms(text: str) -> list[str]:
    """Return the signed terms of a sum in one order; [] for all but a sum of numbers, letters and LaTeX."""
    bare = _remove_spacing(text).replace("–", "-")
    if not _SUM.fullmatch(bare) or _LONG_WORD.search(bare) or not re.search("[a-z]", bare):
        return []  # without a letter it may be a date
    terms, level, start = list[str](), 0, 0
    for index, char in enumerate(bare):
        level += (char in "({[") - (char in ")}]")
        if char in "+-" and level == 0 and index > start and bare[index - 1] not in "^*/+-":
            terms.append(bare[start:index])
            start = index
    terms.append(bare[start:])
    return sorted(term if term[:1] in "+-" else f"+{term}" for term in terms) if len(terms) > 1 else []


def read_prose_choice(text: str, options: dict[str, str], letters: str) -> OptionChoice:
    """Read the one option that the last part of a text speaks of without rejecting it; always in doubt.

    >>> sorted(read_prose_choice("Rome is wrong, so Paris it is.", {"A": "rome", "B": "paris"}, "AB").letters)
    ['B']
    """
    sentence = _REASON.split(_take_last_sentence(text), maxsplit=1)[0]
    for part in reversed([part for part in _PARTS.split(sentence) if part.strip()]):
        if _WRONG.search(part):
            continue
        chosen_letters = set(
            re.findall(_LONE_LETTER.format(letters=re.escape(letters.replace("I", ""))), _remove_article(part))
        )
        if len(chosen_letters) != 1:
            plain_part = plain_option(part)
            chosen_letters = {
                letter
                for letter, option in options.items()
                if (len(option) > 1 or option.isdigit()) and re.search(rf"(?<!\w){re.escape(option)}(?!\w)", plain_part)
            }
        if len(chosen_letters) == 1:
            return OptionChoice(frozenset(chosen_letters), "", "read from prose")
        if chosen_letters:
            return OptionChoice()
    return OptionChoice()


def _remove_article(part: str) -> str:
    """Remove `A` before a word in small letters, where it is an article."""
    return re.sub(r"(?<![\w(])A(?=\s(?!(?:or|and|is|are|nor|over|rather|instead|but)\b)[a-z])", " ", part)


def _take_last_sentence(text: str) -> str:
    end = text.rstrip().rstrip(".!。")[-600:]
    sentence_end = max(end.rfind(". "), end.rfind("\n"), end.rfind("。"), end.rfind("! "))
    return end[sentence_end + 1 :]


def _remove_spacing(text: str) -> str:
    return (
        text.replace(" ", "")
        .replace("\\left", "")
        .replace("\\right", "")
        .replace("\\dfrac", "\\frac")
        .replace("−", "-")
    )
