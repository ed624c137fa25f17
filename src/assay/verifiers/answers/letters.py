"""Which options an answer names: letters in any dress, with or without the option's text behind them, and words that take one back."""

import re
from typing import NamedTuple

from assay.maths.text.options import plain_option, unwrap_latex
from assay.verifiers.answers.numbers import number, same

_INTRO = re.compile(
    r"(?:(?:so|thus|hence|therefore|and|i\s(?:pick|choose|say|think)|it\sis|it's|must\sbe|is|are|both|either|the|correct|right|best|final|only|answer[s]?|options?|choices?|letters?|"
    r"statements?|la|el|le|die|der|选项|选择|选|項|项|選|選項|选择题|вариант|option|opción|opção|opzione|antwort|réponse|선택지|ข้อ|विकल्प|الخيار)[\s:：#]{0,3})*",
    re.IGNORECASE,
)
_BRACKETED = r"[(\[（{{]\s?([{letters}])\s?[)\]）}}]"
_SEPARATOR = re.compile(
    r"\s*(?:,|;|、|，|；|&|\+|/|(?:,?\s*(?:and|or|und|oder|et|ou|y|e|и|или|和|或|与|および|또는|और)(?![A-Za-z])))?\s*"
)
_AFTER = re.compile(r"\s*(?:[)\]）][.:：,]?|[.:：．、,]|\s[-–—]|[-–—]\s|is\s|因为|。|入니다)")
_TAKES_BACK = re.compile(
    r"\s*[,;(]?\s*(?:not|rather than|instead of|as opposed to|since|because|as|for|which|where|while|so|but|and\snot|whereas|with|due\sto|the\s"
    r"|is\s(?:correct|right|the|best|true)|由于|因为|而不是|nicht|weil|denn|pas|car|no)(?![A-Za-z])",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\s*[)\]]?\s*(?:is|are|was|were|seems|looks|can|cannot|must)\b\s?(?P<right>(?:the\s)?(?:correct|right|true|best|answer)\b)?",
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
    r"(?:is|are|was|were|seems?|looks?)?\s?(?:wrong|incorrect|false|not|never|impossible|too|eliminated|excluded|ruled|out)\b|n't\b"
    r"|\brather than\b|\binstead of\b|\bnot\b|"
    r"\beliminat|\bexclud|\brul(?:e|ing)\sout",
    re.IGNORECASE,
)
_ALONE = r"(?<![\w'’\\])([{letters}])(?![\w'’]|\s(?:is|are)\s(?:not|wrong|incorrect|too))"
_PARTS = re.compile(r"[.;!?。；！？\n]|,\s|\bso\b|\bbut\b|，|因此|所以")


class Named(NamedTuple):
    """The letters that an answer names, the text behind a single one, and whether it takes some reading to see that."""

    letters: frozenset[str] = frozenset()
    text: str = ""
    doubt: str = ""


def head(phrase: str) -> str:
    """A phrase without the clause that explains it.

    >>> head("72 Euro, davon 3 Euro Trinkgeld"), head("B, not A"), head("Paris because it is large")
    ('72 Euro', 'B', 'Paris')
    """
    match = _CLAUSE.search(phrase)
    return phrase[: match.start()].rstrip() if match and match.start() else phrase


def named(answer: str, letters: str) -> Named:
    """The letters at the head of an answer; none where it begins with anything else.

    >>> sorted(named("A, C and D", "ABCD").letters), named("E - A score", "ABCDE").text
    (['A', 'C', 'D'], 'a score')
    """
    bare = unwrap_latex(answer.replace("\\{", "{").replace("\\}", "}")).strip("*_`'\"“” .。!,;:").strip()
    bare = bare[_INTRO.match(bare).end() :] if bare and _INTRO.match(bare) else bare  # type: ignore[union-attr]
    several = _several(bare, letters)
    if several:
        return several
    one = re.match(rf"[(\[（{{]?\s?([{letters}{letters.lower()}])(?![A-Za-z0-9])\s?(.*)$", bare, re.DOTALL)
    if not one:
        return Named()
    letter, rest, bracket = one[1].upper(), re.sub(r"^\s*(?:选项|選項|项|項|번)", "", one[2]), bare[0] in "([（{"
    if not rest.strip(" )]）}.:。*"):
        return Named(frozenset(letter))
    if verb := _VERB.match(rest):
        return Named(frozenset(letter)) if verb["right"] and not re.search(r"[.!?]\s+\S", rest) else Named()
    if match := _TAKES_BACK.match(rest.lstrip(")]）}")):
        doubt = "" if one[1].isupper() and (bracket or match[0].lstrip()[:1] in ",;(") else "prose behind the letter"
        return Named(frozenset(letter), "", doubt) if one[1].isupper() or bracket else Named()
    if bracket or _AFTER.match(rest):
        text = re.sub(r"^\s*[)\]）}]?\s*[-–—.:：．、,]*\s*", "", rest)
        return Named(frozenset(letter), plain_option(text), "" if one[1].isupper() or bracket else "a small letter")
    return Named()


def _several(bare: str, letters: str) -> Named | None:
    """Two letters or more and nothing else: AC, A C, (A) and (C), {A, C}."""
    if (
        bare.isascii()
        and bare.isalpha()
        and 1 < len(bare) <= len(letters)
        and bare.isupper()
        and set(bare) <= set(letters)
    ):
        return Named(frozenset(bare)) if len(set(bare)) == len(bare) else None
    found, at, inner, hedged = [], 0, bare.strip("{}[]"), False
    while match := re.compile(rf"[(\[（]?\s?([{letters}{letters.lower()}])\s?[)\]）]?(?![A-Za-z0-9'’])").match(
        inner, at
    ):
        found.append(match[1].upper())
        between = _SEPARATOR.match(inner, match.end())
        hedged = hedged or bool(between and re.search(r"\bor\b|\boder\b|\bou\b|或|или|/", between[0]))
        at = between.end() if between else match.end()
        if at >= len(inner):
            break
    rest = inner[at:].strip(" .。)")
    if (
        len(set(found)) < 2
        or len(found) != len(set(found))
        or (rest and not re.match(r"(?:are|is)\s(?:correct|right|true)|都|均", rest))
    ):
        return None
    return Named(frozenset(found), "", "one or the other" if hedged else "")


def by_text(answer: str, options: dict[str, str]) -> str:
    """The letter of the one option whose text, or whose number, an answer is; "" where there is none.

    >>> by_text("$125.0$", {"A": "125", "B": "150"})
    'A'
    """
    said = plain_option(answer)
    if not said:
        return ""
    equal = [letter for letter, option in options.items() if option == said or _squeezed(option) == _squeezed(said)]
    if not equal and (value := number(answer)):
        equal = [letter for letter, option in options.items() if (other := number(option)) and same(other, value)]
    return equal[0] if len(equal) == 1 else ""


def in_prose(text: str, options: dict[str, str], letters: str) -> Named:
    """The one option that the last part of a text speaks of without taking it back; what a person would read, so in doubt.

    >>> sorted(in_prose("Rome is wrong, so Paris it is.", {"A": "rome", "B": "paris"}, "AB").letters)
    ['B']
    """
    sentence = _REASON.split(_last_sentence(text), maxsplit=1)[0]
    for part in reversed([part for part in _PARTS.split(sentence) if part.strip()]):
        if _WRONG.search(part):
            continue
        found = set(re.findall(_ALONE.format(letters=re.escape(letters.replace("I", ""))), _without_article(part)))
        if len(found) != 1:
            low = plain_option(part)
            found = {
                letter
                for letter, option in options.items()
                if (len(option) > 1 or option.isdigit()) and re.search(rf"(?<!\w){re.escape(option)}(?!\w)", low)
            }
        if len(found) == 1:
            return Named(frozenset(found), "", "read from prose")
        if found:
            return Named()
    return Named()


def _without_article(part: str) -> str:
    """A part without `A` before a word in small letters, which is an article."""
    return re.sub(r"(?<![\w(])A(?=\s(?!(?:or|and|is|are)\b)[a-z])", " ", part)


def _last_sentence(text: str) -> str:
    end = text.rstrip().rstrip(".!。")[-600:]
    cut = max(end.rfind(". "), end.rfind("\n"), end.rfind("。"), end.rfind("! "))
    return end[cut + 1 :]


def _squeezed(text: str) -> str:
    return (
        text.replace(" ", "")
        .replace("\\left", "")
        .replace("\\right", "")
        .replace("\\dfrac", "\\frac")
        .replace("−", "-")
    )
