"""Vectors whose numbers are rounded to 16 bits, so that they take half of the room on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.core.identity import content_id
from assay.core.ports import Encoder


def half_revision(revision: str) -> str:
    """Return the revision of `HalfPrecision` over an encoder of this revision."""
    return content_id("float16", revision)


@dataclass(frozen=True)
class HalfPrecision:
    """Another encoder's vectors, each number as the nearest one of float16; norms stay 1 within .0005.

    Rows keep the type float32. A file holds each different number once and 15 bits for each place where it stands.
    """

    encoder: Encoder

    @cached_property
    def revision(self) -> str:
        """The revision of the encoder behind it, hashed, so that the two never share stored vectors."""
        return half_revision(self.encoder.revision)

    @property
    def texts_per_commit(self) -> int | None:
        """How many texts the encoder behind it wants at a time; None where it does not say."""
        return getattr(self.encoder, "texts_per_commit", None)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, (n, d)."""
        return self.encoder.encode(texts).astype(np.float16).astype(np.float32)
