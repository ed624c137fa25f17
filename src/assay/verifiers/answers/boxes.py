r"""Boxes of a text: \boxed{}, \fbox{} and what models write in their place; several that are one answer, and several that are not."""

import re
from typing import NamedTuple

KEPT = 12  # boxes at the end of a text that are looked at
LOOKS = 2_000  # times that "box" is looked at; prose says it, too
BETWEEN = 90  # characters between two boxes of one answer, at most
_BOX = re.compile(r"(?:\\[a-z]{0,2}boxed|\\fbox|\\framebox|\x08oxed|(?<![A-Za-z\\])boxed)\s{0,4}\{|<\|begin_of_box\|>")
_BARE = re.compile(r"\\boxed\s{0,2}(-?[\w.,/]{1,30}?)(?=[\s$.,;]*(?:\s|$|\$))")
_NESTED = re.compile(r"\s{0,9}\\boxed\s{0,4}\{([^{}]{1,300})\}\s{0,9}")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TEXT = re.compile(
    r"\\(?:text|textrm|textbf|mathrm|mbox|operatorname|quad|qquad|hspace|[,;:! ])"
    r"(?:(?<=[,;:! ])|(?![A-Za-z]))(?:\{([^{}]{0,40})\})?"
)
_DELIMITER = re.compile(r"\\[\[\]()]|[$&*`]")
_NAME = r"[A-Za-z\\][\w{}\\']{0,12}(?:\([\w,]{0,8}\))?\s{0,2}(?:=|\\in|:|≈)"  # `x =` before the next box
_JOINT = re.compile(
    r"\s{0,9}(?:(?P<not>[,，]?\s{0,3}\(?(?:(?:and |but )?(?:not|never)|rather than|instead of|unlike|as opposed to|\\neq?"
    r"|(?:und )?nicht|y no|et non|e não|а не)\b"
    r"|[,，]?\s{0,3}(?:而|并)?(?:不是|并非|非))"
    r"|(?P<word>[,;、，；]?\s{0,3}(?:and(?:\s(?:also|finally))?|or|und|oder|et|ou|y|o|e|и|или|和|或|および|و|или|또는|और|&|or\s{1,3}else|as\s{1,2}well\s{1,2}as)(?![A-Za-z])[,:]?)"
    r"|(?P<mark>[,;、，；/])|(?P<side>))\s{0,9}"
    rf"(?:for\s[\w ()]{{1,20}}|part\s\(?\w\)?:?)?\s{{0,3}}(?P<name>{_NAME})?\s{{0,9}}"
)
_BEFORE_JOINT = re.compile(r"^\s{0,3}(?:(?:for|in)\s(?:part|case)?\s?\(?\w{1,2}\)?(?=[\s,;]))")


_INSIDE = re.compile(
    r"(?:(?:^|[$=(\[{,:]|\s)[-−]|(?:[\d)}]|(?<![A-Za-z])[A-Za-z]) ?[-−+] ?|\\(?:times|cdot|pm|frac\{|sqrt\{)\s?|[\d^/]|[\d)}] ?\* ?)$"
)  # -\boxed{3}, 2\boxed{3}, a + \boxed{3}
_SIGNS = frozenset("-−+*/^)}{")  # what a formula before a box may end with
_ENDINGS = (
    "or",
    "oder",
    "ou",
    "или",
    "not",
    "n't",
    "n’t",
    "times",
    "cdot",
    "pm",
    "be",
    "is",
    "was",
    "equal",
    "equal to",
    "不是",
)
_GOES_ON = re.compile(
    r"\s?(?:\^(?!\s?\{?\s?\\(?:circ|prime))|[*/]\s?[\d({\\]|\\(?:pm|times|cdot|div)(?![a-z])|[±×÷·]|[-+−](?=\s?[\d(\\a-z](?![a-z]))|\d|!(?=\s*\$))"
)
_VALUE = r"\s{0,3}[$(]{0,2}\s?[-−]?\d[\d.,/]*\s?\$?(?:[.)]|\s*$|\n)"
_RIVAL = re.compile(rf"[\s$\\\])]{{0,6}},?\s{{0,3}}\(?(?:or|oder|ou|或者?|или)\s{_VALUE}")
_RIVAL_BEFORE = re.compile(r"(?<![\w.])[-−]?\d[\d.,/]*\$?\s(?:or|oder|ou|или)\s\$?$")
_DENIED = re.compile(
    r"(?:(?:is|are|was|were)(?:\snot|n['’]t)|(?:not|n['’]t|never|cannot)\s(?:be|equal(?:\sto)?)|不是"
    r"|(?:wrong|incorrect|false)\s(?:answer|value|result|option)\s(?:is|was|would\sbe)|mistake\s(?:is|was|would\sbe))\s?\$?$"
)
_TAKEN_BACK = re.compile(
    r"[\s$]{0,3}(?:,\s(?:which|but\s(?:this|that|it))\s)?(?:is|was)(?:\snot|n['’]t|\s(?:wrong|incorrect|impossible))(?![a-z])(?!\sonly)"
)


class Box(NamedTuple):
    """One box: where it starts and ends, what it holds, and why that is not beyond doubt."""

    start: int
    end: int
    content: str
    doubt: str = ""


def boxed(text: str) -> Box | None:
    r"""The last box with something in it, together with those joined to it by a comma, `;`, space of mathematics, 'and', 'or' or `x =`.

    >>> boxed("\\boxed{1} \\quad \\text{and} \\quad \\boxed{2}").content
    '1, 2'
    >>> boxed("\\boxed{1}, or rather, after a second look, \\boxed{2}").content
    '2'
    """
    boxes = _boxes(text)
    if not boxes:
        return None
    if len(boxes) == 1:
        return boxes[0]._replace(doubt=_doubt(text, boxes[0].start, boxes[0].end))
    joined = [boxes.pop()]
    while boxes:
        between = text[boxes[-1].end : joined[0].start]
        kind = _joint(between)
        if kind == "not":
            joined = [boxes.pop()]
        elif kind:
            joined.insert(0, boxes.pop())
        else:
            break
    contents = list(dict.fromkeys(box.content for box in joined))
    return Box(joined[-1].start, joined[-1].end, ", ".join(contents), _doubt(text, joined[0].start, joined[-1].end))


def _doubt(text: str, start: int, end: int) -> str:
    """Why a box is no whole answer: a formula or a choice of answers goes on outside of it, or words take it back; "" where nothing is amiss."""
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    head = before.rstrip(" $\n")
    if head and (head[-1] in _SIGNS or head[-1].isdecimal() or head.endswith(_ENDINGS) or head[-2:-1] == "\\"):
        if _INSIDE.search(before):
            return "a part of a formula"
        if _RIVAL_BEFORE.search(before) or _DENIED.search(before):
            return "one of several" if _RIVAL_BEFORE.search(before) else "a denial"
    if not after[:3].strip(" .$\n"):
        return ""
    if _GOES_ON.match(after):
        return "a part of a formula"
    return "one of several" if _RIVAL.match(after) else "a denial" if _TAKEN_BACK.match(after) else ""


def _boxes(text: str) -> list[Box]:
    """The outermost boxes at the end of a text, in order; empty ones are none."""
    starts = _starts(text)
    if not starts and "box" not in text:
        return []
    boxes: list[Box] = []
    for match in starts:
        if boxes and match.start() < boxes[-1].end:
            continue
        inside, end = match.end(), _closing(text, match.end())
        if match[0].endswith("|>"):
            end = text.find("<|end_of_box|>", inside)
            content, end = (text[inside:end], end + 14) if end >= 0 else ("", -1)
        else:
            content = text[inside : end - 1]
        while nested := _NESTED.fullmatch(content):
            content = nested[1]
        if end >= 0 and (content := content.strip()):
            boxes.append(Box(match.start(), end, content))
    return boxes or [Box(*match.span(), match[1]) for match in list(_BARE.finditer(text))[-1:]]


def open_box(text: str) -> str:
    r"""What stands in a box that a text ends without closing, on one line; "" where there is none.

    >>> open_box("So \\boxed{\\frac{1}{2}")
    '\\frac{1}{2}'
    """
    starts = _starts(text)
    content = text[starts[-1].end() :].strip().removesuffix(".").strip(" $") if starts else ""
    fits = 0 < len(content) <= 100 and "\n" not in content
    return content if fits and content.count("{") == content.count("}") else ""


def _starts(text: str) -> list[re.Match[str]]:
    """The last openings of boxes, in order: looked for from the end, which a long text makes no slower."""
    starts: list[re.Match[str]] = []
    for key in ("box", "\x08oxed") if "\x08" in text else ("box",):
        at, looks = text.rfind(key), 0
        while at >= 0 and len(starts) < KEPT and (looks := looks + 1) < LOOKS:
            if match := _opening(text, at):
                starts.append(match)
                at = match.start()
            at = text.rfind(key, 0, at)
    starts.sort(key=re.Match.start)
    return starts


def _opening(text: str, at: int) -> re.Match[str] | None:
    """The opening of a box that holds the word at an index."""
    if text.startswith("\\boxed{", at - 1):
        return _BOX.match(text, at - 1)  # nearly every one
    return next((match for match in _BOX.finditer(text, max(0, at - 11), at + 16) if match.end() > at), None)


def _closing(text: str, start: int) -> int:
    """The index after the brace that closes one opened just before `start`; -1 where none does."""
    first = text.find("}", start)
    if first < 0:
        return -1
    if "{" not in (inside := text[start:first]) and "\\" not in inside:
        return first + 1
    level = 1
    for match in _BRACE.finditer(text, start):
        level += {"{": 1, "}": -1}.get(match.group(), 0)
        if level == 0:
            return match.end()
    return -1


def _joint(between: str) -> str:
    """How two boxes belong together: word, mark, name, side (nothing between them), not; "" = they do not."""
    if len(between) > BETWEEN:
        return ""
    plain = _DELIMITER.sub(" ", _TEXT.sub(lambda match: f" {match[1] or ''} ", between.replace("\\\\", " ")))
    plain = _BEFORE_JOINT.sub("", plain)
    match = _JOINT.fullmatch(plain)
    if not match:
        return ""
    if match["not"]:
        return "not"
    if match["word"] or match["mark"] or "\n" not in between:
        return "joined"
    return "joined" if match["name"] and between.count("\n") == 1 else ""
