"""The share of attempts that a policy gets right, as integer counts and a posterior; never a bare rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.ports import Attempts
from assay.core.types import Counts, Score
from assay.maths.posterior import interval, mean, posterior


@dataclass(frozen=True)
class PassRate:
    """A problem's score is the mean of Beta(.5 + correct, .5 + wrong) after n attempts, with its equal-tailed interval.

    Attempts whose verifier or engine failed are evidence of nothing and enter no posterior. Truncated ones are left out too
    ("masked"), or count as failures ("wrong", DART-Math's rule, arXiv:2407.13690, sec. 3), as the trainer will treat them.
    The counts keep the four outcomes apart in either case.

    A problem without any attempt yields no score. One whose attempts were all truncated (masked) or failed yields a score that
    knows nothing: the prior, over [0, 1].

    Differs from the pass rates of Big-Math, Open-R1 and open-instruct: those store c / n, whose doubt is lost and in which a
    truncated or unjudged attempt is a wrong one.
    """

    joint: ClassVar[bool] = False

    n: Annotated[int, Field(ge=1)] = 8  # attempts a problem
    prior: Literal["jeffreys", "uniform"] = "jeffreys"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95  # posterior mass inside [low, high]
    truncated: Literal["masked", "wrong"] = "masked"

    def score(self, ids: Sequence[str], attempts: Attempts) -> list[Score]:
        """One score for each problem that has an attempt, ids ascending."""
        found = attempts.draw(dict.fromkeys(sorted(ids), self.n))
        return [self._score(id_, found[id_]) for id_ in sorted(ids) if found[id_].total]

    def _score(self, id_: str, counts: Counts) -> Score:
        wrong = counts.wrong + (counts.truncated if self.truncated == "wrong" else 0)
        a, b = posterior(counts.correct, wrong, prior=self.prior)
        low, high = interval(counts.correct, wrong, prior=self.prior, level=self.level)
        return Score(
            problem_id=id_,
            scorer="pass_rate",
            value=float(mean(a, b)),
            low=float(low),
            high=float(high),
            prior=self.prior,
            post_a=float(a),
            post_b=float(b),
            counts=counts,
        )
