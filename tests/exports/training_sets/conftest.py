"""One target, one pair and one answer in steps."""

import pytest

from assay.core.export_rows import ChatTurn
from assay.core.training_rows import PairRow, StepsRow, TargetRow

PROMPT = (ChatTurn(role="system", content="Be brief."), ChatTurn(role="user", content="2 + 2?"))


@pytest.fixture
def target() -> TargetRow:
    return TargetRow(
        "t", "p", PROMPT, "is 4.", prefix="It ", weight=0.5, method="dart", origin="policy", confidence=0.9
    )


@pytest.fixture
def pair() -> PairRow:
    return PairRow("q", "p", PROMPT, "4", "5", prefix="It is ", margin=0.75, method="tree_pairs", rule="sibling")


@pytest.fixture
def steps() -> StepsRow:
    return StepsRow("s", "p", PROMPT, ("2 + 2\n", "is 4\n", "or 5\n", "5"), (1.0, 0.5, 0.0, None), False, "step_pairs")
