r"""Find boxes in a text: \boxed{}, \fbox{} and what models write in their place; join several that are one answer."""

import re
from typing import NamedTuple

MAX_BOXES = 12  # at the end of a text, that are read
MAX_LOOKUPS = 2_000  # occurrences of "box" that are examined; prose has the word too
MAX_BARE_LOOKUPS = 100  # boxes at the end of a text, that are examined for one without braces
MAX_GAP_CHARS = 90  # between two boxes of one answer
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
    r"\s{0,9}(?:(?P<not>[,，]?\s{0,3}\(?(?:(?:and |but )?(?:not|never)|rather than|instead of|unlike"
    r"|as opposed to|\\neq?"
    r"|(?:und )?nicht|y no|et non|e não|а не)\b"
    r"|[,，]?\s{0,3}(?:而|并)?(?:不是|并非|非))"
    r"|(?P<word>[,;、，；]?\s{0,3}(?:and(?:\s(?:also|finally))?|or|und|oder|et|ou|y|o|e|и|или|和|或|および|و|или"
    r"|또는|और|&|or\s{1,3}else|as\s{1,2}well\s{1,2}as)(?![A-Za-z])[,:]?)"
    r"|(?P<mark>[,;、，；/])|(?P<side>))\s{0,9}"
    rf"(?:for\s[\w ()]{{1,20}}|part\s\(?\w\)?:?)?\s{{0,3}}(?P<name>{_NAME})?\s{{0,9}}"
)
_BEFORE_JOINT = re.compile(r"^\s{0,3}(?:(?:for|in)\s(?:part|case)?\s?\(?\w{1,2}\)?(?=[\s,;]))")


_INSIDE = re.compile(
    r"(?:(?:^|[$=(\[{,:]|\s)[-−]|(?:[\d)}]|(?<![A-Za-z])[A-Za-z]) ?[-−+] ?|\\(?:times|cdot|pm|frac\{"
    r"|sqrt\{)\s?|[\d^/]|[\d)}] ?\* ?)$"
)  # -\boxed{3}, 2\boxed{3}, a + \boxed{3}
_SIGNS = frozenset("-−+*/^)}{")  # what a formula before a box may end with
_ENDINGS = ("or", "oder", "ou", "или", "not", "n't", "n’t", "times", "cdot", "pm")
_COPULAS = ("be", "is", "was", "equal", "to", "是")
_DENIALS = ("not", "n't", "n’t", "never", "wrong", "incorrect", "false", "mistake", "不是")
_CONTINUES = re.compile(
    r"\s?(?:\^(?!\s?\{?\s?\\(?:circ|prime))"
    r"|[*/]\s?[\d({\\]|\\(?:pm|times|cdot|div)(?![a-z])|[±×÷·]|[-+−](?=\s?[\d(\\a-z](?![a-z]))|\d|!(?=\s*\$))"
)
_VALUE = r"\s{0,3}[$(]{0,2}\s?[-−]?\d[\d.,/]*\s?\$?(?:[.)]|\s*$|\n)"
_RIVAL = re.compile(rf"[\s$\\\])]{{0,6}},?\s{{0,3}}\(?(?:or|oder|ou|或者?|или)\s{_VALUE}")
_RIVAL_BEFORE = re.compile(r"(?<![\w.])[-−]?\d[\d.,/]*\$?\s(?:or|oder|ou|или)\s\$?$")
_DENIED = re.compile(
    r"(?:(?:is|are|was|were)(?:\snot|n['’]t)|(?:not|n['’]t|never|cannot)\s(?:be|equal(?:\sto)?)|不是"
    r"|(?:wrong|incorrect|false)\s(?:answer|value|result|option)\s(?:is|was|would\sbe)|mistake\s(?:is|was|would\sbe))\s?\$?$"
)
_RETRACTED = re.compile(
    r"[\s$]{0,3}(?:,\s(?:which|but\s(?:this|that|it))\s)?(?:is|was)"
    r"(?:\snot|n['’]t|\s(?:wrong|incorrect|impossible))(?![a-z])(?!\sonly)"
)


class Box(NamedTuple):
    """One box: where it starts and ends, what it holds, and why that may not be the whole answer."""

    start: int
    end: int
    content: str
    doubt: str = ""


def find_box(text: str) -> Box | None:
    r"""Return the last non-empty box, together with the boxes that belong to it.

    Boxes belong together when a comma, `;`, mathematical space, 'and', 'or' or `x =` joins them.

    >>> find_box("\\boxed{1} \\quad \\text{and} \\quad \\boxed{2}").content
    '1, 2'
    >>> find_box("\\boxed{1}, or rather, after a second look, \\boxed{2}").content
    '2'
    """
    if text.rfind("box") < 0 and "\x08" not in text:
        return None
    boxes = _list_boxes(text)
    if not boxes:
        return None
    if len(boxes) == 1:
        start, end, content, _ = boxes[0]
        return Box(start, end, content, _find_doubt(text, start, end))
    joined_boxes = [boxes.pop()]
    while boxes:
        between = text[boxes[-1].end : joined_boxes[0].start]
        gap_kind = _classify_gap(between)
        if gap_kind == "not":
            joined_boxes = [boxes.pop()]
        elif gap_kind:
            joined_boxes.insert(0, boxes.pop())
        else:
            break
    contents = list(dict.fromkeys(box.content for box in joined_boxes))
    return Box(
        joined_boxes[-1].start,
        joined_boxes[-1].end,
        ", ".join(contents),
        _find_doubt(text, joined_boxes[0].start, joined_boxes[-1].end),
    )


def _find_doubt(text: str, start: int, end: int) -> str:
    """Return why a box may not be the whole answer; "" for no doubt.

    A formula or a choice of answers may continue outside of the box, or words may take it back.
    """
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    before_box = before.rstrip(" $\n")
    if before_box and (before_box[-1] in _SIGNS or before_box[-1].isdecimal() or before_box.endswith(_ENDINGS)):
        if _INSIDE.search(before):
            return "a part of a formula"
        if _RIVAL_BEFORE.search(before) or _DENIED.search(before):
            return "one of several" if _RIVAL_BEFORE.search(before) else "a denial"
    elif before_box.endswith(_COPULAS) and any(word in before for word in _DENIALS) and _DENIED.search(before):
        return "a denial"
    if not after[:3].strip(" .$\n"):
        return ""
    if _CONTINUES.match(after):
        return "a part of a formula"
    return "one of several" if _RIVAL.match(after) else "a denial" if _RETRACTED.match(after) else ""


def _list_boxes(text: str) -> list[Box]:
    """List the outermost boxes at the end of a text, in order, without empty ones."""
    boxes: list[Box] = []
    for match in _find_openings(text):
        if boxes and match.start() < boxes[-1].end:
            continue
        inside, end = match.end(), _find_closing_brace(text, match.end())
        if match[0].endswith("|>"):
            end = text.find("<|end_of_box|>", inside)
            content, end = (text[inside:end], end + 14) if end >= 0 else ("", -1)
        else:
            content = text[inside : end - 1]
        while nested_box := _NESTED.fullmatch(content):
            content = nested_box[1]
        if end >= 0 and (content := content.strip()):
            boxes.append(Box(match.start(), end, content))
    return boxes or _list_bare_box(text)


def _list_bare_box(text: str) -> list[Box]:
    """List the last box without braces: \\boxed 5."""
    position, lookups = text.rfind("\\boxed"), 0
    while position >= 0 and (lookups := lookups + 1) < MAX_BARE_LOOKUPS:
        if match := _BARE.match(text, position):
            return [Box(*match.span(), match[1])]
        position = text.rfind("\\boxed", 0, position)
    return []


def find_open_box(text: str) -> str:
    r"""Return the content of a box that a text ends without closing, on one line; "" where there is none.

    >>> find_open_box("So \\boxed{\\frac{1}{2}")
    '\\frac{1}{2}'
    """
    starts = _find_openings(text)
    content = text[starts[-1].end() :].strip().removesuffix(".").strip(" $") if starts else ""
    fits = 0 < len(content) <= 100 and "\n" not in content
    return content if fits and content.count("{") == content.count("}") else ""


def _find_openings(text: str) -> list[re.Match[str]]:
    """Find the last openings of boxes, in order; searched from the end, so that a long text takes no longer."""
    starts: list[re.Match[str]] = []
    for key in ("box", "\x08oxed") if "\x08" in text else ("box",):
        position, lookups = text.rfind(key), 0
        while position >= 0 and len(starts) < MAX_BOXES and (lookups := lookups + 1) < MAX_LOOKUPS:
            if match := _match_opening(text, position):
                starts.append(match)
                position = match.start()
            position = text.rfind(key, 0, position)
    starts.sort(key=re.Match.start)
    return starts


def _match_opening(text: str, position: int) -> re.Match[str] | None:
    """Match the opening of a box that holds the word at a position."""
    if text.startswith("\\boxed{", position - 1):
        return _BOX.match(text, position - 1)  # nearly every one
    return next(
        (match for match in _BOX.finditer(text, max(0, position - 11), position + 16) if match.end() > position), None
    )


def _find_closing_brace(text: str, start: int) -> int:
    """Return the index after the brace that closes one opened just before `start`; -1 where none does."""
    first_brace = text.find("}", start)
    if first_brace < 0:
        return -1
    if "{" not in (inside := text[start:first_brace]) and "\\" not in inside:
        return first_brace + 1
    level = 1
    for match in _BRACE.finditer(text, start):
        level += {"{": 1, "}": -1}.get(match.group(), 0)
        if level == 0:
            return match.end()
    return -1


def _classify_gap(between: str) -> str:
    """Return how two boxes belong together: "joined", "not" (the first is rejected), or "" where they do not."""
    if len(between) > MAX_GAP_CHARS:
        return ""
    gap = _DELIMITER.sub(" ", _TEXT.sub(lambda match: f" {match[1] or ''} ", between.replace("\\\\", " ")))
    gap = _BEFORE_JOINT.sub("", gap)
    match = _JOINT.fullmatch(gap)
    if not match:
        return ""
    if match["not"]:
        return "not"
    if match["word"] or match["mark"] or "\n" not in between:
        return "joined"
    return "joined" if match["name"] and between.count("\n") == 1 else ""
