"""How many iterations of a tree search a policy needs until an answer is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.ports import EvidenceProvider
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import Score


@dataclass(frozen=True)
class Mcts:
    """A problem's score is the iteration of its first right answer, counted from 1; unsolved within the budget it is censored there.

    Each iteration walks the tree, draws `children` next steps at its leaf, completes one of them and has that answer judged by the
    problem's verifier, once (`maths/search/tree.py`). A step ends at `delimiter`, or after `step_tokens` tokens; an answer has at most `steps`
    of them. Prompt, few-shot turns and stop strings are the plan's; temperature and top_p are the search's own.

    The interval is the number itself: a search is run once. A problem whose search a limit stopped has no score.

    Beside it `baseline` plain attempts a problem are drawn under the same prompt, temperature and judge (0 = none), and the run tells
    who is hard by either: solved after more than `baseline` iterations or never, against none of the attempts right.

    Source: ThinkLite-VL, arXiv:2504.07934, sec. 3.1: 3 children, 10 steps, 50 iterations, temperature .5, top-p .9, cap of a step 2048,
    delimiter "<end>" under a prompt that asks for it; "visits" is the paper's rule, "uct" the code's. Differs: unsolved problems are
    kept; a leaf is judged once, by the verifier; the rest of an answer is drawn in one piece and cut at its last allowed step.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("search",)

    children: Annotated[int, Field(ge=1)] = 3
    steps: Annotated[int, Field(ge=1)] = 10
    iterations: Annotated[int, Field(ge=1)] = 50
    rule: Literal["uct", "visits"] = "uct"
    exploration: Annotated[float, Field(ge=0)] = 1.0  # weight of few visits; 0 = by value alone
    exhaust: bool = False  # true: goes on after a right answer, so that every node has a value
    temperature: Annotated[float, Field(gt=0)] = 0.5
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    delimiter: str = "\n"  # "" = a step is step_tokens tokens
    step_tokens: Annotated[int, Field(ge=1)] = 256  # at most the policy's max_tokens
    mark: str = ""  # a step that holds it ends the answer, such as "Final Answer: "
    baseline: Annotated[int, Field(ge=0)] = 6  # plain attempts a problem

    @property
    def rules(self) -> SearchConfig:
        """The search's part of the settings."""
        return SearchConfig(
            children=self.children,
            steps=self.steps,
            iterations=self.iterations,
            rule=self.rule,
            exploration=self.exploration,
            exhaust=self.exhaust,
            temperature=self.temperature,
            top_p=self.top_p,
            delimiter=self.delimiter,
            step_tokens=self.step_tokens,
            mark=self.mark,
        )

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """One score for each problem whose search is over, ids ascending."""
        found = attempts.search(sorted(ids), self.rules)
        return [self._score(found[id_]) for id_ in sorted(ids) if id_ in found]

    def _score(self, found: SearchResult) -> Score:
        value = float(found.iterations if found.solved_at is None else found.solved_at)
        return Score(
            problem_id=found.problem_id,
            scorer="mcts",
            value=value,
            low=value,
            high=value,
            counts=found.counts,
            censored=found.solved_at is None,
            direction="harder",
        )
