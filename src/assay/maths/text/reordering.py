"""Whether two texts with the same numbers in another order are reorderings, or have their numbers exchanged."""

import re
from collections import Counter
from typing import NamedTuple

from assay.maths.text.invariant_tokens import SPELLED
from assay.maths.text.latex import formulas
from assay.maths.text.quantities import UNIT
from assay.maths.text.shingles import jaccard

MIN_SHARED = 0.7  # of the bonds
LOOKAHEAD = 3  # words after the key
_AMOUNTS = frozenset(SPELLED.split()) | frozenset(["not", "no", "never", "neither", "nor", "without", "except"])
_TOKEN = re.compile(r"\d+(?:[.:/]\d+)*|\w+(?:['’]\w+)*|[.?!;,:](?=\s|$)")
_END = frozenset(".?!;")
_BREAK = frozenset(["and", "or", "but", "while", "whereas", "then", "than", ",", ":"])


class AmountPlace(NamedTuple):
    """An amount with the words around it."""

    amount: str
    key: str  # the word after it in its sentence, else "<" and the word before it
    clause: tuple[str, ...]  # the other words of its clause
    sentence: tuple[str, ...]  # the other words of its sentence
    rest: tuple[str, ...]  # the words after the key in its clause


def is_reordering(text: str, other: str) -> bool:
    """True if the amounts of two texts in `comparison_form` belong to the same words.

    At least .7 of all bonds are shared, and of the rest no word has moved to another amount. Two texts without bonds
    share all. "6 storks and 2 birds" is a reordering of "2 birds and 6 storks"; "2 storks and 6 birds" is another
    problem.

    >>> is_reordering("2 birds and 6 storks sat down.", "6 storks and 2 birds sat down.")
    True
    >>> is_reordering("2 birds and 6 storks sat down.", "6 birds and 2 storks sat down.")
    False
    >>> is_reordering("12 dollars for adults and 10 for children.", "10 dollars for adults and 12 for children.")
    False
    """
    mine, theirs = bonds(text), bonds(other)
    moved_words = {word for _, word in mine - theirs} & {word for _, word in theirs - mine}
    return not moved_words and jaccard(mine, theirs) >= MIN_SHARED


def bonds(text: str) -> frozenset[tuple[str, str]]:
    """Each amount paired with the word after it in its sentence, else the word before it.

    Amounts are numbers, number words, negations and whole formulas. If the same word follows several amounts, it does
    not distinguish them. Then each is bound to the first later word that does ("6 more storks and 2 more birds"); or to
    the words that only its clause (else its sentence) holds; and if there are none, to its rank among them.

    >>> sorted(bonds("Add $x + 1$ to 5 apples, not 6."))
    [('5', 'apples'), ('6', '<not'), ('not', '6'), ('x+1', 'to')]
    >>> sorted(bonds("5 apples for Ann and 6 apples for Bob."))
    [('5', 'apples ann'), ('6', 'apples bob')]
    """
    places = _places(text)
    rivals: dict[str, list[AmountPlace]] = {}
    for place in places:
        rivals.setdefault(place.key, []).append(place)
    bound_words = set[tuple[str, str]]()
    for key, group in rivals.items():
        if len({place.amount for place in group}) == 1:
            bound_words.add((group[0].amount, key))
        else:
            bound_words |= _distinguish(group)
    return frozenset(bound_words)


def _distinguish(places: list[AmountPlace]) -> set[tuple[str, str]]:
    """Bonds of amounts that are followed by the same word."""
    bonds, key = set[tuple[str, str]](), places[0].key
    for far in range(LOOKAHEAD):
        if all(len(place.rest) > far for place in places) and len({place.rest[far] for place in places}) > 1:
            owners = {(place.rest[far], place.amount) for place in places}
            if len({word for word, _ in owners}) == len(owners):
                return {(amount, f"{key} {word}") for word, amount in owners}
            break
    amounts_left = rivals = list(dict.fromkeys(place.amount for place in places))
    for level in ("clause", "sentence"):
        words = {amount: _words_of(amount, places, level) - set(rivals) for amount in rivals}
        word_counts = Counter(word for set_of_words in words.values() for word in set_of_words)
        bonds |= {
            (amount, f"~{key} {word}") for amount in amounts_left for word in words[amount] if word_counts[word] == 1
        }
        bound_amounts = {amount for amount, _ in bonds}
        amounts_left = [amount for amount in amounts_left if amount not in bound_amounts]
    return bonds | {(amount, f"#{rank} {key}") for rank, amount in enumerate(amounts_left) if len(amounts_left) > 1}


def _words_of(amount: str, places: list[AmountPlace], level: str) -> set[str]:
    return {word for place in places if place.amount == amount for word in getattr(place, level)}


def _places(text: str) -> list[AmountPlace]:
    tokens = _tokens(text)
    ends = [-1, *(i for i, (token, _) in enumerate(tokens) if token in _END), len(tokens)]
    breaks = [-1, *(i for i, (token, _) in enumerate(tokens) if token in _END or token in _BREAK), len(tokens)]
    places, sentence, clause = list[AmountPlace](), 0, 0
    for position, (token, is_amount) in enumerate(tokens):
        while ends[sentence + 1] < position:
            sentence += 1
        while breaks[clause + 1] < position:
            clause += 1
        if is_amount:
            before, after = (
                tokens[i][0] if 0 <= i < len(tokens) and tokens[i][0] not in _END else ""
                for i in (_left(tokens, position), _right(tokens, position))
            )
            near, wide = (
                _others(tokens, bounds[i], bounds[i + 1], position)
                for bounds, i in ((breaks, clause), (ends, sentence))
            )
            right = _right(tokens, position)
            rest = (
                tuple(word for word, _ in tokens[right + 1 : min(right + 1 + LOOKAHEAD, breaks[clause + 1])])
                if after
                else ()
            )
            places.append(AmountPlace(token, after or f"<{before}", near, wide, rest))
    return places


def _others(tokens: list[tuple[str, bool]], start: int, end: int, position: int) -> tuple[str, ...]:
    return tuple(
        word for i, (word, _) in enumerate(tokens[start + 1 : end], start + 1) if i != position and word not in _BREAK
    )


def _left(tokens: list[tuple[str, bool]], position: int) -> int:
    return position - 2 if position > 0 and tokens[position - 1][0] in ",:" else position - 1


def _right(tokens: list[tuple[str, bool]], position: int) -> int:
    return position + 2 if position + 1 < len(tokens) and tokens[position + 1][0] in ",:" else position + 1


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Tokens left to right, and whether each is an amount."""
    tokens, position = list[tuple[str, bool]](), 0
    for before, start, end, after in formulas(text):
        tokens += _words(text[position:before])
        tokens.append(("".join(text[start:end].split()), True))
        position = after
    return tokens + _words(text[position:])


def _words(text: str) -> list[tuple[str, bool]]:
    return [
        (UNIT.get(token, token), token[0].isdigit() or token in _AMOUNTS) for token in _TOKEN.findall(text.casefold())
    ]
