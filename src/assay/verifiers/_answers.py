"""Where an answer stands in a completion: \\boxed{}, ####, 'answer is', the whole text, or the last number."""

import re
from typing import NamedTuple

_AFTER = r"[ \t:=*]{0,8}"
_MARKS = (  # (characters to look for, what must stand there, how far before them it starts)
    ("####", re.compile("####" + _AFTER), 0),
    ("nswer", re.compile(r"\b[Aa]nswer\b\*{0,2}\s{0,3}(?:[Ii]s\b|[Aa]re\b|:|=)" + _AFTER), 1),
    ("NSWER", re.compile(r"\bANSWER\b\s{0,3}(?:IS\b|:|=)" + _AFTER), 1),
    ("A:", re.compile(r"(?<![^\n])A:" + _AFTER), 0),
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_JOINT = re.compile(r"\s*\\?[$)\]]{0,2}\s*(?:,?\s*and|,?\s*or|,)\s*\\?[$(\[]{0,2}\s*")
_SENTENCE = re.compile(r"(?<=[^\W\d_]|[\d)}$%*\]])[.!](?=\s+[A-Z*]|\s*$)")
_NUMBER = re.compile(r"(?<![\w.^])[-+−]?[$€£¥₹]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)?(?:\.[0-9]+|(?<=[0-9]))(?:/[0-9]+(?![.\d]))?")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")  # LaTeX commands are none
_TEXT = re.compile(r"\\[a-z]*(?:text|rm|name)\w*\s*\{[^{}]*\}")
WHOLE = 200  # a text of at most this many characters and no words, or one word alone, may be an answer


class Answer(NamedTuple):
    """An answer as written, and how it was found."""

    text: str
    how: str  # boxed, marked, whole


def final_answer(text: str) -> Answer | None:
    """The last \\boxed{} (with those joined to it by a comma, 'and', 'or'), else what follows the last '####', 'answer is' or 'A:', else
    the whole text where it is one short expression; None where nothing says which part is the answer. Linear in the text.

    >>> final_answer("thus \\\\boxed{\\\\frac{1}{2}}.")
    Answer(text='\\\\frac{1}{2}', how='boxed')
    >>> final_answer("The answer is **73**.").text
    '73'
    """
    return _boxed(text) or _marked(text) or _whole(text)


def last_number(text: str) -> str:
    """The last number that stands by itself in a text, "" where there is none.

    >>> last_number("She pays $1,234.50 for x2 of them.")
    '$1,234.50'
    """
    last = ""
    for match in _NUMBER.finditer(text):
        last = match.group()
    return last


def first_number(text: str) -> str:
    """The first number after the last equals sign of a phrase, "" where there is none.

    >>> first_number("9 * 2 = 18 dollars for 3 days")
    '18'
    """
    match = _NUMBER.search(text[text.rfind("=") + 1 :])
    return match.group() if match else ""


def depth(text: str) -> int:
    """How deep braces and brackets nest; linear in the text."""
    deepest = level = 0
    for char in text:
        if char in "{([":
            level += 1
            deepest = max(deepest, level)
        elif char in "})]":
            level = max(0, level - 1)
    return deepest


def balanced(text: str) -> bool:
    """Whether every brace closes, escaped ones aside."""
    bare = text.replace("\\{", "").replace("\\}", "")
    return bare.count("{") == bare.count("}")


def _boxed(text: str) -> Answer | None:
    if "box" not in text:
        return None
    starts = [match.span() for match in _BOX.finditer(text)][-8:]
    boxes: list[tuple[int, int, str]] = []  # (start, end, content), the outermost ones, in order
    for start, inside in starts:
        end = _closing(text, inside)
        if end < 0 or (boxes and start < boxes[-1][1]):
            continue
        boxes.append((start, end, text[inside : end - 1].strip()))
    if not boxes:
        return None
    joined = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        if not _JOINT.fullmatch(text[box[1] : joined[0][0]][:40]):
            break
        joined.insert(0, box)
    return Answer(", ".join(content for _, _, content in joined), "boxed")


def _closing(text: str, start: int) -> int:
    """The index after the brace that closes one opened just before `start`; -1 where none does."""
    level = 1
    for match in _BRACE.finditer(text, start):
        level += {"{": 1, "}": -1}.get(match.group(), 0)
        if level == 0:
            return match.end()
    return -1


def _marked(text: str) -> Answer | None:
    end = -1
    for key, pattern, before in _MARKS:
        at = text.rfind(key)  # many times faster than a pattern over the whole text
        while at >= 0:
            if at >= before and (match := pattern.match(text, at - before)):
                end = max(end, match.end())
                break
            at = text.rfind(key, 0, at)
    if end < 0:
        return None
    rest = text[end : end + 4000].lstrip()
    line = rest.split("\n", 1)[0]
    if line.strip() in ("$$", "\\[", "\\("):  # display mathematics opens on a line of its own
        line = rest.split("\n\n", 1)[0].replace("\n", " ")
    phrase = line if line.isdecimal() else _SENTENCE.split(line, maxsplit=1)[0].strip().strip("*").strip().removesuffix(".")
    return Answer(phrase, "marked") if phrase else None


def _whole(text: str) -> Answer | None:
    bare = text.strip()
    if not bare or len(bare) > WHOLE or "\n" in bare or "=" in bare:  # an equation is working, its right side perhaps the answer
        return None
    words = _WORD.findall(_TEXT.sub("", bare))
    if words and words != [bare.strip("*. ")]:
        return None
    return Answer(bare.strip("*").strip().removesuffix("."), "whole")
