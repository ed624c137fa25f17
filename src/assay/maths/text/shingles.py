"""Word shingles and their exact Jaccard similarity."""

import math
import re
from collections import Counter
from collections.abc import Sequence, Set

from assay.maths.text.quantities import UNIT

_WORDS = re.compile(r"\w+")
Shingles = frozenset[tuple[str, ...]]
SLACK = 1e-9  # a similarity of exactly the threshold counts, despite rounding


def shingles(text: str, k: int = 3) -> Shingles:
    """The set of k consecutive words, casefolded, without punctuation; a shorter text is one shingle of all its words.

    >>> sorted(shingles("The cat, the CAT!", 3))
    [('cat', 'the', 'cat'), ('the', 'cat', 'the')]
    >>> shingles("?!", 3)
    frozenset({()})
    """
    tokens = terms(text)
    if len(tokens) <= k:
        return frozenset([tuple(tokens)])
    return frozenset(zip(*(tokens[start:] for start in range(k)), strict=False))


def words(text: str) -> list[str]:
    """The words in their order, casefolded, without punctuation.

    >>> words("The cat, 5!")
    ['the', 'cat', '5']
    """
    return _WORDS.findall(text.casefold())


def terms(text: str) -> list[str]:
    """The words in their order, units in one spelling: ft is foot.

    >>> terms("6 ft and 3 feet")
    ['6', 'foot', 'and', '3', 'foot']
    """
    tokens = words(text)
    return tokens if UNIT.keys().isdisjoint(tokens) else [UNIT.get(word, word) for word in tokens]


def jaccard(left: Set[object], right: Set[object]) -> float:
    """|one ∩ other| / |one ∪ other|; two empty sets are equal, so 1.  # [0, 1]

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    shared = len(left & right)
    union = len(left) + len(right) - shared
    return shared / union if union else 1.0


def first_similar(sets: Sequence[Shingles], threshold: float) -> list[tuple[int, float]]:
    """For each set the first kept set of at least `threshold` similarity, and the similarity; itself and 1.0 if kept.

    The sets are processed in order, so no two kept sets are similar, every other set is similar to a kept one, and n
    near-copies of one text cost n comparisons, not n². Candidates come from prefix filtering, which misses none: with
    the shingles of each set ordered from rare to common, two sets of similarity t share one among the first n - ceil(t
    n) + 1 of each. Exact; no signatures.

    Shapes: n sets -> n pairs.

    Raises:
        ValueError: a threshold outside (0, 1].

    Source: Chaudhuri, Ganti, Kaushik 2006, "A Primitive Operator for Similarity Joins in Data Cleaning"; Xiao et al.
    2008 (PPJoin).
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0, 1]")
    common = Counter(shingle for shingle_set in sets for shingle in shingle_set)
    index: dict[tuple[str, ...], list[int]] = {}
    result: list[tuple[int, float]] = []
    for row, shingle_set in enumerate(sets):
        prefix = _prefix(shingle_set, common, threshold)
        near = _first_near(shingle_set, prefix, index, sets, threshold)
        if near is None:
            for shingle in prefix:
                index.setdefault(shingle, []).append(row)
        result.append(near or (row, 1.0))
    return result


def _prefix(shingle_set: Shingles, common: Counter[tuple[str, ...]], threshold: float) -> list[tuple[str, ...]]:
    length = len(shingle_set) - math.ceil(threshold * len(shingle_set) - SLACK) + 1
    return sorted(shingle_set, key=lambda shingle: (common[shingle], shingle))[:length]


def _first_near(
    shingle_set: Shingles,
    prefix: list[tuple[str, ...]],
    index: dict[tuple[str, ...], list[int]],
    sets: Sequence[Shingles],
    threshold: float,
) -> tuple[int, float] | None:
    for row in sorted({row for shingle in prefix for row in index.get(shingle, ())}):
        other = sets[row]
        if min(len(shingle_set), len(other)) < threshold * max(len(shingle_set), len(other)) - SLACK:
            continue  # their sizes alone rule it out
        if (similarity := jaccard(shingle_set, other)) >= threshold - SLACK:
            return row, similarity
    return None
