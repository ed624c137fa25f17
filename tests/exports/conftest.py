"""One chosen problem, and one that was filtered out."""

import pytest

from assay.exports._chosen import Chosen, Turn

PROMPT = (Turn(role="system", content="Be brief."), Turn(role="user", content="2 + 2? Think."))


@pytest.fixture
def chosen() -> Chosen:
    return Chosen("id", PROMPT, "2 + 2? Think.", "4", "math", "sums", 0, 0, 1.0, 3, 1, 2, 0, 0.7, "model")


@pytest.fixture
def ungraded() -> Chosen:
    return Chosen("other", PROMPT, "2 + 2? Think.", "4", "math", "sums", -1, -1, 0.0, 0, 0, 2, 0, None, "model", "unscored")
