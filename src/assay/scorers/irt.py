"""How hard problems are on one scale for all respondents of the lake, whoever attempted which."""

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
    """Score a problem by its difficulty b in logits, fitted with the respondents' abilities to all graded attempts.

    A respondent is a policy under a sampling configuration; training's rollouts are left out. The configured policy
    first gets `n` attempts per problem (0 = what is stored). A pass rate mixes who was asked with how hard the problem
    was: where strong policies attempted the hard problems and weak ones the easy, b corrects that. Where all attempted
    all, b has the order of the pass rates and adds only its errors.

    The interval of "1pl" is b -+ z standard errors, and a problem that all or none solved is finite, by its prior N(0,
    spread^2). "2pl" orders problems and has no interval (its ends are NaN): abilities, difficulties and discriminations
    that are estimated together are too certain of themselves, by simulation .88 (20 respondents on 100 problems) down
    to .34 (150 on 60) where .95 is meant.

    Source: PUDF's artificial crowd (IRT-AC), arXiv:2408.05326, 1PL by py-irt. Differs: the mode with stated priors and
    its curvature; counts, not single answers; "2pl" is refused below 20 respondents, where a discrimination would only
    be its prior.
    """

    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("count_responses",)

    n: Annotated[int, Field(ge=0)] = 8  # attempts of the configured policy per problem
    model: Literal["1pl", "2pl"] = "1pl"
    prior_sd: Annotated[float, Field(gt=0)] = 2.0  # prior standard deviation of b, logits
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    truncated: Literal["ignore", "wrong"] = "ignore"

    def attempts(self) -> tuple[int, int]:
        """Return the attempts per problem, at least and at most."""
        return self.n, self.n

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """Return one score per problem that any respondent attempted, ids ascending.

        Raises:
            ConfigError: fewer than 2 respondents, or too few for 2PL.
        """
        if not ids:
            return []
        if self.n:
            attempts.draw(dict.fromkeys(sorted(ids), self.n))
        responses = attempts.count_responses(sorted(ids))
        attempted = {id_ for by_id in responses.values() for id_, counts in by_id.items() if counts.total}
        problems = sorted(attempted & set(ids))
        self._check(len(responses))
        right, trials = self._tables(responses, problems)
        fit = (fit_1pl if self.model == "1pl" else fit_2pl)(right, trials, spread=self.prior_sd)
        z = float(special.ndtri((1 + self.level) / 2))
        # The joint mode of a 2PL has no interval that holds its level: .34 to .88 instead of .95.
        reach = z * fit.b_se if self.model == "1pl" else np.full(len(problems), np.nan)
        return [
            self._score(id_, fit.b[j], reach[j], _sum(by_id.get(id_, Counts()) for by_id in responses.values()))
            for j, id_ in enumerate(problems)
        ]

    def _check(self, respondents: int) -> None:
        if respondents < 2:
            raise ConfigError(
                f"scorer 'irt' found {respondents} policies with attempts in the lake and needs at least 2: "
                "score the pool with another policy first"
            )
        if self.model == "2pl" and respondents < MIN_RESPONDENTS_2PL:
            raise ConfigError(
                f"scorer 'irt': {respondents} respondents are too few for model = '2pl', "
                f"which needs {MIN_RESPONDENTS_2PL}; use '1pl'"
            )

    def _tables(self, responses: Mapping[str, Mapping[str, Counts]], ids: Sequence[str]) -> tuple[Floats, Floats]:
        """Return right attempts and all that count, (respondents, problems) each."""
        rows = [[by_id.get(id_, Counts()) for id_ in ids] for _, by_id in sorted(responses.items())]
        right = np.array([[counts.correct for counts in row] for row in rows], dtype=np.float64)
        with_truncated = self.truncated == "wrong"
        trials = np.array(
            [[counts.correct + counts.wrong + with_truncated * counts.truncated for counts in row] for row in rows],
            dtype=np.float64,
        )
        return right, trials

    def _score(self, id_: str, b: float, reach: float, counts: Counts) -> Score:
        return Score(
            problem_id=id_,
            scorer="irt",
            value=float(b),
            low=float(b - reach),
            high=float(b + reach),
            prior=f"normal {self.prior_sd:g}",
            counts=counts,
            direction="harder",
        )


def _sum(counts: Iterable[Counts]) -> Counts:
    parts = list(counts)
    return Counts(*(sum(getattr(part, name) for part in parts) for name in ("correct", "wrong", "truncated", "error")))
