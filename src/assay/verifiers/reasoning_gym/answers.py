"""Which part of a completion is the answer to a generated problem, by the rules that every verifier reads by (docs/grading.md)."""

import re
from collections import deque

from assay.core.types import GradingCase
from assay.verifiers.answers.extraction import ExtractedAnswer, final_answer, last_number
from assay.verifiers.answers.numbers import number
from assay.verifiers.answers.thinking import spoken

_MARK = re.compile(
    r"(?:^|\n)[ \t>#*_]{0,6}(?:(?:so|thus|hence|therefore),?[ ])?(?:the[ ]|my[ ])?(?:final[ ]|correct[ ])?"
    r"(?:answer|solution)(?:[ ]is)?[ \t]*[*_]{0,2}[ \t]*[:=]?[ \t]*[*_]{0,2}[ \t]*",
    re.IGNORECASE,
)
_TICKS = re.compile(r"[ \t]{0,8}(`{3,}|~{3,})[^`\n]*")  # a whole line that opens a fence
TAIL = 50_000  # characters at the end of a completion in which such a line is looked for


def gym_answers(case: GradingCase) -> tuple[ExtractedAnswer, ...]:
    """The final answer of a completion, in the spellings in which it may be meant: as those rules read it, and whole with all its lines and its
    full stop. Nothing where there is none. Linear in the text.

    Where nothing marks one, a finished text is the answer as a whole, or its last number where the gold answer is a number.
    """
    numeric, cut = number(case.label.answer) is not None, case.rollout.finish == "length"
    text, inside = spoken(case.rollout.text)
    answer = final_answer(case.rollout.text)
    if cut and answer is not None and answer.how == "tagged" and case.rollout.text.rstrip().endswith(answer.text):
        answer = answer._replace(doubt="cut inside its answer")
    block = (
        None
        if cut or inside or (answer is not None and answer.how not in ("marked", "whole"))
        else _announced(text[-TAIL:])
    )
    if block is not None and (answer is None or answer.text.split("\n", 1)[0] in block.text):
        block = block._replace(doubt=answer.doubt if answer else "")
    else:
        block = None
    if answer is None and block is None and not cut and not inside:
        answer = ExtractedAnswer(last_number(text).lstrip("$") if numeric else text.strip(), "whole")
    spelled = [
        each._replace(text=_plain_number(_bare(each.text)) if numeric else _bare(each.text))
        for each in (answer, block)
        if each is not None
    ]
    return tuple(dict.fromkeys(each for each in spelled if each.text))


def _announced(text: str) -> ExtractedAnswer | None:
    """The fence behind the last line that announces an answer, or the lines behind it up to an empty one."""
    last = next(iter(deque(_MARK.finditer(text), maxlen=1)), None)
    if last is None:
        return None
    lines = text[last.end() :].lstrip("\n").split("\n")
    opening = _TICKS.fullmatch(lines[0].rstrip())
    if opening is None:
        block = "\n".join(lines).split("\n\n", 1)[0]
        return ExtractedAnswer(block, "marked") if block.strip() else None
    ends = [number for number, line in enumerate(lines) if number and line.strip() == opening[1]]
    return ExtractedAnswer("\n".join(lines[1 : ends[0]]), "marked") if ends else None


def _bare(text: str) -> str:
    """Without blanks around it, empty lines before and behind, and one pair of bold marks, back quotes or dollar signs."""
    plain = text.strip("\n").rstrip() if "\n" in text.strip() else text.strip()
    for mark in ("**", "`", "$$", "$"):
        if (
            len(plain) > 2 * len(mark)
            and plain.startswith(mark)
            and plain.endswith(mark)
            and mark not in plain[len(mark) : -len(mark)]
        ):
            return plain[len(mark) : -len(mark)].strip()
    return plain


def _plain_number(text: str) -> str:
    return text if number(text) is None else text.replace(",", "").replace("−", "-").removesuffix(".")
