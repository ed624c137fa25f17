"""An encoder without weights: TF-IDF of words and signs, reduced to a few dimensions by an SVD."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.identity import content_id_of_list
from assay.embedding.unit import normalize_rows

Vectors = NDArray[np.float32]

TOKEN = r"(?u)\w+|[^\w\s]"  # every sign is a token, because + and - distinguish problems
DIMS = 128  # of the vectors, beside the coordinate of unknown texts
WORDS = 50_000  # size of the vocabulary: the commonest words of the corpus


def fit_revision(corpus: Iterable[str], *, dims: int = DIMS, seed: int = 0) -> str:
    """Return the revision of a fit to a corpus, whose texts are distinct and ascending; it is read once, text by text."""
    return content_id_of_list("tfidf", dims, seed, TOKEN, WORDS, last=corpus)


@dataclass(frozen=True)
class Tfidf:
    """TF-IDF with logarithmic term counts, then the first `dims` singular directions, then norm 1.

    One more coordinate is for texts that share no word with the corpus: they all become its unit vector, so no row is
    zero. A corpus of few words is not reduced. It compares words, not meaning, but it is fast (about 17,000 texts/s)
    and needs no download. The corpus is a sorted set, so order and repeats change nothing.
    """

    corpus: tuple[str, ...]  # ascending, distinct
    dims: int = DIMS
    seed: int = 0  # of the randomised SVD

    @cached_property
    def revision(self) -> str:
        """Hash of the corpus and the settings: vectors of two fits are never comparable."""
        return fit_revision(self.corpus, dims=self.dims, seed=self.seed)

    @cached_property
    def _vectorizer_and_svd(self) -> tuple[Any, Any] | None:
        """The fitted vectorizer and SVD (None if there is nothing to reduce); None for a corpus without a word."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(token_pattern=TOKEN, sublinear_tf=True, max_features=WORDS, dtype=np.float64)
        try:
            counts = vectorizer.fit_transform(self.corpus)
        except ValueError:  # the way scikit-learn reports an empty vocabulary
            return None
        if min(counts.shape) <= self.dims:
            return vectorizer, None
        return vectorizer, TruncatedSVD(self.dims, random_state=self.seed).fit(counts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit rows, (n, d); d = dims + 1, or the size of the vocabulary + 1 for a small corpus."""
        if self._vectorizer_and_svd is None:
            return np.ones((len(texts), 1), np.float32)
        vectorizer, svd = self._vectorizer_and_svd
        if not texts:
            return np.zeros((0, 1 + (self.dims if svd else len(vectorizer.vocabulary_))), np.float32)
        counts = vectorizer.transform(texts)
        rows = svd.transform(counts) if svd else counts.toarray()
        unknown = np.sqrt((rows**2).sum(axis=1)) < 1e-9  # (n,) no known word, or none along a kept direction
        return normalize_rows(np.column_stack([np.where(unknown[:, None], 0.0, rows), unknown]))
