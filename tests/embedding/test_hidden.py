from pathlib import Path

import numpy as np
import pytest

from assay.embedding.hidden import HiddenStates


def test_weights_layer_and_window_are_the_revision():
    first = HiddenStates(Path("a"), "w")
    assert first.revision == HiddenStates(Path("b"), "w").revision
    others = [
        HiddenStates(Path("a"), "v"),
        HiddenStates(Path("a"), "w", layer=3),
        HiddenStates(Path("a"), "w", window=8),
    ]
    assert len({first.revision, *(encoder.revision for encoder in others)}) == 4


@pytest.mark.model
def test_a_text_has_one_unit_vector_in_any_company():
    from assay.engines.models import registry

    policy = registry.identify_policy("smollm2-135m-instruct")
    encoder = HiddenStates(registry.find_checkpoint("smollm2-135m-instruct"), policy.revision, batch=2)
    texts = ["How many apples are left?", "", "word " * 2000, "Find the derivative of sin x."]
    rows = encoder.encode(texts)
    assert rows.shape == (4, 576)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows[:1], encoder.encode(texts[:1]), atol=1e-4)
    assert encoder.encode([]).shape == (0, 576)
