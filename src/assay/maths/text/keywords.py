"""Which words tell a group of texts from the others."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from assay.maths.text.language import COMMON
from assay.maths.text.shingles import words

_COMMON = frozenset(word for listed in COMMON.values() for word in listed.split())


def keywords(groups: Mapping[int, Sequence[str]], most: int = 6) -> dict[int, list[str]]:
    """The words of each group that are commonest there against the whole: by t * log(1 + A / f), words of one letter and numbers left out.

    t is the share of the group's texts that hold the word, f the number of texts that hold it in all, A the number of texts a group on
    average. The commonest words of a language (`maths.language`) come after all others, equal weights in the order of the alphabet. A group
    without a word has none.
    Source: class-based TF-IDF, BERTopic (arXiv:2203.05794), which counts occurrences where this counts texts.

    >>> keywords({0: ["a red cat", "the red dog"], 1: ["the blue cat", "a blue dog"]}, most=1)
    {0: ['red'], 1: ['blue']}
    """
    held = {
        name: Counter(word for text in texts for word in set(words(text)) if _tells(word))
        for name, texts in groups.items()
    }
    everywhere = sum(held.values(), Counter[str]())
    average = sum(map(len, groups.values())) / max(len(groups), 1)
    found = {}
    for name, counts in held.items():
        weight = {
            word: count / len(groups[name]) * math.log1p(average / everywhere[word]) for word, count in counts.items()
        }
        found[name] = sorted(weight, key=lambda word: (word in _COMMON, -weight[word], word))[:most]
    return found


def _tells(word: str) -> bool:
    return len(word) > 1 and not any(character.isdigit() for character in word)
