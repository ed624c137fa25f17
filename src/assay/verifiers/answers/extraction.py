"""Where an answer stands in a completion; docs/grading.md holds the order of the rules, with an example each."""

import re
from typing import NamedTuple

from assay.verifiers.answers.boxes import boxed, open_box
from assay.verifiers.answers.excerpts import bare, western
from assay.verifiers.answers.markers import marked
from assay.verifiers.answers.thinking import spoken

_NUMBER = re.compile(
    r"(?<![^\W぀-ヿ㐀-鿿가-힯฀-๿])(?<![.^])[-+−–]?[$€£¥₹]?"  # no digit, letter or power before it; Chinese, Japanese, Korean and Thai write no blanks
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)?(?:\.[0-9]+|(?<=[0-9]))(?:/[0-9]+(?!\.?\d))?"
)
_WORD = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{2,}")  # LaTeX commands are none
_TEXT = re.compile(r"\\[a-z]*(?:text|rm|name)\w*\s*\{[^{}]*\}")
_OPENING = re.compile(r"<(?:[Aa]nswer|ANSWER|final_answer|ans)\b[^<>\n]{0,40}>")
_EMPTY = re.compile(r"[\s.…]{0,20}(?:</|$)")
_CLOSING = re.compile(r"</(?:[Aa]nswer|ANSWER|final_answer|ans)>")
_TURN = re.compile(  # where another turn begins
    r"\n[ \t>*#]{0,6}(?:Q|Question|Problem|User|Human|USER|Instruction|问题|问|問題|質問"
    r"|题目|질문|Вопрос|Pregunta|Frage|Pergunta|Domanda|سؤال|प्रश्न)"
    r"(?:\s?#?\d{1,3})?\*{0,2}\s?[:：]|\n#{1,6}\s?(?:Instruction|Question|Problem|User|Human|Input)\b|\n(?:Problem|Question|Exercise)\s#?\d{1,3}\.\s"
)
_TOKEN = re.compile(
    r"<\|(?:im_end|im_start|endoftext|eot_id|end|user|return|end_of_text|start_header_id|EOT|eom_id)\|>|</s>|<eos>|<end_of_turn>|<start_of_turn>|\[INST\]"
    r"|<｜(?:User|end▁of▁sentence)｜>"
)
_FORMULA = re.compile(r"\$[^$]{1,300}\$|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]")
_BOLD = re.compile(r"\*\*(?=[^\s*])([^\n]{1,200}?)(?<=[^\s*])\*\*")
_RIVAL = re.compile(
    r"(?<!\w)(?:or|nor|not|oder|ou|o|или|或)\s\S*\0|\0\S*\s(?:or|nor|oder|ou|o|или|或)(?!\w)|不是\0|n['’]t\s\0"
)  # beside the bold phrase \0
WHOLE = 200  # a text of at most this many characters and no words, or one word alone, may be an answer
LINE = 600  # characters of a last line that are looked at
TURNS = 50  # turns that are looked at
BEFORE = 2_000  # characters before a turn in which its answer is looked for


class ExtractedAnswer(NamedTuple):
    """An answer as written, how it was found, and why it is not beyond doubt."""

    text: str
    how: str  # tagged, boxed, marked, whole; of finished texts bold and last, too
    doubt: str = ""  # "" = none: an answer in doubt is right leniently at most


class _Place(NamedTuple):
    at: int
    answer: ExtractedAnswer


def final_answer(text: str, *, finished: bool = False) -> ExtractedAnswer | None:
    """Find the final answer of a completion by the rules of docs/grading.md; linear in the text.

    Args:
        text: the completion as generated.
        finished: whether the model stopped by itself, so that an unmarked last line may be its answer.

    Returns:
        The answer, or None where nothing says which part of the text it is.

    >>> final_answer("thus \\\\boxed{\\\\frac{1}{2}}.").text
    '\\\\frac{1}{2}'
    >>> final_answer("<think>\\\\boxed{4}?</think> The answer is **73**.")
    ExtractedAnswer(text='73', how='marked', doubt='')
    """
    said, inside = spoken(text)
    place = _before_turns(said) or _located(said)
    answer = place.answer if place else _whole(said) or (_unmarked(said) if finished else None)
    return answer._replace(doubt=answer.doubt or "inside an open thought") if inside and answer else answer


def last_number(text: str) -> str:
    """The last number that stands by itself in a text, "" where there is none.

    >>> last_number("She pays $1,234.50 for x2 of them."), last_number("So it is 2/3.")
    ('$1,234.50', '2/3')
    """
    last = ""
    for match in _NUMBER.finditer(western(text)):
        last = match.group()
    return last


def first_number(text: str) -> str:
    """The first number after the last equals sign of a phrase, "" where there is none.

    >>> first_number("9 * 2 = 18 dollars for 3 days")
    '18'
    """
    match = _NUMBER.search(western(text[text.rfind("=") + 1 :]))
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
    plain = text.replace("\\{", "").replace("\\}", "")
    return plain.count("{") == plain.count("}")


def _before_turns(text: str) -> _Place | None:
    """The answer before the first turn that follows one, None where there is no such turn."""
    turns = [match.start() for match in _TURN.finditer(text)] if _speaks(text) else []
    if (">" in text and ("|>" in text or "s>" in text or "_turn>" in text or "｜>" in text)) or "[INST]" in text:
        turns = sorted([*turns, *(match.start() for match in _TOKEN.finditer(text))])
    for at in turns[:TURNS]:
        if (place := _located(text[max(0, at - BEFORE) : at])) and not place.answer.doubt:
            return _located(text[:at])
        if place is None and at <= WHOLE and (whole := _whole(text[:at])):
            return _Place(0, whole)
    return None


def _speaks(text: str) -> bool:
    """Whether a turn may begin somewhere; a look that spares nearly every text the search."""
    if not text.isascii() or "Q" in text:
        return True
    if "U" in text and ("User" in text or "USER" in text):  # a letter is found in no time
        return True
    return (
        ("H" in text and "Human" in text)
        or ("P" in text and "Problem" in text)
        or ("I" in text and ("Instruction" in text or "Input" in text))
    )


def _located(text: str) -> _Place | None:
    """The last of a tag, a box, and an announcement."""
    tag, box = _tagged(text), boxed(text)
    place = tag
    if box and (tag is None or box.start >= tag.at):
        place = _Place(box.start, ExtractedAnswer(western(box.content), "boxed", box.doubt))
    found = marked(text, place.at, value=True) if place else marked(text)
    if found is None:
        return place
    return _Place(found.at, ExtractedAnswer(found.text, "marked", found.doubt))


def _tagged(text: str) -> _Place | None:
    """What the last `<answer>` holds, to the end of the text where it does not close."""
    if "<" not in text or not ("<a" in text or "<A" in text or "<final_answer" in text):
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
        content = western(re.sub(r"^(\*\*|`)(.*)\1$", r"\2", content))
    return _Place(opening.end(), ExtractedAnswer(content, "tagged")) if content else None


def _whole(text: str) -> ExtractedAnswer | None:
    plain = _fence_alone(text.strip())
    if not _short(plain) or "\n" in plain:
        return None
    return ExtractedAnswer(
        western(plain.lstrip("#> ").strip("*`").strip().removesuffix(".").removesuffix("。")), "whole"
    )


def _fence_alone(plain: str) -> str:
    match = re.fullmatch(r"```\w{0,20}\n([^\n`]{1,200})\n```", plain) if plain.startswith("```") else None
    return match[1].strip() if match else plain


def _short(plain: str) -> bool:
    """Whether a line may be an answer by itself: no prose, and no equation, which is working."""
    if not plain or len(plain) > WHOLE or "=" in plain:
        return False
    words = _WORD.findall(_TEXT.sub("", plain))
    return not words or words == [plain.strip("*.`。 ")]


def _unmarked(text: str) -> ExtractedAnswer | None:
    """The one bold phrase of the last line, or a last line that is an answer by itself."""
    if content := open_box(text):
        return ExtractedAnswer(western(content), "last", "an open box")
    if formula := _last_formula(text.rstrip().removesuffix(".")[-LINE:]):
        return ExtractedAnswer(formula, "last", "not marked")
    before, _, line = text.rstrip()[-LINE:].rpartition("\n")
    line = line.strip()
    bold = _BOLD.findall(line)
    if (
        len(bold) == 1
        and not bold[0].rstrip().endswith((":", "："))
        and not _RIVAL.search(line.replace(f"**{bold[0]}**", "\0"))
    ):
        return ExtractedAnswer(western(bare(bold[0])), "bold", "not marked")
    paragraph = before.rstrip(" ").endswith("\n") and _brief(line)
    alone = _short(line) and any(char.isalnum() for char in line) and line not in ("\\]", "\\)", "```")
    if not (paragraph or alone):
        return None
    return ExtractedAnswer(western(bare(line)), "last", "not marked")


def _last_formula(end: str) -> str:
    """A formula of several lines that a text ends with, on one line; "" where there is none."""
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


def _brief(line: str) -> bool:
    """Whether a paragraph of one line may be an answer: formulas, and at most four words beside them."""
    if len(line) > WHOLE or line.startswith(("#", "`", "-", "*", "|")) or line.endswith((":", "?", "：", "？")):
        return False
    words = _WORD.findall(_FORMULA.sub(" ", line))
    return len(words) <= 4 and any(char.isalnum() for char in line)
