"""Whether two texts that hold the same numbers in another order are one problem turned around, or two problems with their numbers exchanged."""

import re
from collections import Counter
from typing import NamedTuple

from assay.maths.text.invariant_tokens import SPELLED
from assay.maths.text.latex import formulas
from assay.maths.text.quantities import UNIT
from assay.maths.text.shingles import jaccard

SHARED = 0.7  # of the bonds, at least
LOOKAHEAD = 3  # words behind the one that follows
_AMOUNTS = frozenset(SPELLED.split()) | frozenset(["not", "no", "never", "neither", "nor", "without", "except"])
_TOKEN = re.compile(r"\d+(?:[.:/]\d+)*|\w+(?:['’]\w+)*|[.?!;,:](?=\s|$)")
_END = frozenset(".?!;")
_BREAK = frozenset(["and", "or", "but", "while", "whereas", "then", "than", ",", ":"])


class Place(NamedTuple):
    """Where an amount stands."""

    amount: str
    key: str  # what follows it in its sentence, or else "<" and what stands before it
    clause: tuple[str, ...]  # the other words of its clause
    sentence: tuple[str, ...]  # and of its sentence
    rest: tuple[str, ...]  # what follows the key in its clause


def turned(one: str, other: str) -> bool:
    """True where the amounts of two `plain` texts belong to the same words: at least .7 of all bonds are shared, and of the rest no word has
    gone over to another amount. No bonds on both sides are all shared.

    "6 storks and 2 birds" turns "2 birds and 6 storks" around; "2 storks and 6 birds" is another problem.

    >>> turned("2 birds and 6 storks sat down.", "6 storks and 2 birds sat down.")
    True
    >>> turned("2 birds and 6 storks sat down.", "6 birds and 2 storks sat down.")
    False
    >>> turned("12 dollars for adults and 10 dollars for children.", "10 dollars for adults and 12 dollars for children.")
    False
    """
    mine, theirs = bonds(one), bonds(other)
    moved = {word for _, word in mine - theirs} & {word for _, word in theirs - mine}
    return not moved and jaccard(mine, theirs) >= SHARED


def bonds(text: str) -> frozenset[tuple[str, str]]:
    """Each amount with what follows it in its sentence, or else stands before it; amounts are numbers, number words, negations, whole formulas.

    Where the same word follows several amounts it tells none of them apart. Each is then bound to the first word behind it that does ("6 more
    storks and 2 more birds"); or to the words that its clause (else its sentence) holds and those of the others do not; and where there are
    none, to its rank among them.

    >>> sorted(bonds("Add $x + 1$ to 5 apples, not 6."))
    [('5', 'apples'), ('6', '<not'), ('not', '6'), ('x+1', 'to')]
    >>> sorted(bonds("5 apples for Ann and 6 apples for Bob."))
    [('5', 'apples ann'), ('6', 'apples bob')]
    """
    found = _places(text)
    rivals: dict[str, list[Place]] = {}
    for place in found:
        rivals.setdefault(place.key, []).append(place)
    made = set[tuple[str, str]]()
    for key, places in rivals.items():
        if len({place.amount for place in places}) == 1:
            made.add((places[0].amount, key))
        else:
            made |= _told_apart(places)
    return frozenset(made)


def _told_apart(places: list[Place]) -> set[tuple[str, str]]:
    """Bonds of amounts that the same word follows."""
    made, key = set[tuple[str, str]](), places[0].key
    for far in range(LOOKAHEAD):
        if all(len(place.rest) > far for place in places) and len({place.rest[far] for place in places}) > 1:
            owners = {(place.rest[far], place.amount) for place in places}
            if len({word for word, _ in owners}) == len(owners):
                return {(amount, f"{key} {word}") for word, amount in owners}
            break
    left = rivals = list(dict.fromkeys(place.amount for place in places))
    for level in ("clause", "sentence"):
        words = {amount: _words_of(amount, places, level) - set(rivals) for amount in rivals}
        held = Counter(word for each in words.values() for word in each)
        made |= {(amount, f"~{key} {word}") for amount in left for word in words[amount] if held[word] == 1}
        bound = {amount for amount, _ in made}
        left = [amount for amount in left if amount not in bound]
    return made | {(amount, f"#{rank} {key}") for rank, amount in enumerate(left) if len(left) > 1}


def _words_of(amount: str, places: list[Place], level: str) -> set[str]:
    return {word for place in places if place.amount == amount for word in getattr(place, level)}


def _places(text: str) -> list[Place]:
    tokens = _tokens(text)
    ends = [-1, *(i for i, (token, _) in enumerate(tokens) if token in _END), len(tokens)]
    breaks = [-1, *(i for i, (token, _) in enumerate(tokens) if token in _END or token in _BREAK), len(tokens)]
    found, sentence, clause = list[Place](), 0, 0
    for at, (token, is_amount) in enumerate(tokens):
        while ends[sentence + 1] < at:
            sentence += 1
        while breaks[clause + 1] < at:
            clause += 1
        if is_amount:
            before, after = (
                tokens[i][0] if 0 <= i < len(tokens) and tokens[i][0] not in _END else ""
                for i in (_left(tokens, at), _right(tokens, at))
            )
            near, wide = (
                _others(tokens, bounds[i], bounds[i + 1], at) for bounds, i in ((breaks, clause), (ends, sentence))
            )
            right = _right(tokens, at)
            rest = (
                tuple(word for word, _ in tokens[right + 1 : min(right + 1 + LOOKAHEAD, breaks[clause + 1])])
                if after
                else ()
            )
            found.append(Place(token, after or f"<{before}", near, wide, rest))
    return found


def _others(tokens: list[tuple[str, bool]], start: int, end: int, at: int) -> tuple[str, ...]:
    return tuple(
        word for i, (word, _) in enumerate(tokens[start + 1 : end], start + 1) if i != at and word not in _BREAK
    )


def _left(tokens: list[tuple[str, bool]], at: int) -> int:
    return at - 2 if at > 0 and tokens[at - 1][0] in ",:" else at - 1


def _right(tokens: list[tuple[str, bool]], at: int) -> int:
    return at + 2 if at + 1 < len(tokens) and tokens[at + 1][0] in ",:" else at + 1


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Tokens left to right, and whether each is an amount."""
    tokens, at = list[tuple[str, bool]](), 0
    for before, start, end, after in formulas(text):
        tokens += _words(text[at:before])
        tokens.append(("".join(text[start:end].split()), True))
        at = after
    return tokens + _words(text[at:])


def _words(text: str) -> list[tuple[str, bool]]:
    return [
        (UNIT.get(token, token), token[0].isdigit() or token in _AMOUNTS) for token in _TOKEN.findall(text.casefold())
    ]
