"""Cut out the phrase that follows an announcement: to the end of its sentence, code fence, formula or grid."""

import json
import re
from typing import NamedTuple

from assay.verifiers.answers.denials import NO_BEHIND

MAX_CHARS = 4_000  # after a marker, that are read
_DIGITS = {code: str(int(chr(code))) for code in range(0x660, 0x1FBFA) if chr(code).isdecimal()}
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_WESTERN = {**_DIGITS, **_WIDE, 0x66B: ".", 0x66C: ",", 0x3000: " ", 0x3001: ", ", 0x2010: "-", 0x2011: "-"}
_INTEGER = re.compile(r"[ \t]{0,9}(-?[0-9]+)\.?[ \t]{0,9}(?:\n(?![-+ ]?\d)|$)")  # without a grid below it
_STOP = re.compile(
    r"(?<=[^\W\d_]|[\d)}$%*\]'\"”°`])[.!](?=\s+(?:[A-Z*]|[^\W\d_a-zA-Z])|\s*$)|[。！｡।॥۔？؟](?!\d)|．(?!\d)|\?(?=\s|$)"
)
_VALUE = re.compile(r"[\d\\$]")
_HAS_CONTENT = re.compile(r"[^\W_]|[∅∞]")
_SHORT = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|approx|ca|No)|\b[A-Za-z]\.[A-Za-z])$")
_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,30}\|>|</?s>|<end_of_turn>|<｜[^｜\n]{1,30}｜>|</?(?:b|strong|i|em|u|p|div|span|br|code"
    r"|center|h\d|answer|final_answer|mark)\b[^<>]{0,60}>",
    re.I,
)
_FENCE = re.compile(r"\s{0,9}(?:```|~~~)[\w+-]{0,20}[ \t]*\n?(.*?)(?:```|~~~|$)", re.DOTALL)
_LONG = re.compile(r"[^\W\d_]{3,}|[=$\\]")  # a grid has no words and no formulas
_BULLET = re.compile(r"\s{0,6}(?:[-*•]\s|\(?[a-z0-9]{1,2}[.)]\s|\([ivx]{1,4}\))")
_BOLD = re.compile(r"(?<!\S)(\*\*|__|`{1,3}|\*)(?=[^\s{])([^\n]{1,300}?)(?<=\S)\1(?![\w*])")
_COPULA = re.compile(
    r"\s{0,3}(?:となります|になります|であります|でございます|である|でした|です|となる|になる|だ"
    r"|입니다|이에요|예요|이다|이 됩니다|가 됩니다|임|है|हैं|होगा|ครับ|ค่ะ|হবে|olur|dır|dir)$"
)


class Phrase(NamedTuple):
    """The phrase that an announcement introduces, where it stands, and why it is in doubt ("" for no doubt)."""

    at: int
    text: str
    doubt: str = ""

    @property
    def is_value(self) -> bool:
        """Return whether it holds a digit or mathematics, or at most four words."""
        return bool(_VALUE.search(self.text)) or len(self.text.split()) <= 4


def read_phrase(text: str, start: int) -> Phrase | None:
    """Read the phrase that begins at an index, or on the lines below where nothing stands there.

    Returns:
        The phrase; None where there is none.

    >>> read_phrase("x: 3.5 metres. He left.", 2).text
    '3.5 metres'
    >>> read_phrase("Answer:\\n1 2\\n3 4\\n\\nDone.", 7).text
    '1 2\\n3 4'
    """
    if match := _INTEGER.match(text, start):
        return Phrase(start, match[1])  # the most common answer, found fast
    excerpt = text[start : start + MAX_CHARS]
    line, _, below = excerpt.partition("\n")
    if not line.strip(" \t*_`:") and not line.strip().startswith("```"):
        line, is_complete = _read_block(below)
    elif line.strip().startswith("```"):
        line, is_complete = _read_fence(excerpt), True
    elif _is_row(line) and below and _same_grid(line, below.partition("\n")[0]):
        line, is_complete = _join_lines(excerpt.partition("\n\n")[0].split("\n")), True
    else:
        line, is_complete = _complete_formula(line, below), False
    if line.lstrip().startswith("#"):
        return None  # it is the next heading
    is_question, rest = False, ""
    if not is_complete:
        whole, (line, is_question) = line, _cut_sentence(line)
        rest = whole[len(line) + 1 :] if is_question else ""
    content = normalize_scripts(strip_decoration(line))
    if not _HAS_CONTENT.search(content):
        return None if not content.startswith("\\") else Phrase(start, content)
    return Phrase(start, content, "a denial" if NO_BEHIND.match(rest) else "a question" if is_question else "")


def normalize_scripts(text: str) -> str:
    """Write the digits of every script as 0 to 9, and full-width signs as the usual ones.

    >>> normalize_scripts("٧٢"), normalize_scripts("７２％"), normalize_scripts("७२")
    ('72', '72%', '72')
    """
    return text if text.isascii() else text.translate(_WESTERN)


def strip_decoration(line: str) -> str:
    """Strip bold, quotes, tags, special tokens, a verb at the end, and the final full stop from a phrase.

    >>> strip_decoration("**73** dollars."), strip_decoration("72입니다"), strip_decoration("10:45 p.m.")
    ('73 dollars', '72', '10:45 p.m.')
    """
    if "<" in line:
        line = _TOKEN.sub(" ", line)
    content = line.strip()
    if content[-1:] == "|" and content.count("|") % 2:
        content = content[:-1].rstrip()  # the end of a table's row
    if content[:1] == '"' and (quoted := re.match(r'"(?:[^"\\]|\\.){0,2000}"', content)):
        try:
            content = str(json.loads(quoted[0])) if re.match(r"\s*[,}.]|\s*$", content[quoted.end() :]) else content
        except ValueError:
            content = quoted[0][1:-1]
    if content[-1:] in "\"”'" and content.count(content[-1:]) % 2:
        content = content[:-1].rstrip()
    if "*" in content or "_" in content or "`" in content:
        content = _BOLD.sub(r"\2", content).strip()
    if content.count("**") % 2:
        content = re.sub(r"(?<=\S)\*\*(?=\s|$)", "", content)
    content = content.strip("`").strip()
    content = (
        re.sub(r"\s*(?<!\*)\*{1,3}$|^\*{1,3}\s*", "", content) if content[:1] == "*" or content[-1:] == "*" else content
    )
    if content[-1:] == "$" and content.count("$") % 2:
        content = content[:-1].rstrip()
    if not _SHORT.search(content[:-1][-8:]) or content[-2:-1].isspace():
        content = content.removesuffix(".")
    for opening, closing in ("{}", "()", "[]"):
        if (
            content.endswith(closing)
            and content.count(closing) == content.count(opening) + 1
            and not (closing in ")]" and content[:1] in "[(")
        ):
            content = content[:-1].rstrip()
    return _COPULA.sub("", content) if not content.isascii() else content


def _cut_sentence(line: str) -> tuple[str, bool]:
    """Return the line up to the end of its first sentence, and whether that is a question."""
    if line.isdecimal():
        return line, False
    for match in _STOP.finditer(line):
        if match[0] == "." and _SHORT.search(line[max(0, match.start() - 8) : match.start()]):
            if (
                line[match.start() - 3 : match.start()].lower() not in ("i.e", "e.g")
                and line[match.start() - 2 : match.start() - 1] == "."
                and line[match.end() :].lstrip()[:1].isupper()
            ):
                return line[: match.end()], False  # p.m. also ends the sentence
            continue
        return line[: match.start()], match[0] in "?？؟"
    return line, False


def _read_block(below: str) -> tuple[str, bool]:
    """Return the lines below an announcement that are its answer, and whether they must be kept as they are."""
    below = below.lstrip("\n\r\t *_")
    if below.startswith(("```", "~~~")):
        return _read_fence(below), True
    line, _, rest = below.partition("\n")
    if line.strip().startswith(("$$", "\\[", "\\(", "\\begin", "$")):
        return _complete_formula(line, rest), False
    lines = below.partition("\n\n")[0].split("\n")
    if len(lines) > 1 and (_same_grid(*lines[:2]) or _has_open_bracket(line) or all(map(_BULLET.match, lines[:2]))):
        return _join_lines(lines), True
    return line, False


def _join_lines(lines: list[str]) -> str:
    """Join the first lines that look like the first one, or all lines until its brackets close."""
    is_list = all(map(_BULLET.match, lines[:2]))
    lines_kept = lines[:1]
    for line in lines[1:]:
        if not (
            _has_open_bracket("\n".join(lines_kept)) or (_BULLET.match(line) if is_list else _same_grid(lines[0], line))
        ):
            break
        lines_kept.append(line.rstrip())
    return "\n".join(lines_kept).strip()


def _same_grid(line: str, other: str) -> bool:
    """Return whether two lines are rows of one grid."""
    return _is_grid_line(line) and _is_grid_line(other) and len(line.split()) == len(other.split())


def _is_row(line: str) -> bool:
    return len(line) <= 400 and len(line.split()) > 1 and _is_grid_line(line)


def _is_grid_line(line: str) -> bool:
    """Return whether a line is a row of numbers, letters or signs rather than prose."""
    return len(line.strip()) > 0 and len(line) <= 400 and not _LONG.search(line)


def _has_open_bracket(line: str) -> bool:
    return line.lstrip()[:1] in ("[", "{", "(") and sum(map(line.count, "[{(")) > sum(map(line.count, "]})"))


def _read_fence(block: str) -> str:
    match = _FENCE.match(block)
    return match[1].strip("\n") if match else ""


def _complete_formula(line: str, below: str) -> str:
    """Return the line, with those below it into which its formula continues."""
    # an unpaired $ is a currency unless a formula begins there
    open_formula = line[line.rfind("$") :] if line.count("$") % 2 else ""
    is_display = (
        line.strip() in ("$$", "\\[", "\\(", "$")
        or line.count("\\[") > line.count("\\]")
        or line.count("\\(") > line.count("\\)")
    )
    if not is_display and "\\begin" not in open_formula and line.count("\\begin{") <= line.count("\\end{"):
        return line
    return f"{line}\n{below}".partition("\n\n")[0].replace("\n", " ")
