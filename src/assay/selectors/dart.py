"""`dart`: DART-Math's allocation as a choice of problems: harder problems are likelier to be kept and weigh more."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.allocation.response_targets import inclusion_probabilities, response_targets
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column


@dataclass(frozen=True)
class Dart:
    """Draw problems in proportion to the number of right answers that DART would collect for each.

    rule = "uniform" wants the same number for every problem, so it equals the selector `uniform`; "prop2diff" wants
    `max_answers` x fail rate, at least one. A kept problem's weight is its target over its probability of being kept,
    divided by the mean over the kept problems. So probability and weight together give DART's emphasis once: all
    weights are 1 if few problems are chosen, and proportional to the targets if all are. The fail rate is 1 - correct /
    attempts, where truncated attempts count as wrong, as in the paper; it is a plain rate without uncertainty.

    Dropped: `ungraded` (no attempt could be judged), `not_chosen`.

    Source: arXiv:2407.13690, sec. 3. The paper spreads answers over all problems and drops none; choosing problems by
    the same proportions is ours, for a trainer that samples its own answers.
    """

    needs: ClassVar[tuple[str, ...]] = ("correct", "wrong", "truncated")

    rule: Literal["uniform", "prop2diff"] = "prop2diff"
    max_answers: Annotated[int, Field(ge=1)] = 192  # answers wanted for a problem that always fails

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Draw min(budget, graded problems) problems without replacement."""
        correct = numeric_column(pool, "correct")
        attempts = correct + numeric_column(pool, "wrong") + numeric_column(pool, "truncated")  # (n,)
        graded = np.flatnonzero(attempts > 0)
        targets = np.ones(len(pool))
        targets[graded] = response_targets(
            1 - correct[graded] / attempts[graded], rule=self.rule, most=self.max_answers
        )
        keys = np.log(targets) + rng.gumbel(size=len(pool))  # the largest keys are a weighted draw without replacement
        chosen_rows = graded[np.argsort(-keys[graded], kind="stable")][: clip_budget(budget, len(graded))]
        weights = (
            targets[chosen_rows]
            / inclusion_probabilities(targets[graded], len(chosen_rows))[np.searchsorted(graded, chosen_rows)]
        )
        if len(chosen_rows):
            weights = weights / weights.mean()
        return build_selection(
            pool, chosen_rows, reasons=np.where(attempts > 0, "not_chosen", "ungraded"), weights=weights
        )
