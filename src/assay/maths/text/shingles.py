"""Word shingles and their exact Jaccard similarity."""

import math
import re
from collections import Counter
from collections.abc import Sequence, Set

from assay.maths.text.quantities import UNIT

_WORDS = re.compile(r"\w+")
Shingles = frozenset[tuple[str, ...]]
SLACK = 1e-9  # a similarity of exactly the threshold counts, whatever 0.7 * 10 is in binary


def shingles(text: str, k: int = 3) -> Shingles:
    """The set of k consecutive words, casefolded, without punctuation; a shorter text is one shingle of all its words.

    >>> sorted(shingles("The cat, the CAT!", 3))
    [('cat', 'the', 'cat'), ('the', 'cat', 'the')]
    >>> shingles("?!", 3)
    frozenset({()})
    """
    found = terms(text)
    if len(found) <= k:
        return frozenset([tuple(found)])
    return frozenset(zip(*(found[start:] for start in range(k)), strict=False))


def words(text: str) -> list[str]:
    """The words in their order, casefolded, without punctuation.

    >>> words("The cat, 5!")
    ['the', 'cat', '5']
    """
    return _WORDS.findall(text.casefold())


def terms(text: str) -> list[str]:
    """The words in their order, those of a unit in one spelling, so that ft is feet.

    >>> terms("6 ft and 3 feet")
    ['6', 'foot', 'and', '3', 'foot']
    """
    found = words(text)
    return found if UNIT.keys().isdisjoint(found) else [UNIT.get(word, word) for word in found]


def jaccard(one: Set[object], other: Set[object]) -> float:
    """|one ∩ other| / |one ∪ other|; two empty sets are equal, so 1.  # [0, 1]

    >>> jaccard({1, 2, 3}, {2, 3, 4})
    0.5
    """
    shared = len(one & other)
    union = len(one) + len(other) - shared
    return shared / union if union else 1.0


def leaders(sets: Sequence[Shingles], threshold: float) -> list[tuple[int, float]]:
    """For each set the first earlier one that was kept and is at least `threshold` similar, with the similarity; itself and 1.0 if it is kept.

    Walks the sets in their order: so no two kept sets are near each other, every other set is near a kept one, and n near-copies of one text
    cost n comparisons and not n². Candidates come from prefix filtering, which misses nothing: with the shingles of each set ordered from rare
    to common, two sets of similarity t share one among the first n - ceil(t n) + 1 of each. Exact; no signatures.

    Shapes: n sets -> n pairs. Raises: ValueError: a threshold outside (0, 1].
    Source: Chaudhuri, Ganti, Kaushik 2006, "A Primitive Operator for Similarity Joins in Data Cleaning"; Xiao et al. 2008 (PPJoin).
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0, 1]")
    common = Counter(shingle for each in sets for shingle in each)
    index: dict[tuple[str, ...], list[int]] = {}
    found: list[tuple[int, float]] = []
    for row, each in enumerate(sets):
        prefix = _prefix(each, common, threshold)
        near = _first_near(each, prefix, index, sets, threshold)
        if near is None:
            for shingle in prefix:
                index.setdefault(shingle, []).append(row)
        found.append(near or (row, 1.0))
    return found


def _prefix(each: Shingles, common: Counter[tuple[str, ...]], threshold: float) -> list[tuple[str, ...]]:
    length = len(each) - math.ceil(threshold * len(each) - SLACK) + 1
    return sorted(each, key=lambda shingle: (common[shingle], shingle))[:length]


def _first_near(
    each: Shingles,
    prefix: list[tuple[str, ...]],
    index: dict[tuple[str, ...], list[int]],
    sets: Sequence[Shingles],
    threshold: float,
) -> tuple[int, float] | None:
    for row in sorted({row for shingle in prefix for row in index.get(shingle, ())}):
        other = sets[row]
        if min(len(each), len(other)) < threshold * max(len(each), len(other)) - SLACK:
            continue  # sizes alone rule it out
        if (similarity := jaccard(each, other)) >= threshold - SLACK:
            return row, similarity
    return None
