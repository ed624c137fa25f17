"""What a model thinks before it answers: the tags in use, the text behind them, and whether a thought was left open."""

import re

_NAME = r"(?:seed:|mm:|ant:?)?(?:[Tt]hink(?:ing)?|THINK(?:ING)?|[Tt]houghts?|[Rr]easoning|scratchpad|longcat_think|inner_monologue)"
_TAG = re.compile(rf"<(/?){_NAME}>")
_SIGN = re.compile(
    r"<[/|acilmrRstT]"
)  # how every tag and token below begins: a look that spares nearly every text the search
_TOKEN = re.compile(  # group 1 closes a thought, group 2 opens one
    r"(<\|end_of_thought\|>|<\|END_THINKING\|>|<\|inner_suffix\|>|<channel\|>|<\|/think\|>"
    r"|<\|channel\|>final[^<\n]{0,40}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>)"
    r"|(<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|inner_prefix\|>|<\|channel>|<\|think\|>|<\|channel\|>(?:analysis|commentary)\b)"
)
_BRACKETS = (("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("[unused16]", "[unused17]"))
_SPOKEN_FINAL = re.compile(
    r"(?<=[^\s\w]|[a-z\d])assistantfinal(?=\W|[A-Z\d])"
)  # Harmony's markers where special tokens were left out
_SPOKEN_ANALYSIS = re.compile(r"analysis(?=[A-Z])")
_RESPONSE = re.compile(r"Here(?:'s| is) my response:")
_PROCESS = re.compile(r"Here(?:'s| is) my thought process:")


def spoken(text: str) -> tuple[str, bool]:
    """(the text behind the last closed thought, whether it lies inside a thought that was left open); linear in the text.

    Where none was closed that is the text before the open thought, or else, where nothing stands there, the thought itself.

    >>> spoken("<think>5? no, 6</think> It is 6.")
    (' It is 6.', False)
    >>> spoken("<think>The answer is 4? let me verify")
    ('<think>The answer is 4? let me verify', True)
    """
    closed, opened = _bounds(text)
    if opened < closed or opened < 0:
        return (text[closed:] if closed else text), False
    before = text[closed:opened]
    return (before, False) if before.strip() else (text[closed:], True)


def unclosed(text: str) -> bool:
    """Whether the text ends inside a thought.

    >>> unclosed("<think>The answer is 4? let me verify"), unclosed("<think>4</think> 4")
    (True, False)
    """
    closed, opened = _bounds(text)
    return opened >= max(closed, 0)


def _bounds(text: str) -> tuple[int, int]:
    """(where the last closed thought ends, 0 = nowhere; where the last opened one begins, -1 = nowhere); linear in the text."""
    closed, opened = 0, -1
    if "<" in text and _SIGN.search(text):
        closed, opened = _tags(text)
    if "THINK]" in text or "[unused1" in text or "◁" in text:
        closed, opened = _brackets(text, closed, opened)
    if "assistantfinal" in text or text.startswith("analysis"):
        closed, opened = _harmony(text, closed, opened)
    if "my thought process:" in text:
        opened = max(opened, _last(_PROCESS, text, start=True))
        closed = max(closed, _last(_RESPONSE, text, start=False))
    return closed, opened


def _brackets(text: str, closed: int, opened: int) -> tuple[int, int]:
    for opening, closing in _BRACKETS:
        if (at := text.rfind(closing)) >= 0:
            closed = max(closed, at + len(closing))
        opened = max(opened, text.rfind(opening))
    return closed, opened


def _tags(text: str) -> tuple[int, int]:
    closed, opened = 0, -1
    for match in _TAG.finditer(text):
        if match[1]:
            closed = match.end()
        else:
            opened = match.start()
    if "|" in text:
        for match in _TOKEN.finditer(text):
            if match[1]:
                closed = max(closed, match.end())
            else:
                opened = max(opened, match.start())
    return closed, opened


def _harmony(text: str, closed: int, opened: int) -> tuple[int, int]:
    if match := _SPOKEN_ANALYSIS.match(text):
        opened = max(opened, match.start())
    return max(closed, _last(_SPOKEN_FINAL, text, start=False)), opened


def _last(pattern: re.Pattern[str], text: str, *, start: bool) -> int:
    at = -1
    for match in pattern.finditer(text):
        at = match.start() if start else match.end()
    return at if at >= 0 or start else 0
