"""Types of tree searches: how one is done, and what came of it."""

from dataclasses import dataclass
from typing import Literal

from assay.core.types import Counts


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How a tree of steps is searched for a right answer; `[policy]` says the rest."""

    children: int = 3  # steps drawn at each expansion
    steps: int = 10  # per answer
    iterations: int = 50  # answers that are completed and judged
    rule: Literal["uct", "visits"] = "uct"
    exploration: float = 1.0  # 0 = by value alone
    exhaust: bool = False  # True: continues to the last iteration after a right answer
    temperature: float = 0.5
    top_p: float = 0.9
    delimiter: str = "\n"  # ends a step; "" = a step is `step_tokens` tokens
    step_tokens: int = 256  # token cap of one step
    mark: str = ""  # a step that contains it is the answer's last; "" = only the model itself ends it


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a tree search of one problem."""

    problem_id: str
    iterations: int
    solved_at: int | None  # iteration of the first right answer, from 1; None = censored
    counts: Counts  # iterations by outcome
    tokens: int  # generated
