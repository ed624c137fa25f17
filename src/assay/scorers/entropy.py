"""At which temperature a policy is as uncertain about a problem as training should have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.errors import ConfigError
from assay.core.ports import EvidenceProvider
from assay.core.types import Counts, Score, StoredAttempt
from assay.maths.rl.temperature import entropy, temperature_of_entropy


@dataclass(frozen=True)
class Entropy:
    """Score a problem by the temperature at which the policy's tokens have `target_nats_per_token` nats of entropy.

    It is interpolated between two measured temperatures. `n` attempts per problem and temperature are sampled without
    top-p and top-k. A higher score means a more certain policy: an easy problem needs a higher temperature. Where even
    the coldest is above, or the hottest below, the score is that temperature and censored. The median over a pool is
    the temperature to train at. This needs log-probabilities of the distribution that was sampled from: engine
    `transformers` with logprobs = true gives them; vLLM and OpenAI-compatible servers give by default those before the
    temperature, which are right at temperature 1 alone.

    A problem without an answer at one of the temperatures has no score. The interval is the two measured temperatures.

    Source: AceReason-Nemotron 1.1, arXiv:2506.13284, entropy about .3. Differs: one problem at a time, from samples.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("draw_attempts",)

    n: Annotated[int, Field(ge=1)] = 2  # attempts per problem and temperature
    temperatures: tuple[float, ...] = (0.4, 0.6, 0.8, 1.0, 1.2)  # ascending
    target_nats_per_token: Annotated[float, Field(gt=0)] = 0.3

    def __post_init__(self) -> None:
        if (
            not self.temperatures
            or self.temperatures[0] <= 0
            or any(low >= high for low, high in pairwise(self.temperatures))
        ):
            raise ValueError(f"temperatures {self.temperatures} must ascend from above 0")

    def attempts(self) -> tuple[int, int]:
        """Return (0, 0), the attempts under the configured sampling: all are sampled at other temperatures."""
        return 0, 0

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """Return one score per problem that has tokens at every temperature, ids ascending.

        Raises:
            ConfigError: the engine gives no log-probabilities.
        """
        n_attempts = dict.fromkeys(sorted(ids), self.n)
        evidence = [
            attempts.draw_attempts(n_attempts, {"temperature": temperature, "top_p": 1.0, "top_k": 0})
            for temperature in self.temperatures
        ]
        by_problem = {id_: [attempts_by_id[id_] for attempts_by_id in evidence] for id_ in sorted(ids)}
        return [
            self._score(id_, by_temperature)
            for id_, by_temperature in by_problem.items()
            if all(any(attempt.tokens for attempt in group) for group in by_temperature)
        ]

    def _score(self, id_: str, by_temperature: Sequence[Sequence[StoredAttempt]]) -> Score:
        levels = [entropy([_logprobs(id_, attempt) for attempt in group]) for group in by_temperature]
        value, low, high, outside = temperature_of_entropy(self.temperatures, levels, self.target_nats_per_token)
        counts = Counts()
        for group in by_temperature:
            for attempt in group:
                counts = counts.plus(attempt.outcome)
        return Score(problem_id=id_, scorer="entropy", value=value, low=low, high=high, counts=counts, censored=outside)


def _logprobs(id_: str, attempt: StoredAttempt) -> tuple[float, ...]:
    if attempt.logprobs is None:
        raise ConfigError(
            f"scorer 'entropy': sample {attempt.sample} of problem {id_} has no log-probabilities; "
            "set policy.logprobs = true"
        )
    return attempt.logprobs
