"""Each text is encoded once a revision, whichever stage asks first."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from assay.core.types import Message, Problem
from assay.embedding.unit import normalize_rows
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import CachedEncoder, store_vectors, stored_vectors
from assay.pipelines.runner.stages import run_stages

pytest.importorskip("faiss")
Made = Callable[..., RunContext]


class Coder:
    """Every text's vector is the first axis; counts what it is asked for."""

    def __init__(self, dims: int = 3, revision: str = "r") -> None:
        self.dims, self.revision = dims, revision
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        return np.eye(self.dims, dtype=np.float32)[[0] * len(texts)]


CHAT = Problem.of((Message("user", "What is 2 + 2?"), Message("assistant", "4"), Message("user", "And 3 + 3?")))


def test_a_text_is_encoded_once_a_revision(context: Made) -> None:
    made, coder = context(), Coder()
    assert CachedEncoder(made, coder).encode(["a", "b", "a"]).shape == (3, 3)
    CachedEncoder(made, coder).encode(["b", "a"])
    assert coder.asked == ["a", "b"]
    other = Coder(revision="s")
    CachedEncoder(made, other).encode(["a"])
    assert other.asked == ["a"]


def test_a_chat_that_a_filter_encoded_is_there_for_the_embed_stage(context: Made) -> None:
    made, coder = context(), Coder()
    CachedEncoder(made, coder, {CHAT.id: CHAT}).encode([CHAT.text])
    assert store_vectors(made, coder, {CHAT.id: CHAT.text}) == 0
    assert coder.asked == [CHAT.text]
    assert stored_vectors(made, [CHAT.id], "r")[0] == [CHAT.id]


def test_problems_that_share_a_text_share_its_vector(context: Made) -> None:
    made, coder = context(), Coder()
    assert store_vectors(made, coder, {"one": "Find x.", "two": "Find x."}) == 1
    assert store_vectors(made, coder, {"one": "Find x.", "three": "Find x."}) == 0
    assert coder.asked == ["Find x."]
    assert stored_vectors(made, ["one", "three", "two"], "r")[0] == ["one", "three", "two"]


def test_an_encoder_whose_dimension_changed_is_an_error(context: Made) -> None:
    made = context()
    CachedEncoder(made, Coder(3)).encode(["a"])
    with pytest.raises(ValueError, match="gives 4 dimensions, but its stored vectors have 3"):
        CachedEncoder(made, Coder(4)).encode(["c"])


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_vector_without_direction_names_its_problem_and_what_came_before_is_kept(
    context: Made, monkeypatch: Any, value: float
) -> None:
    class Broken(Coder):
        def encode(self, texts: Sequence[str]) -> Any:
            return normalize_rows(np.array([[value if text == "c" else 1.0] for text in texts]))

    monkeypatch.setattr("assay.pipelines.data.embeddings.WAVE", 2)
    made = context()
    with pytest.raises(ValueError, match=r"encoder r on problem 'three': row 0 has norm"):
        store_vectors(made, Broken(), {"one": "a", "two": "b", "three": "c", "four": "d"})
    assert stored_vectors(made, ["one", "two", "three", "four"], "r")[0] == ["one", "two"]


def test_a_second_run_embeds_nothing_and_filter_and_stage_share_what_was_made(context: Made) -> None:
    first = context(clean={"filters": ("semantic",)})
    assert run_stages(first, "embed")[-1].detail["encoded"] == 32
    second = context(clean={"filters": ("semantic",)}, embed={"clusters": 4})
    outcomes = {each.stage: each for each in run_stages(second, "embed")}
    assert outcomes["embed"].detail["encoded"] == 0
    assert not outcomes["embed"].reused
