"""The tables `[sft]`, `[dpo]` and `[kto]` of the config: training on rows that synthesis stored."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class OfflineConfig(BaseModel):
    """What `[sft]`, `[dpo]` and `[kto]` share: training on rows that synthesis stored. Evaluation, adapters, the
    average, resume states, trackers and the folder are those of `[train]`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = ""  # of synthesis whose rows are learnt; "" = the one that the lake holds rows of
    verified: bool = True  # False: also rows that no verifier judged right
    min_confidence: float = Field(default=0.0, ge=0, le=1)  # rows below are left out
    epochs: float = Field(default=1.0, gt=0)  # passes over the rows
    steps: int = Field(default=0, ge=0)  # 0 = as many as `epochs` needs
    rows_per_step: int = Field(default=16, ge=1)
    warmup_steps: int = Field(default=0, ge=0)  # steps
    final_lr_fraction: float = Field(default=1.0, ge=0, le=1)  # last rate / highest; 1 = constant
    shuffle: bool = True  # False: rows in the order of their problems' ids
    seed: int = 0
    micro_batch_size: int | None = Field(default=None, ge=1)  # rows per forward pass; None = a whole step


class SftConfig(OfflineConfig):
    """`[sft]`: imitate stored answers."""

    learning_rate: float = Field(default=1e-5, gt=0)
    loss: Literal["nll", "dft"] = "nll"


class DpoConfig(OfflineConfig):
    """`[dpo]`: prefer the better of two stored answers."""

    learning_rate: float = Field(default=1e-6, gt=0)
    beta: float = Field(default=0.1, gt=0)  # larger = held nearer to the base
    loss: Literal["sigmoid", "sigmoid_norm", "hinge", "ipo", "nca_pair", "sppo_hard", "apo_zero", "apo_down"] = (
        "sigmoid"
    )


class KtoConfig(OfflineConfig):
    """`[kto]`: raise desirable stored answers and lower the others."""

    learning_rate: float = Field(default=1e-6, gt=0)
    beta: float = Field(default=0.1, gt=0)  # larger = held nearer to the base
    loss: Literal["kto", "apo_zero_unpaired"] = "kto"
    desirable_weight: float = Field(default=1.0, gt=0)  # factor on the losses of desirable answers
    # factor on the losses of answers to avoid; None = both sides weigh the same in total
    undesirable_weight: float | None = Field(default=None, gt=0)
