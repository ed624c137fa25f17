"""Whether two texts that hold the same numbers in another order are one problem turned around, or two problems with their numbers exchanged."""

import re

from assay.maths.latex import formulas
from assay.maths.protected import SPELLED
from assay.maths.shingles import jaccard

SHARED = 0.7  # of the bonds, at least
_AMOUNTS = frozenset(SPELLED.split()) | frozenset(["not", "no", "never", "neither", "nor", "without", "except"])
_TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*|\w+(?:['’]\w+)*|[.?!;](?=\s|$)")
_END = frozenset(".?!;")


def turned(one: str, other: str) -> bool:
    """True where the amounts of two `plain` texts belong to the same words: at least .7 of all bonds are shared, and of the rest no word has
    gone over to another amount. No bonds on both sides are all shared.

    "6 storks and 2 birds" turns "2 birds and 6 storks" around; "2 storks and 6 birds" is another problem.

    >>> turned("2 birds and 6 storks sat down.", "6 storks and 2 birds sat down.")
    True
    >>> turned("2 birds and 6 storks sat down.", "6 birds and 2 storks sat down.")
    False
    """
    mine, theirs = bonds(one), bonds(other)
    moved = {word for _, word in mine - theirs} & {word for _, word in theirs - mine}
    return not moved and jaccard(mine, theirs) >= SHARED


def bonds(text: str) -> frozenset[tuple[str, str]]:
    """Each amount with what follows it in its sentence, or else stands before it; amounts are numbers, number words, negations, whole formulas.

    >>> sorted(bonds("Add $x + 1$ to 5 apples, not 6."))
    [('5', 'apples'), ('6', '<not'), ('not', '6'), ('x+1', 'to')]
    """
    tokens = _tokens(text)
    found = set[tuple[str, str]]()
    for at, (token, is_amount) in enumerate(tokens):
        if is_amount:
            before, after = (tokens[i][0] if 0 <= i < len(tokens) and tokens[i][0] not in _END else "" for i in (at - 1, at + 1))
            found.add((token, after or f"<{before}"))
    return frozenset(found)


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Tokens left to right, and whether each is an amount."""
    tokens, at = list[tuple[str, bool]](), 0
    for before, start, end, after in formulas(text):
        tokens += _words(text[at:before])
        tokens.append(("".join(text[start:end].split()), True))
        at = after
    return tokens + _words(text[at:])


def _words(text: str) -> list[tuple[str, bool]]:
    return [(token, token[0].isdigit() or token in _AMOUNTS) for token in _TOKEN.findall(text.casefold())]
