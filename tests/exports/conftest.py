"""One chosen problem, and one that was filtered out."""

import pytest

from assay.core.export_rows import ChatTurn, ExportRow

PROMPT = (ChatTurn(role="system", content="Be brief."), ChatTurn(role="user", content="2 + 2? Think."))


@pytest.fixture
def chosen() -> ExportRow:
    return ExportRow("id", PROMPT, "2 + 2?", "4", "math", "sums", 0, 0, 1.0, 3, 1, 2, 0, 0.7, "model")


@pytest.fixture
def ungraded() -> ExportRow:
    return ExportRow("other", PROMPT, "2 + 2?", "4", "math", "sums", -1, -1, 0.0, 0, 0, 2, 0, None, "model", "unscored")
