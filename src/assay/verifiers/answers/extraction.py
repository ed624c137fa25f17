"""Find where the final answer stands in a completion; docs/grading.md has the order of the rules, with examples."""

import re
from typing import NamedTuple

from assay.verifiers.answers.boxes import find_box, find_open_box
from assay.verifiers.answers.excerpts import normalize_scripts, strip_decoration
from assay.verifiers.answers.markers import find_announced
from assay.verifiers.answers.thinking import may_hold_tags, strip_thinking

_NUMBER = re.compile(
    r"(?<![^\W぀-ヿ㐀-鿿가-힯฀-๿])(?<![.^])[-+−–]?[$€£¥₹]?"  # CJK and Thai write no blanks
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)?(?:\.[0-9]+|(?<=[0-9]))(?:/[0-9]+(?!\.?\d))?"
)
_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{2,}")  # but no LaTeX command
_TEXT = re.compile(r"\\[a-z]*(?:text|rm|name)\w*\s*\{[^{}]*\}")
_OPENING = re.compile(r"<(?:[Aa]nswer|ANSWER|final_answer|ans)\b[^<>\n]{0,40}>")
_EMPTY = re.compile(r"[\s.…]{0,20}(?:</|$)")
_CLOSING = re.compile(r"</(?:[Aa]nswer|ANSWER|final_answer|ans)>")
_TURN = re.compile(  # where another turn begins
    r"\n[ \t>*#]{0,6}(?:Q|Question|Problem|User|Human|USER|Instruction|问题|问|問題|質問"
    r"|题目|질문|Вопрос|Pregunta|Frage|Pergunta|Domanda|سؤال|प्रश्न)"
    r"(?:\s?#?\d{1,3})?\*{0,2}\s?[:：]|\n#{1,6}\s?(?:Instruction|Question|Problem|User|Human|Input)\b"
    r"|\n(?:Problem|Question|Exercise)\s#?\d{1,3}\.\s"
)
_TOKEN = re.compile(
    r"<\|(?:im_end|im_start|endoftext|eot_id|end|user|return|end_of_text|start_header_id|EOT|eom_id)\|>"
    r"|</s>|<eos>|<end_of_turn>|<start_of_turn>|\[INST\]"
    r"|<｜(?:User|end▁of▁sentence)｜>"
)
_FORMULA = re.compile(r"\$[^$]{1,300}\$|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]")
_BOLD = re.compile(r"\*\*(?=[^\s*])([^\n]{1,200}?)(?<=[^\s*])\*\*")
# next to the bold phrase \0
_RIVAL = re.compile(
    r"(?<!\w)(?:or|nor|not|oder|ou|o|или|或)\s\S*\0|\0\S*\s(?:or|nor|oder|ou|o|или|或)(?!\w)|不是\0|n['’]t\s\0"
)
MAX_WHOLE_CHARS = 200  # a text up to this long without words, or of one word, may be an answer by itself
MAX_LINE_CHARS = 600  # of a last line, that are read
MAX_TURNS = 50  # that are examined
TURN_WINDOW_CHARS = 2_000  # before a turn, in which its answer is searched


class ExtractedAnswer(NamedTuple):
    """An answer as written, how it was found, and why it may not be the final one."""

    text: str
    how: str  # tagged, boxed, marked or whole; for finished texts also bold and last
    doubt: str = ""  # "" = no doubt; an answer in doubt is at most leniently correct


class _Location(NamedTuple):
    at: int
    answer: ExtractedAnswer


def find_final_answer(text: str, *, finished: bool = False) -> ExtractedAnswer | None:
    """Find the final answer of a completion by the rules of docs/grading.md, in time linear in the text.

    Args:
        text: The completion as generated.
        finished: Whether the model stopped by itself, so that an unmarked last line may be its answer.

    Returns:
        The answer, or None where nothing says which part of the text it is.

    >>> find_final_answer("thus \\\\boxed{\\\\frac{1}{2}}.").text
    '\\\\frac{1}{2}'
    >>> find_final_answer("<think>\\\\boxed{4}?</think> The answer is **73**.")
    ExtractedAnswer(text='73', how='marked', doubt='')
    """
    tagged = may_hold_tags(text)
    visible_text, in_thought = strip_thinking(text, tagged=tagged)
    location = _find_before_turns(visible_text, tagged=tagged) or _locate(visible_text, tagged=tagged)
    answer = (
        location.answer
        if location
        else _read_whole(visible_text) or (_find_unmarked(visible_text) if finished else None)
    )
    return _doubt_thought(answer) if in_thought and answer else answer


def find_unmarked_answer(text: str) -> ExtractedAnswer | None:
    """Find what `find_final_answer` finds in a finished text in which it finds nothing otherwise."""
    visible_text, in_thought = strip_thinking(text)
    answer = _find_unmarked(visible_text)
    return _doubt_thought(answer) if in_thought and answer else answer


def _doubt_thought(answer: ExtractedAnswer) -> ExtractedAnswer:
    return answer._replace(doubt=answer.doubt or "inside an open thought")


def find_last_number(text: str) -> str:
    """Return the last number that stands by itself in a text; "" where there is none.

    >>> find_last_number("She pays $1,234.50 for x2 of them."), find_last_number("So it is 2/3.")
    ('$1,234.50', '2/3')
    """
    last = ""
    for match in _NUMBER.finditer(normalize_scripts(text)):
        last = match.group()
    return last


def find_first_number(text: str) -> str:
    """Return the first number after the last equals sign of a phrase; "" where there is none.

    >>> find_first_number("9 * 2 = 18 dollars for 3 days")
    '18'
    """
    match = _NUMBER.search(normalize_scripts(text[text.rfind("=") + 1 :]))
    return match.group() if match else ""


def measure_depth(text: str) -> int:
    """Return how deep braces and brackets nest, in time linear in the text."""
    deepest = level = 0
    for char in text:
        if char in "{([":
            level += 1
            deepest = max(deepest, level)
        elif char in "})]":
            level = max(0, level - 1)
    return deepest


def is_balanced(text: str) -> bool:
    """Return whether there are as many closing as opening braces, not counting escaped ones."""
    unescaped = text.replace("\\{", "").replace("\\}", "")
    return unescaped.count("{") == unescaped.count("}")


def _find_before_turns(text: str, *, tagged: bool) -> _Location | None:
    """Find the answer before the first further turn that follows one; None where there is no such turn."""
    turns = [match.start() for match in _TURN.finditer(text)] if _may_have_turns(text) else []
    if (tagged and ("|>" in text or "s>" in text or "_turn>" in text or "｜>" in text)) or (
        "[" in text and "[INST]" in text
    ):
        turns = sorted([*turns, *(match.start() for match in _TOKEN.finditer(text))])
    for turn_start in turns[:MAX_TURNS]:
        if (
            location := _locate(text[max(0, turn_start - TURN_WINDOW_CHARS) : turn_start], tagged=tagged)
        ) and not location.answer.doubt:
            return _locate(text[:turn_start], tagged=tagged)
        if location is None and turn_start <= MAX_WHOLE_CHARS and (whole_answer := _read_whole(text[:turn_start])):
            return _Location(0, whole_answer)
    return None


def _may_have_turns(text: str) -> bool:
    """Return whether a further turn may begin somewhere; a cheap test that spares most texts the search."""
    if not text.isascii() or "Q" in text:
        return True
    if "U" in text and ("User" in text or "USER" in text):  # a letter is found in no time
        return True
    return (
        ("H" in text and "Human" in text)
        or ("P" in text and "Problem" in text)
        or ("I" in text and ("Instruction" in text or "Input" in text))
    )


def _locate(text: str, *, tagged: bool) -> _Location | None:
    """Find the last of a tag, a box, and an announcement."""
    tag, box = _find_tag(text) if tagged else None, find_box(text)
    location = tag
    if box and (tag is None or box.start >= tag.at):
        location = _Location(box.start, ExtractedAnswer(normalize_scripts(box.content), "boxed", box.doubt))
    announced = find_announced(text, location.at, value=True) if location else find_announced(text)
    if announced is None:
        return location
    return _Location(announced.at, ExtractedAnswer(announced.text, "marked", announced.doubt))


def _find_tag(text: str) -> _Location | None:
    """Find what the last `<answer>` holds, up to the end of the text where it does not close."""
    if not ("<a" in text or "<A" in text or "<final_answer" in text):
        return None
    opening = None
    for match in _OPENING.finditer(text):
        opening = opening if _EMPTY.match(text, match.end()) else match
    if opening is None:
        return None
    closing = _CLOSING.search(text, opening.end())
    content = text[opening.end() : closing.start() if closing else len(text)].strip()
    if content.startswith("```"):
        content = re.sub(r"^```\w*\n?|\n?```$", "", content).strip("\n")
    elif "\n" not in content:
        content = normalize_scripts(re.sub(r"^(\*\*|`)(.*)\1$", r"\2", content))
    return _Location(opening.end(), ExtractedAnswer(content, "tagged")) if content else None


def _read_whole(text: str) -> ExtractedAnswer | None:
    content = _unwrap_fence(text.strip())
    if not _is_short(content) or "\n" in content:
        return None
    return ExtractedAnswer(
        normalize_scripts(content.lstrip("#> ").strip("*`").strip().removesuffix(".").removesuffix("。")), "whole"
    )


def _unwrap_fence(text: str) -> str:
    match = re.fullmatch(r"```\w{0,20}\n([^\n`]{1,200})\n```", text) if text.startswith("```") else None
    return match[1].strip() if match else text


def _is_short(text: str) -> bool:
    """Return whether a line may be an answer by itself: neither prose nor an equation, which is working."""
    if not text or len(text) > MAX_WHOLE_CHARS or "=" in text:
        return False
    words = _WORD.findall(_TEXT.sub("", text))
    return not words or words == [text.strip("*.`。 ")]


def _find_unmarked(text: str) -> ExtractedAnswer | None:
    """Find the one bold phrase of the last line, or a last line that is an answer by itself."""
    if content := find_open_box(text):
        return ExtractedAnswer(normalize_scripts(content), "last", "an open box")
    if formula := _find_last_formula(text.rstrip().removesuffix(".")[-MAX_LINE_CHARS:]):
        return ExtractedAnswer(formula, "last", "not marked")
    before, _, line = text.rstrip()[-MAX_LINE_CHARS:].rpartition("\n")
    line = line.strip()
    bold = _BOLD.findall(line)
    if (
        len(bold) == 1
        and not bold[0].rstrip().endswith((":", "："))
        and not _RIVAL.search(line.replace(f"**{bold[0]}**", "\0"))
    ):
        return ExtractedAnswer(normalize_scripts(strip_decoration(bold[0])), "bold", "not marked")
    is_answer_paragraph = before.rstrip(" ").endswith("\n") and _is_brief(line)
    is_answer_line = _is_short(line) and any(char.isalnum() for char in line) and line not in ("\\]", "\\)", "```")
    if not (is_answer_paragraph or is_answer_line):
        return None
    return ExtractedAnswer(normalize_scripts(strip_decoration(line)), "last", "not marked")


def _find_last_formula(end: str) -> str:
    """Return a formula of several lines at the end of a text, on one line; "" where there is none."""
    for opening, closing in (("$$", "$$"), ("\\[", "\\]"), ("$", "$")):
        if end.endswith(closing):
            start = end.rfind(opening, 0, -len(closing))
            formula = end[start:] if start >= 0 else ""
            return (
                formula.replace("\n", " ")
                if "\n" in formula.strip() and any(char.isalnum() for char in formula)
                else ""
            )
    return ""


def _is_brief(line: str) -> bool:
    """Return whether a paragraph of one line may be an answer: formulas with at most four words besides."""
    if (
        len(line) > MAX_WHOLE_CHARS
        or line.startswith(("#", "`", "-", "*", "|"))
        or line.endswith((":", "?", "：", "？"))
    ):
        return False
    words = _WORD.findall(_FORMULA.sub(" ", line))
    return len(words) <= 4 and any(char.isalnum() for char in line)
