"""The terms of which a reward is the sum: `[train.reward]`, read by scoring and training alike."""

import re
from dataclasses import dataclass, fields

from pydantic import BaseModel, ConfigDict, Field, field_validator

from assay.core.identity import content_id

EXTRA_TERMS = ("format", "length", "language")  # besides correctness, the verifier's own reward
TERM_RANGES = {"format": (0.0, 1.0), "length": (-1.0, 0.0), "language": (0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class RewardTerms:
    """The weight of each term, 0 = the term is off, and the settings of terms."""

    correctness: float = 1.0  # of the verifier's reward
    format: float = 0.0  # of 1 where the text matches `format_pattern`, else 0
    length: float = 0.0  # of DAPO's soft overlong penalty: 0 where short, falling to -1 at the token cap
    language: float = 0.0  # of 1 where the text is in `language_code` or undecided, else 0
    format_pattern: str = r"\\boxed\{"  # a regular expression that a well-formed text contains
    length_buffer: float = 0.2  # share of the token cap over which the penalty grows; 4096 of 20480 in DAPO
    language_code: str = "en"  # ISO 639-1

    @property
    def extra(self) -> tuple[str, ...]:
        """Return the names of the terms besides correctness that are on."""
        return tuple(name for name in EXTRA_TERMS if getattr(self, name))

    @property
    def key(self) -> list[object]:
        """Return what a key must hold of the terms: nothing where they are the default, so that older keys stay."""
        default = RewardTerms()
        own_values = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [pair for pair in own_values if pair[1] != getattr(default, pair[0])]

    def version(self, name: str, token_cap: int) -> str:
        """Return the hash of all that a term's value depends on besides the rollout.

        Args:
            name: of the term.
            token_cap: of the rollout's sampling config.
        """
        settings: dict[str, list[object]] = {
            "format": [self.format_pattern],
            "length": [self.length_buffer, token_cap],
            "language": [self.language_code],
        }
        return content_id("reward-term", name, *settings[name])[:12]

    def total(self, correctness: float, values: dict[str, float]) -> float:
        """Return the reward: the weighted sum of the verifier's reward and of the other terms' values."""
        return self.correctness * correctness + sum(self.weight(name) * value for name, value in values.items())

    def weight(self, name: str) -> float:
        """Return the weight of a term."""
        return float(getattr(self, name))

    def bounds(self, correctness: tuple[float, float]) -> tuple[float, float]:
        """Return the least and the most that a total can be, where the verifier's rewards are within `correctness`."""
        terms = [(self.correctness, correctness), *((getattr(self, name), TERM_RANGES[name]) for name in self.extra)]
        ends = [(min(weight * low, weight * high), max(weight * low, weight * high)) for weight, (low, high) in terms]
        return sum(low for low, _ in ends), sum(high for _, high in ends)


class RewardConfig(BaseModel):
    """`[train.reward]`: the weights of a reward's terms, which scoring reads too. Defaults: those of `RewardTerms`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    correctness: float = Field(default=1.0, allow_inf_nan=False)
    format: float = Field(default=0.0, allow_inf_nan=False)
    length: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    language: float = Field(default=0.0, allow_inf_nan=False)
    format_pattern: str = r"\\boxed\{"
    length_buffer: float = Field(default=0.2, ge=0, le=1)
    language_code: str = "en"

    @field_validator("format_pattern")
    @classmethod
    def _check_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from error
        return value

    @property
    def terms(self) -> RewardTerms:
        """Return the terms as one hashable value."""
        return RewardTerms(**self.model_dump())
