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
    """Score a problem by the iteration of its first right answer in a tree search, counted from 1.

    A problem that is unsolved within the budget is censored there. Each iteration descends the tree, samples `children`
    next steps at its leaf, completes one of them and has that answer judged once by the problem's verifier
    (`maths/search/tree.py`). A step ends at `delimiter`, or after `max_step_tokens` tokens; an answer has at most
    `max_steps` of them. Prompt, few-shot turns and stop strings are the policy's; temperature and top_p are the
    search's own.

    The interval is the number itself: a search is run once. A problem whose search a limit stopped has no score.

    For comparison, `baseline_attempts` plain attempts per problem are sampled under the same prompt, temperature and
    judge (0 = none), and the run reports which problems are hard by either: solved after more than that many iterations
    or never, against none of the attempts right.

    Source: ThinkLite-VL, arXiv:2504.07934, sec. 3.1: 3 children, 10 steps, 50 iterations, temperature .5, top-p .9,
    limit of a step 2048, delimiter "<end>" under a prompt that asks for it; "visits" is the paper's rule, "uct" the
    code's. Differs: unsolved problems are kept; a leaf is judged once, by the verifier; the rest of an answer is
    sampled in one piece and cut at its last allowed step.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("search",)

    children: Annotated[int, Field(ge=1)] = 3
    max_steps: Annotated[int, Field(ge=1)] = 10  # per answer
    iterations: Annotated[int, Field(ge=1)] = 50
    selection_rule: Literal["uct", "visits"] = "uct"
    exploration: Annotated[float, Field(ge=0)] = 1.0  # weight of few visits; 0 = by value alone
    use_all_iterations: bool = False  # true: goes on after a right answer, so that every node has a value
    temperature: Annotated[float, Field(gt=0)] = 0.5
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    delimiter: str = "\n"  # "" = a step is max_step_tokens tokens
    max_step_tokens: Annotated[int, Field(ge=1)] = 256  # at most the policy's max_tokens
    final_step_marker: str = ""  # a step that holds it ends the answer, such as "Final Answer: "
    baseline_attempts: Annotated[int, Field(ge=0)] = 6  # plain attempts per problem, for comparison

    @property
    def rules(self) -> SearchConfig:
        """The settings of the search alone."""
        return SearchConfig(
            children=self.children,
            steps=self.max_steps,
            iterations=self.iterations,
            rule=self.selection_rule,
            exploration=self.exploration,
            exhaust=self.use_all_iterations,
            temperature=self.temperature,
            top_p=self.top_p,
            delimiter=self.delimiter,
            step_tokens=self.max_step_tokens,
            mark=self.final_step_marker,
        )

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """Return one score per problem whose search is over, ids ascending."""
        results = attempts.search(sorted(ids), self.rules)
        return [self._score(results[id_]) for id_ in sorted(ids) if id_ in results]

    def _score(self, result: SearchResult) -> Score:
        value = float(result.iterations if result.solved_at is None else result.solved_at)
        return Score(
            problem_id=result.problem_id,
            scorer="mcts",
            value=value,
            low=value,
            high=value,
            counts=result.counts,
            censored=result.solved_at is None,
            direction="harder",
        )
