"""How hard problems are on one scale for all respondents of the store, whoever attempted which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import special

from assay.core.errors import ConfigError
from assay.core.ports import EvidenceProvider
from assay.core.types import Counts, Score
from assay.maths.beta.irt import MIN_RESPONDENTS_2PL, Floats, fit_1pl, fit_2pl


@dataclass(frozen=True)
class Irt:
    """A problem's score is its difficulty b in logits, fitted with the respondents' abilities to all graded attempts in the store.

    A respondent is a policy under a sampler; training's rollouts are left out. The plan's own policy first gets `n` attempts a problem
    (0 = what is stored). A pass rate mixes who was asked with how hard it was: where strong policies met the hard problems and weak
    ones the easy, b sets that right. Where all met all, b has the order of the pass rates and adds only its errors.

    The interval of "1pl" is b -+ z standard errors, and a problem that all or none solved is finite, by its prior N(0, spread^2). "2pl" orders
    problems and has no interval (its ends are NaN): abilities, difficulties and discriminations that are estimated together are too sure of
    themselves, by simulation .88 (20 respondents on 100 problems) down to .34 (150 on 60) where .95 is meant.

    Source: PUDF's artificial crowd (IRT-AC), arXiv:2408.05326, 1PL by py-irt. Differs: the mode with stated priors and its curvature;
    counts, not single answers; "2pl" is refused below 20 respondents, where a discrimination would only be its prior.
    """

    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("count_responses",)

    n: Annotated[int, Field(ge=0)] = 8  # attempts of the plan's policy a problem
    model: Literal["1pl", "2pl"] = "1pl"
    spread: Annotated[float, Field(gt=0)] = 2.0  # prior standard deviation of b, logits
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    truncated: Literal["masked", "wrong"] = "masked"

    def attempts(self) -> tuple[int, int]:
        """Attempts a problem, at least and at most."""
        return self.n, self.n

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """One score for each problem that someone attempted, ids ascending.

        Raises:
            ConfigError: fewer than 2 respondents, or too few for 2PL.
        """
        if not ids:
            return []
        if self.n:
            attempts.draw(dict.fromkeys(sorted(ids), self.n))
        found = attempts.count_responses(sorted(ids))
        met = sorted({id_ for each in found.values() for id_, counts in each.items() if counts.total} & set(ids))
        self._check(len(found))
        right, trials = self._matrix(found, met)
        fitted = (fit_1pl if self.model == "1pl" else fit_2pl)(right, trials, spread=self.spread)
        known = (
            self.model == "1pl"
        )  # the joint mode of a 2PL has no interval that holds its level: .34 to .88 instead of .95
        reach = float(special.ndtri((1 + self.level) / 2)) * fitted.b_se if known else np.full(len(met), np.nan)
        return [
            self._score(id_, fitted.b[j], reach[j], _sum(each.get(id_, Counts()) for each in found.values()))
            for j, id_ in enumerate(met)
        ]

    def _check(self, respondents: int) -> None:
        if respondents < 2:
            raise ConfigError(
                f"scorer 'irt' found {respondents} respondents in the store and needs 2: score the pool with another policy first"
            )
        if self.model == "2pl" and respondents < MIN_RESPONDENTS_2PL:
            raise ConfigError(
                f"scorer 'irt': {respondents} respondents are too few for model = '2pl', which needs {MIN_RESPONDENTS_2PL}; use '1pl'"
            )

    def _matrix(self, found: Mapping[str, Mapping[str, Counts]], ids: Sequence[str]) -> tuple[Floats, Floats]:
        rows = [[each.get(id_, Counts()) for id_ in ids] for _, each in sorted(found.items())]
        right = np.array([[counts.correct for counts in row] for row in rows], dtype=np.float64)
        cut = self.truncated == "wrong"
        trials = np.array(
            [[counts.correct + counts.wrong + cut * counts.truncated for counts in row] for row in rows],
            dtype=np.float64,
        )
        return right, trials

    def _score(self, id_: str, b: float, reach: float, counts: Counts) -> Score:
        low, high = float(b - reach), float(b + reach)
        return Score(
            problem_id=id_,
            scorer="irt",
            value=float(b),
            low=low,
            high=high,
            prior=f"normal {self.spread:g}",
            counts=counts,
            direction="harder",
        )


def _sum(found: Iterable[Counts]) -> Counts:
    all_ = list(found)
    return Counts(
        *(sum(getattr(counts, name) for counts in all_) for name in ("correct", "wrong", "truncated", "error"))
    )
