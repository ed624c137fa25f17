"""The table `[loop]` of the config: rounds of curation and training."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LoopConfig(BaseModel):
    """`[loop]`: curate, train, refresh, and again; what a refresh takes from training and what it attempts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: int = Field(default=2, ge=1)
    # of training, round by round, from the front again after the last; sft, dpo and kto learn what `[synthesize]` makes
    kinds: tuple[Literal["grpo", "sft", "dpo", "kto"], ...] = Field(default=("grpo",), min_length=1)
    recent_steps: int = Field(default=50, ge=0)  # last training steps whose rollouts are evidence; 0 = all is attempted
    discount: float = Field(default=0.98, ge=0, le=1)  # weight of a rollout per step of its age; 1 = all alike
    # widest interval that counts as decided; 0 = all problems are attempted, 1 = none that training met
    max_interval: float = Field(default=0.65, ge=0, le=1)
    # of the dropped problems, in each stratum of their last pass rate
    resample_fraction: float = Field(default=0.1, ge=0, le=1)
    # of the dropped problems that were never solved
    resample_unsolved_fraction: float = Field(default=0.25, ge=0, le=1)
    low: float = Field(default=0.1, ge=0, le=1)  # pass rates of the band whose drift is reported
    high: float = Field(default=0.9, ge=0, le=1)

    @model_validator(mode="after")
    def _check_band(self) -> "LoopConfig":
        if self.low >= self.high:
            raise ValueError(f"the band [low, high] = [{self.low}, {self.high}] is empty")
        return self
