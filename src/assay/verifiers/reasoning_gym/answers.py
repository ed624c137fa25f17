"""Find which part of a completion answers a generated problem, by the rules of all verifiers (docs/grading.md)."""

import re
from collections import deque

from assay.core.types import GradingCase
from assay.verifiers.answers.extraction import ExtractedAnswer, find_final_answer, find_last_number
from assay.verifiers.answers.numbers import parse_number
from assay.verifiers.answers.thinking import strip_thinking

_ANNOUNCEMENT = re.compile(
    r"(?:^|\n)[ \t>#*_]{0,6}(?:(?:so|thus|hence|therefore),?[ ])?(?:the[ ]|my[ ])?(?:final[ ]|correct[ ])?"
    r"(?:answer|solution)(?:[ ]is)?[ \t]*[*_]{0,2}[ \t]*[:=]?[ \t]*[*_]{0,2}[ \t]*",
    re.IGNORECASE,
)
_FENCE = re.compile(r"[ \t]{0,8}(`{3,}|~{3,})[^`\n]*")  # a line that opens a fence
TAIL_CHARS = 50_000  # at the end of a completion, in which an announcement is searched


def extract_answers(case: GradingCase) -> tuple[ExtractedAnswer, ...]:
    """Return the final answer of a completion, in the spellings in which it may be meant; empty where there is none.

    The first spelling is the answer as the common rules read it, the second the whole block behind the line that
    announces it, with all lines and the final full stop. Where nothing marks an answer, a finished text is the answer
    as a whole, or its last number where the gold answer is a number. Takes time linear in the text.
    """
    is_numeric, truncated = parse_number(case.label.answer) is not None, case.rollout.finish == "length"
    text, in_thinking = strip_thinking(case.rollout.text)
    answer = find_final_answer(case.rollout.text)
    if truncated and answer is not None and answer.how == "tagged" and case.rollout.text.rstrip().endswith(answer.text):
        answer = answer._replace(doubt="cut inside its answer")
    block = (
        None
        if truncated or in_thinking or (answer is not None and answer.how not in ("marked", "whole"))
        else _find_announced(text[-TAIL_CHARS:])
    )
    if block is not None and (answer is None or answer.text.split("\n", 1)[0] in block.text):
        block = block._replace(doubt=answer.doubt if answer else "")
    else:
        block = None
    if answer is None and block is None and not truncated and not in_thinking:
        answer = ExtractedAnswer(find_last_number(text).lstrip("$") if is_numeric else text.strip(), "whole")
    spellings = [
        spelling._replace(
            text=_normalize_number(_strip_marks(spelling.text)) if is_numeric else _strip_marks(spelling.text)
        )
        for spelling in (answer, block)
        if spelling is not None
    ]
    return tuple(dict.fromkeys(spelling for spelling in spellings if spelling.text))


def _find_announced(text: str) -> ExtractedAnswer | None:
    """Return the fenced block after the last line that announces an answer, or the lines after it up to a blank one."""
    announcement = next(iter(deque(_ANNOUNCEMENT.finditer(text), maxlen=1)), None)
    if announcement is None:
        return None
    lines = text[announcement.end() :].lstrip("\n").split("\n")
    opening = _FENCE.fullmatch(lines[0].rstrip())
    if opening is None:
        block = "\n".join(lines).split("\n\n", 1)[0]
        return ExtractedAnswer(block, "marked") if block.strip() else None
    ends = [number for number, line in enumerate(lines) if number and line.strip() == opening[1]]
    return ExtractedAnswer("\n".join(lines[1 : ends[0]]), "marked") if ends else None


def _strip_marks(text: str) -> str:
    """Strip white space, empty lines, and one pair of bold marks, back quotes or dollar signs around the whole."""
    bare = text.strip("\n").rstrip() if "\n" in text.strip() else text.strip()
    for mark in ("**", "`", "$$", "$"):
        if (
            len(bare) > 2 * len(mark)
            and bare.startswith(mark)
            and bare.endswith(mark)
            and mark not in bare[len(mark) : -len(mark)]
        ):
            return bare[len(mark) : -len(mark)].strip()
    return bare


def _normalize_number(text: str) -> str:
    return text if parse_number(text) is None else text.replace(",", "").replace("−", "-").removesuffix(".")
