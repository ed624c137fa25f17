"""Separate a model's thinking from its answer: the tags in use, the text after them, and whether a thought is open."""

import re

_NAME = (
    r"(?:seed:|mm:|ant:?)?(?:[Tt]hink(?:ing)?|THINK(?:ING)?|[Tt]houghts?|[Rr]easoning|scratchpad"
    r"|longcat_think|inner_monologue)"
)
_TAG = re.compile(rf"<(/?){_NAME}>")
_TAG_START = re.compile(r"<[/|｜aAcefilmrRstT]")  # of every tag and token that is read, here and in `extraction`
_TOKEN = re.compile(  # group 1 closes a thought, group 2 opens one
    r"(<\|end_of_thought\|>|<\|END_THINKING\|>|<\|inner_suffix\|>|<channel\|>|<\|/think\|>"
    r"|<\|channel\|>final[^<\n]{0,40}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>)"
    r"|(<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|inner_prefix\|>|<\|channel>|<\|think\|>"
    r"|<\|channel\|>(?:analysis|commentary)\b)"
)
_BRACKETS = (("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("[unused16]", "[unused17]"))
# Harmony's markers in a text without special tokens
_SPOKEN_FINAL = re.compile(r"(?<=[^\s\w]|[a-z\d])assistantfinal(?=\W|[A-Z\d])")
_SPOKEN_ANALYSIS = re.compile(r"analysis(?=[A-Z])")
_RESPONSE = re.compile(r"Here(?:'s| is) my response:")
_PROCESS = re.compile(r"Here(?:'s| is) my thought process:")


def may_hold_tags(text: str) -> bool:
    """Return whether a tag or token may stand somewhere in a text; a cheap test that spares most texts the search."""
    return "<" in text and _TAG_START.search(text) is not None


def strip_thinking(text: str, *, tagged: bool | None = None) -> tuple[str, bool]:
    """Return the text after the last closed thought, and whether it lies inside a thought that was left open.

    Where no thought was closed, that is the text before the open thought or, where there is none, the thought itself.
    Takes time linear in the text.

    Args:
        text: The completion as generated.
        tagged: What `may_hold_tags` says of it, where that is known.

    >>> strip_thinking("<think>5? no, 6</think> It is 6.")
    (' It is 6.', False)
    >>> strip_thinking("<think>The answer is 4? let me verify")
    ('<think>The answer is 4? let me verify', True)
    """
    close_end, opened = _find_bounds(text, tagged=may_hold_tags(text) if tagged is None else tagged)
    if opened < close_end or opened < 0:
        return (text[close_end:] if close_end else text), False
    before = text[close_end:opened]
    return (before, False) if before.strip() else (text[close_end:], True)


def ends_in_thought(text: str) -> bool:
    """Return whether a text ends inside a thought.

    >>> ends_in_thought("<think>The answer is 4? let me verify"), ends_in_thought("<think>4</think> 4")
    (True, False)
    """
    close_end, opened = _find_bounds(text, tagged=may_hold_tags(text))
    return opened >= max(close_end, 0)


def _find_bounds(text: str, *, tagged: bool) -> tuple[int, int]:
    """Return where the last closed thought ends (0: none) and where the last opened one begins (-1: none)."""
    close_end, opened = _scan_tags(text) if tagged else (0, -1)
    if ("[" in text and ("THINK]" in text or "[unused1" in text)) or "◁" in text:
        close_end, opened = _scan_brackets(text, close_end, opened)
    if "assistantfinal" in text or text.startswith("analysis"):
        close_end, opened = _scan_harmony(text, close_end, opened)
    if "my thought process:" in text:
        opened = max(opened, _find_last(_PROCESS, text, start=True))
        close_end = max(close_end, _find_last(_RESPONSE, text, start=False))
    return close_end, opened


def _scan_brackets(text: str, close_end: int, opened: int) -> tuple[int, int]:
    for opening, closing in _BRACKETS:
        if (position := text.rfind(closing)) >= 0:
            close_end = max(close_end, position + len(closing))
        opened = max(opened, text.rfind(opening))
    return close_end, opened


def _scan_tags(text: str) -> tuple[int, int]:
    close_end, opened = 0, -1
    for match in _TAG.finditer(text):
        if match[1]:
            close_end = match.end()
        else:
            opened = match.start()
    if "|" in text:
        for match in _TOKEN.finditer(text):
            if match[1]:
                close_end = max(close_end, match.end())
            else:
                opened = max(opened, match.start())
    return close_end, opened


def _scan_harmony(text: str, close_end: int, opened: int) -> tuple[int, int]:
    if match := _SPOKEN_ANALYSIS.match(text):
        opened = max(opened, match.start())
    return max(close_end, _find_last(_SPOKEN_FINAL, text, start=False)), opened


def _find_last(pattern: re.Pattern[str], text: str, *, start: bool) -> int:
    position = -1
    for match in pattern.finditer(text):
        position = match.start() if start else match.end()
    return position if position >= 0 or start else 0
