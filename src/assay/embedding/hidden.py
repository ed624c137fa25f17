"""The policy's own hidden states as an encoder: what looks alike to the model that will be trained."""

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
    """The mean over a text's tokens of one layer's hidden states in a causal model's checkpoint folder, scaled to norm
    1.

    Texts are read as they are, without chat template, their first `window` tokens; the empty text is the model's end
    token alone. States of a causal model all point in nearly one direction, so cosines are high throughout: compare
    them with each other, not with a sentence model's. Equal texts get vectors that agree to about 1e-5 in any
    company.
    """

    folder: Path
    weights: str  # revision of the policy's weights
    layer: int = -1  # as transformers counts hidden states: 0 = embeddings, -1 = last
    window: int = 256  # tokens
    batch: int = 16  # texts a forward pass

    @property
    def revision(self) -> str:
        """Hash of the weights' revision, the layer and the window."""
        return content_id("hidden", self.weights, self.layer, self.window)

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        transformers = require("transformers", extra="train")
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        return tokenizer, transformers.AutoModel.from_pretrained(self.folder).eval()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, (n, d); no text gives (0, d)."""
        tokenizer, model = self._parts
        if not texts:
            return np.zeros((0, model.config.hidden_size), np.float32)
        tokens = [
            tokenizer(text, truncation=True, max_length=self.window)["input_ids"] or [tokenizer.eos_token_id]
            for text in texts
        ]
        order = sorted(range(len(texts)), key=lambda row: len(tokens[row]))  # alike lengths together: little padding
        rows = np.zeros((len(texts), model.config.hidden_size), np.float32)
        for start in range(0, len(order), self.batch):
            part = order[start : start + self.batch]
            rows[part] = self._mean([tokens[row] for row in part], tokenizer, model)
        return normalize_rows(rows)

    def _mean(self, tokens: Sequence[Sequence[int]], tokenizer: Any, model: Any) -> Vectors:
        torch = require("torch", extra="train")
        longest = max(map(len, tokens))
        fill = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        ids = torch.tensor([[*row, *[fill] * (longest - len(row))] for row in tokens])  # (b, t), padded on the right
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens])  # (b, t)
        with torch.inference_mode():
            states = (
                model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[self.layer].float()
            )  # (b, t, d)
        means: Vectors = ((states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)).numpy()
        return means
