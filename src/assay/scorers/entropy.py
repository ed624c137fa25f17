"""At which temperature a policy is as unsure about a problem as one wants it in training."""

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
    """A problem's score is the temperature at which the policy's tokens have `wanted` nats of entropy, between two that were measured.

    `n` attempts a problem and temperature are drawn without top-p and top-k. More is surer: an easy problem needs more heat. Where even
    the coldest is above, or the hottest below, the score is that temperature and censored. The median over a pool is the temperature to
    train at. It needs log-probabilities of the distribution that was sampled from: engine `transformers` with logprobs = true gives
    them; vLLM and OpenAI-compatible servers give by default those before the temperature, which are right at temperature 1 alone.

    A problem without an answer at one of the temperatures has no score. The interval is the two measured temperatures.

    Source: AceReason-Nemotron 1.1, arXiv:2506.13284, entropy about .3. Differs: a problem at a time, from samples.
    """

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("draw_attempts",)

    n: Annotated[int, Field(ge=1)] = 2  # attempts a problem and temperature
    temperatures: tuple[float, ...] = (0.4, 0.6, 0.8, 1.0, 1.2)  # ascending
    wanted: Annotated[float, Field(gt=0)] = 0.3  # nats a token

    def __post_init__(self) -> None:
        if (
            not self.temperatures
            or self.temperatures[0] <= 0
            or any(low >= high for low, high in pairwise(self.temperatures))
        ):
            raise ValueError(f"temperatures {self.temperatures} must ascend from above 0")

    def attempts(self) -> tuple[int, int]:
        """Attempts a problem under the plan's own sampler, at least and at most: none, all are drawn under others."""
        return 0, 0

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """One score for each problem that has tokens at every temperature, ids ascending.

        Raises:
            ConfigError: the engine gives no log-probabilities.
        """
        wanted = dict.fromkeys(sorted(ids), self.n)
        found = [
            attempts.draw_attempts(wanted, {"temperature": heat, "top_p": 1.0, "top_k": 0})
            for heat in self.temperatures
        ]
        by_id = {id_: [each[id_] for each in found] for id_ in sorted(ids)}
        return [
            self._score(id_, said)
            for id_, said in by_id.items()
            if all(any(each.tokens for each in some) for some in said)
        ]

    def _score(self, id_: str, said: Sequence[Sequence[StoredAttempt]]) -> Score:
        levels = [entropy([_logprobs(id_, each) for each in some]) for some in said]
        value, low, high, outside = temperature_of_entropy(self.temperatures, levels, self.wanted)
        counts = Counts()
        for each in (one for some in said for one in some):
            counts = counts.plus(each.outcome)
        return Score(problem_id=id_, scorer="entropy", value=value, low=low, high=high, counts=counts, censored=outside)


def _logprobs(id_: str, said: StoredAttempt) -> tuple[float, ...]:
    if said.logprobs is None:
        raise ConfigError(
            f"scorer 'entropy': sample {said.sample} of problem {id_} has no log-probabilities; set policy.logprobs = true"
        )
    return said.logprobs
