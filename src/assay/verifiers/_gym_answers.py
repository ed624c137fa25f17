"""Which part of a completion is the answer to a generated problem: such answers are grids, moves, lists and sentences as often as numbers."""

import re
from collections import deque

from assay.core.types import Case
from assay.verifiers._answers import final_answer, last_number
from assay.verifiers._numbers import number

_MARK = re.compile(
    r"(?:^|\n)[ \t>#*_]{0,6}(?:(?:so|thus|hence|therefore),?[ ])?(?:the[ ]|my[ ])?(?:final[ ]|correct[ ])?"
    r"(?:answer|solution)(?:[ ]is)?[ \t]*[*_]{0,2}[ \t]*[:=]?[ \t]*[*_]{0,2}[ \t]*",
    re.IGNORECASE,
)
_TICKS = re.compile(r"[ \t]{0,8}(`{3,}|~{3,})[^`\n]*")  # a whole line that opens or closes a fence
_OPENING, _CLOSING = re.compile("<answer>", re.IGNORECASE), re.compile("</answer>", re.IGNORECASE)
TAIL = 50_000  # characters at the end of a completion in which a marker is looked for


def said(case: Case) -> str:
    """The answer of a completion, "" where there is none; linear in the text.

    Behind the last closed thought: the last `<answer>`, whole. Else the last line that announces an answer, with all lines behind it up to an
    empty one, or the fence behind it. Else `final_answer`; else, of finished texts, the last number for a gold number, or the whole text.
    """
    text, numeric = case.rollout.text.rpartition("</think>")[2], number(case.label.answer) is not None
    cut = case.rollout.finish == "length"
    if cut and "<think>" in text and "</think>" not in case.rollout.text:
        return ""  # what an unfinished thought mutters
    block = _tagged(text, cut=cut)
    if block is None:
        block = _announced(text[-TAIL:], cut=cut)
    if block is None:
        return _written(case, text, numeric)
    return _number(_unwrapped(block)) if numeric else _unwrapped(block)


def _tagged(text: str, *, cut: bool) -> str | None:
    """What stands in the last `<answer>`; one that a finished text leaves open holds the rest."""
    opening = _last(_OPENING, text)
    if opening is None:
        return None
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        return "" if cut else text[opening.end() :]
    return text[opening.end() : closing.start()]


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)


def _announced(text: str, *, cut: bool) -> str | None:
    """Several lines behind the last marker, where there are several; one line is read like anybody's."""
    last = _last(_MARK, text)
    if last is None:
        return None
    rest = text[last.end() :]
    if (fenced := _fenced(rest)) is not None:
        return fenced[0]
    block = rest.lstrip("\n").split("\n\n", 1)[0]
    several = "\n" in block.strip() or rest[:1] == "\n"
    return block if several and not cut and "\\boxed" not in rest else None


def _fenced(text: str) -> tuple[str, str] | None:
    """The inside of a fence that a text begins with, and what stands behind it; None where there is none that closes."""
    lines = text.lstrip("\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    opening = _TICKS.fullmatch(lines[first].rstrip())
    if opening is None:
        return None
    for number in range(first + 1, len(lines)):
        if lines[number].strip() == opening[1]:
            return "\n".join(lines[first + 1 : number]), "\n".join(lines[number + 1 :])
    return None


def _unwrapped(block: str) -> str:
    """Without a fence, back quotes, or a box around all of it."""
    fenced = _fenced(block)
    bare = fenced[0] if fenced is not None and not fenced[1].strip() else block
    plain = bare.strip()
    if len(plain) > 2 and plain[0] == plain[-1] == "`" and "`" not in plain[1:-1]:
        bare = plain[1:-1]
    if "\\boxed" in bare or "\\fbox" in bare:
        boxed = final_answer(bare)
        bare = boxed.text if boxed else bare
    return _stripped(bare)


def _stripped(text: str) -> str:
    """Without empty lines around it, blanks at the end, and one pair of bold marks or dollar signs."""
    lines = text.strip("\n").rstrip().split("\n")
    bare = "\n".join(lines) if len(lines) > 1 else text.strip()
    for mark in ("**", "$$", "$"):
        if len(bare) > 2 * len(mark) and bare.startswith(mark) and bare.endswith(mark) and mark not in bare[len(mark) : -len(mark)]:
            return bare[len(mark) : -len(mark)].strip()
    return bare


def _number(text: str) -> str:
    return text if number(text) is None else text.replace(",", "").replace("−", "-").removesuffix(".")


def _written(case: Case, text: str, numeric: bool) -> str:
    answer = final_answer(text)
    if answer is not None:
        bare = answer.text.strip().strip("$").strip()
        return _number(bare) if numeric else bare
    if case.rollout.finish == "length":
        return ""
    return last_number(text).lstrip("$").replace(",", "") if numeric else text.strip()
