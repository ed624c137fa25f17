"""The table `[limit]` of a config."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LimitConfig(BaseModel):
    """`[limit]`: where to stop cleanly, with the best selection so far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, ge=0)
    gpu_hours: float | None = Field(default=None, ge=0)  # hours of the run times `gpus`
    gpus: float = Field(default=0, ge=0)  # that the run holds, those behind its servers included
    money: float | None = Field(default=None, ge=0)  # tokens generated at `price_per_million_tokens`
    price_per_million_tokens: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check_rates(self) -> "LimitConfig":
        if (self.gpu_hours is not None and not self.gpus) or (
            self.money is not None and not self.price_per_million_tokens
        ):
            raise ValueError("gpu_hours also needs gpus, and money also needs price_per_million_tokens")
        return self
