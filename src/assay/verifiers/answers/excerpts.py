"""The phrase that an announcement announces: to the end of its sentence, of its fence, of its formula, or of its grid."""

import json
import re
from typing import NamedTuple

LONGEST = 4_000  # characters behind a marker that are looked at
_DIGITS = {code: str(int(chr(code))) for code in range(0x660, 0x1FBFA) if chr(code).isdecimal()}
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_WESTERN = {**_DIGITS, **_WIDE, 0x66B: ".", 0x66C: ",", 0x3000: " ", 0x3001: ", ", 0x2010: "-", 0x2011: "-"}
_INTEGER = re.compile(r"[ \t]{0,9}(-?[0-9]+)\.?[ \t]{0,9}(?:\n(?![-+ ]?\d)|$)")  # and no grid below it
_STOP = re.compile(
    r"(?<=[^\W\d_]|[\d)}$%*\]'\"”°`])[.!](?=\s+(?:[A-Z*]|[^\W\d_a-zA-Z])|\s*$)|[。！｡।॥۔？؟](?!\d)|．(?!\d)|\?(?=\s|$)"
)
_VALUE = re.compile(r"[\d\\$]")
_SAYS = re.compile(r"[^\W_]|[∅∞]")
_SHORT = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|approx|ca|No)|\b[A-Za-z]\.[A-Za-z])$")
_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,30}\|>|</?s>|<end_of_turn>|<｜[^｜\n]{1,30}｜>|</?(?:b|strong|i|em|u|p|div|span|br|code|center|h\d|answer|final_answer|mark)\b[^<>]{0,60}>",
    re.I,
)
_FENCE = re.compile(r"\s{0,9}(?:```|~~~)[\w+-]{0,20}[ \t]*\n?(.*?)(?:```|~~~|$)", re.DOTALL)
_LONG = re.compile(r"[^\W\d_]{3,}|[=$\\]")  # words and formulas stand in no grid
_BULLET = re.compile(r"\s{0,6}(?:[-*•]\s|\(?[a-z0-9]{1,2}[.)]\s|\([ivx]{1,4}\))")
_BOLD = re.compile(r"(?<!\S)(\*\*|__|`{1,3}|\*)(?=[^\s{])([^\n]{1,300}?)(?<=\S)\1(?![\w*])")
_COPULA = re.compile(
    r"\s{0,3}(?:となります|になります|であります|でございます|である|でした|です|となる|になる|だ"
    r"|입니다|이에요|예요|이다|이 됩니다|가 됩니다|임|है|हैं|होगा|ครับ|ค่ะ|হবে|olur|dır|dir)$"
)


class Phrase(NamedTuple):
    """What an announcement announces, where it stands in the text, and why it is no answer, "" where it may be one."""

    at: int
    text: str
    doubt: str = ""

    @property
    def is_value(self) -> bool:
        """Whether it holds a digit or mathematics, or at most four words."""
        return bool(_VALUE.search(self.text)) or len(self.text.split()) <= 4


def phrase(text: str, at: int) -> Phrase | None:
    """The phrase that begins at an index, or in the lines below where nothing stands there; None where there is none.

    >>> phrase("x: 3.5 metres. He left.", 2).text
    '3.5 metres'
    >>> phrase("Answer:\\n1 2\\n3 4\\n\\nDone.", 7).text
    '1 2\\n3 4'
    """
    if match := _INTEGER.match(text, at):
        return Phrase(at, match[1])  # the most common answer, at once
    rest = text[at : at + LONGEST]
    line, _, below = rest.partition("\n")
    if not line.strip(" \t*_`:") and not line.strip().startswith("```"):
        line, whole = _block(below)
    elif line.strip().startswith("```"):
        line, whole = _fenced(rest), True
    elif _row(line) and below and _same(line, below.partition("\n")[0]):
        line, whole = _together(rest.partition("\n\n")[0].split("\n")), True
    else:
        line, whole = _formula(line, below), False
    if line.lstrip().startswith("#"):
        return None  # the next heading
    asked = False
    if not whole:
        line, asked = _sentence(line)
    plain = western(bare(line))
    if not _SAYS.search(plain):
        return None if not plain.startswith("\\") else Phrase(at, plain)
    return Phrase(at, plain, "a question" if asked else "")


def western(text: str) -> str:
    """Digits of every script as 0 to 9, full-width signs as the usual ones.

    >>> western("٧٢"), western("７２％"), western("७२")
    ('72', '72%', '72')
    """
    return text if text.isascii() else text.translate(_WESTERN)


def bare(line: str) -> str:
    """A phrase without bold, quotes, tags, special tokens, the verb behind it, or the full stop at its end.

    >>> bare("**73** dollars."), bare("72입니다"), bare("10:45 p.m.")
    ('73 dollars', '72', '10:45 p.m.')
    """
    if "<" in line:
        line = _TOKEN.sub(" ", line)
    plain = line.strip()
    if plain[:1] == '"' and (quoted := re.match(r'"(?:[^"\\]|\\.){0,2000}"', plain)):
        try:
            plain = str(json.loads(quoted[0])) if re.match(r"\s*[,}.]|\s*$", plain[quoted.end() :]) else plain
        except ValueError:
            plain = quoted[0][1:-1]
    if plain[-1:] in "\"”'" and plain.count(plain[-1:]) % 2:
        plain = plain[:-1].rstrip()
    if "*" in plain or "_" in plain or "`" in plain:
        plain = _BOLD.sub(r"\2", plain).strip()
    if plain.count("**") % 2:
        plain = re.sub(r"(?<=\S)\*\*(?=\s|$)", "", plain)
    plain = plain.strip("`").strip()
    plain = re.sub(r"\s*(?<!\*)\*{1,3}$|^\*{1,3}\s*", "", plain) if plain[:1] == "*" or plain[-1:] == "*" else plain
    if plain[-1:] == "$" and plain.count("$") % 2:
        plain = plain[:-1].rstrip()
    if not _SHORT.search(plain[:-1][-8:]) or plain[-2:-1].isspace():
        plain = plain.removesuffix(".")
    for opening, closing in ("{}", "()", "[]"):
        if (
            plain.endswith(closing)
            and plain.count(closing) == plain.count(opening) + 1
            and not (closing in ")]" and plain[:1] in "[(")
        ):
            plain = plain[:-1].rstrip()
    return _COPULA.sub("", plain) if not plain.isascii() else plain


def _sentence(line: str) -> tuple[str, bool]:
    """(the line to the end of its first sentence, whether that asks)."""
    if line.isdecimal():
        return line, False
    for match in _STOP.finditer(line):
        if match[0] == "." and _SHORT.search(line[max(0, match.start() - 8) : match.start()]):
            if (
                line[match.start() - 3 : match.start()].lower() not in ("i.e", "e.g")
                and line[match.start() - 2 : match.start() - 1] == "."
                and line[match.end() :].lstrip()[:1].isupper()
            ):
                return line[: match.end()], False  # p.m. ends the sentence, too
            continue
        return line[: match.start()], match[0] in "?？؟"
    return line, False


def _block(below: str) -> tuple[str, bool]:
    """(the lines that stand for an answer below its announcement, whether they are to be kept as they are)."""
    below = below.lstrip("\n\r\t *_")
    if below.startswith(("```", "~~~")):
        return _fenced(below), True
    line, _, rest = below.partition("\n")
    if line.strip().startswith(("$$", "\\[", "\\(", "\\begin", "$")):
        return _formula(line, rest), False
    lines = below.partition("\n\n")[0].split("\n")
    if len(lines) > 1 and (_same(*lines[:2]) or _opens(line) or all(map(_BULLET.match, lines[:2]))):
        return _together(lines), True
    return line, False


def _together(lines: list[str]) -> str:
    """The first lines that look like the first one; all of them up to where its brackets close."""
    listed = all(map(_BULLET.match, lines[:2]))
    kept = lines[:1]
    for line in lines[1:]:
        if not (_opens("\n".join(kept)) or (_BULLET.match(line) if listed else _same(lines[0], line))):
            break
        kept.append(line.rstrip())
    return "\n".join(kept).strip()


def _same(line: str, other: str) -> bool:
    """Whether two lines are rows of one grid."""
    return _grid(line) and _grid(other) and len(line.split()) == len(other.split())


def _row(line: str) -> bool:
    return len(line) <= 400 and len(line.split()) > 1 and _grid(line)


def _grid(line: str) -> bool:
    """Whether a line is a row of numbers, letters or signs rather than prose."""
    return len(line.strip()) > 0 and len(line) <= 400 and not _LONG.search(line)


def _opens(line: str) -> bool:
    return line.lstrip()[:1] in ("[", "{", "(") and sum(map(line.count, "[{(")) > sum(map(line.count, "]})"))


def _fenced(block: str) -> str:
    match = _FENCE.match(block)
    return match[1].strip("\n") if match else ""


def _formula(line: str, below: str) -> str:
    """The line, and those below it that its formula goes on in."""
    last = (
        line[line.rfind("$") :] if line.count("$") % 2 else ""
    )  # a lone $ is a currency unless a formula begins there
    display = (
        line.strip() in ("$$", "\\[", "\\(", "$")
        or line.count("\\[") > line.count("\\]")
        or line.count("\\(") > line.count("\\)")
    )
    if not display and "\\begin" not in last and line.count("\\begin{") <= line.count("\\end{"):
        return line
    return f"{line}\n{below}".partition("\n\n")[0].replace("\n", " ")
