"""The words that distinguish a group of texts from the others."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from assay.maths.text.language import COMMON
from assay.maths.text.shingles import words

_COMMON = frozenset(word for words_of_language in COMMON.values() for word in words_of_language.split())


def keywords(groups: Mapping[int, Sequence[str]], most: int = 6) -> dict[int, list[str]]:
    """The words of each group with the highest t * log(1 + A / f); words of one letter and numbers are left out.

    t is the share of the group's texts that hold the word, f the number of all texts that hold it, A the mean number of
    texts per group. The commonest words of a language (`language.COMMON`) come after all others, equal weights in
    alphabetical order. A group without words has none.

    Source: class-based TF-IDF, BERTopic (arXiv:2203.05794), which counts occurrences where this counts texts.

    >>> keywords({0: ["a red cat", "the red dog"], 1: ["the blue cat", "a blue dog"]}, most=1)
    {0: ['red'], 1: ['blue']}
    """
    texts_with_word = {
        name: Counter(word for text in texts for word in set(words(text)) if _is_keyword(word))
        for name, texts in groups.items()
    }
    everywhere = sum(texts_with_word.values(), Counter[str]())
    average = sum(map(len, groups.values())) / max(len(groups), 1)
    best = {}
    for name, counts in texts_with_word.items():
        weight = {
            word: count / len(groups[name]) * math.log1p(average / everywhere[word]) for word, count in counts.items()
        }
        best[name] = sorted(weight, key=lambda word: (word in _COMMON, -weight[word], word))[:most]
    return best


def _is_keyword(word: str) -> bool:
    return len(word) > 1 and not any(character.isdigit() for character in word)
