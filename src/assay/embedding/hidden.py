"""The policy's own hidden states as an encoder: problems are near if they look alike to the model in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import require
from assay.core.identity import content_id
from assay.embedding.unit import normalize_rows

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class HiddenStates:
    """The mean of one layer's hidden states over a text's tokens, scaled to norm 1, from a causal model's checkpoint.

    Texts are read without chat template, up to their first `window` tokens; the empty text is the model's end token
    alone. Hidden states of a causal model all point in nearly the same direction, so all cosines are high: compare them
    with each other, not with a sentence model's. Equal texts get vectors that agree to about 1e-5 in any batch.
    """

    folder: Path
    weights: str  # revision of the policy's weights
    layer: int = -1  # numbered as in transformers: 0 = embeddings, -1 = last
    window: int = 256  # tokens
    batch: int = 16  # texts per forward pass

    @property
    def revision(self) -> str:
        """Hash of the weights' revision, the layer and the window."""
        return content_id("hidden", self.weights, self.layer, self.window)

    @cached_property
    def _tokenizer_and_model(self) -> tuple[Any, Any]:
        transformers = require("transformers", extra="train")
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        return tokenizer, transformers.AutoModel.from_pretrained(self.folder).eval()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit rows, (n, d); no text gives (0, d)."""
        tokenizer, model = self._tokenizer_and_model
        if not texts:
            return np.zeros((0, model.config.hidden_size), np.float32)
        tokens = [
            tokenizer(text, truncation=True, max_length=self.window)["input_ids"] or [tokenizer.eos_token_id]
            for text in texts
        ]
        order = sorted(range(len(texts)), key=lambda row: len(tokens[row]))  # similar lengths together: less padding
        rows = np.zeros((len(texts), model.config.hidden_size), np.float32)
        for start in range(0, len(order), self.batch):
            batch = order[start : start + self.batch]
            rows[batch] = self._mean_states([tokens[row] for row in batch], tokenizer, model)
        return normalize_rows(rows)

    def _mean_states(self, tokens: Sequence[Sequence[int]], tokenizer: Any, model: Any) -> Vectors:
        torch = require("torch", extra="train")
        longest = max(map(len, tokens))
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in tokens])  # (b, t), padded on the right
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens])  # (b, t)
        with torch.inference_mode():
            output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        states = output.hidden_states[self.layer].float()  # (b, t, d)
        means: Vectors = ((states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)).numpy()
        return means
