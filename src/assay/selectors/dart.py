"""DART-Math's allocation, turned into a choice of problems: the harder, the likelier and the heavier."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.maths.allocation.response_targets import inclusion_chances, response_targets
from assay.selectors._outcome import account, numbers, within


@dataclass(frozen=True)
class Dart:
    """Problems are drawn with a chance in proportion to how many right answers DART would collect of them.

    rule = "uniform" wants as many of each problem (then it is the same as `uniform`); "prop2diff" wants most x fail rate,
    at least one. A kept problem's weight is its target over its chance of being kept, divided by the mean over the kept ones, so that chance and
    weight together give DART's emphasis once: all weights are 1 where few are chosen, the targets where all are. The fail rate
    is 1 - correct / attempts, truncated ones included as wrong, as in the paper; it is a plain rate and carries no doubt.

    Dropped: `ungraded` (every attempt failed to be judged), `not_chosen`.

    Source: arXiv:2407.13690, sec. 3. The paper spreads answers over all problems and drops none; choosing problems by the same
    shares is ours, for a trainer that makes its own answers.
    """

    needs: ClassVar[tuple[str, ...]] = ("correct", "wrong", "truncated")

    rule: Literal["uniform", "prop2diff"] = "prop2diff"
    most: Annotated[int, Field(ge=1)] = 192  # answers wanted of a problem that always fails

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """min(budget, graded problems), without replacement."""
        right = numbers(pool, "correct")
        tried = right + numbers(pool, "wrong") + numbers(pool, "truncated")  # (n,)
        graded = np.flatnonzero(tried > 0)
        target = np.ones(len(pool))
        target[graded] = response_targets(1 - right[graded] / tried[graded], rule=self.rule, most=self.most)
        keys = np.log(target) + rng.gumbel(size=len(pool))  # largest first is a weighted draw without replacement
        chosen = graded[np.argsort(-keys[graded], kind="stable")][: within(budget, len(graded))]
        weight = target[chosen] / inclusion_chances(target[graded], len(chosen))[np.searchsorted(graded, chosen)]
        weights = weight / weight.mean() if len(chosen) else weight
        return account(pool, chosen, reasons=np.where(tried > 0, "not_chosen", "ungraded"), weights=weights)
