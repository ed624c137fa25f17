"""`impact`: problems whose rewards rose over an earlier training as those of all problems did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.types import Pool, Selection
from assay.selectors._pool_rows import build_selection, clip_budget, numeric_column

CURVES = """
WITH groups AS (
    SELECT coalesce(training, '') AS training, step, problem_id,
           sum(n_correct) / sum(n_correct + n_wrong + n_truncated) AS rate
    FROM training_pass_rates GROUP BY ALL HAVING sum(n_correct + n_wrong + n_truncated) > 0
),
visits AS (
    SELECT *, row_number() OVER (PARTITION BY training, problem_id ORDER BY step) AS visit FROM groups
),
curves AS (SELECT *, avg(rate) OVER (PARTITION BY training, visit) AS mean FROM visits)
SELECT problem_id, 1 - sum((rate - mean) ** 2) / nullif(sum((1 - mean) ** 2), 0) AS value
FROM curves GROUP BY problem_id HAVING count(*) > 1
"""


@dataclass(frozen=True)
class Impact:
    """Keep the problems of an impact of at least `least`, the highest first where the budget is smaller.

    The lake's trainings tell it, whichever policy they trained. r_k is the share of right rollouts when a problem came
    for the k-th time in a training, and m_k the mean of r_k over all problems that came so often. The impact is 1 -
    sum (r_k - m_k)^2 / sum (1 - m_k)^2, over every visit of the problem in every training: 1 = it rose just as the mean
    did, 0 = as far from the mean as a problem that is always solved. A problem that came less than twice has none, and
    is `unscored`; so is every problem where the mean is 1 from the first visit on.

    Dropped: `low_impact`, `not_chosen`.

    Source: LIMR, arXiv:2502.11886, sec. 2.2, and its code: formula and threshold are its `lim_selection.py` and
    `lim.sh`, and of the 7,935 scores that it publishes 1,389 are at least .6, the set that it trains on. Differs: its
    rewards are those of every epoch of one training, and its mean that of the problems with one in each; here visits,
    of all trainings.
    """

    needs: ClassVar[tuple[str, ...]] = ("impact",)
    queries: ClassVar[Mapping[str, str]] = {"impact": CURVES}

    least: Annotated[float, Field(le=1, allow_inf_nan=False)] = 0.6

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Take the min(budget, problems of enough impact) of highest impact; equal ones at random."""
        impact = numeric_column(pool, "impact")  # (n,)
        chosen_rows = np.lexsort((rng.random(len(pool)), -impact))[
            : clip_budget(budget, int((impact >= self.least).sum()))
        ]
        return build_selection(pool, chosen_rows, reasons=np.where(impact >= self.least, "not_chosen", "low_impact"))
