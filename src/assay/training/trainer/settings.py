"""How to train; what is sampled, and how, is the Sampler's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assay.training.teacher.hook import TeacherSettings

NEUTRAL = (
    "save_every",
    "eval_every",
    "report_to",
    "vllm_url",
)  # settings that change nothing about what is learnt, so the run that they belong to is the same


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides a run beside its curriculum, its policy and its sampler."""

    objective: str = "grpo"  # a file in objectives/
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the objective
    steps: int = 2  # optimiser steps
    group_size: int = 8  # rollouts a problem, at least 2
    groups: int = 1  # problems a step
    learning_rate: float = 1e-6  # after warm-up
    warmup: int = 0  # steps over which the rate rises to it
    learning_rate_end: float = (
        1.0  # the last rate / the highest: 1 = constant, 1/3 = moderate decay, 0 = to nothing; linear
    )
    beta: float = 0.0  # weight of the KL to the base; above 0 a second copy of the base is held in memory
    beta_rule: str = "constant"  # or "rising": from beta_least to beta over the run
    beta_least: float = 0.0  # of "rising"
    seed: int = 0
    micro_batch: int | None = None  # rollouts a forward pass, None = one group; smaller = less memory, same update
    mask_truncated: bool = False  # True: rollouts cut by the limit are kept as evidence but not trained on
    allow_truncated: bool = False  # True: go on though nearly all rollouts of the first step are cut
    guidance: TeacherSettings | None = None  # how a teacher helps; None = not at all
    relift: int = 0  # problems whose whole group failed that make one supervised pass; 0 = none is made
    relift_learning_rate: float = 1e-6  # of that pass
    eval_every: int = (
        0  # steps between attempts at the held-out problems, also before the first and after the last; 0 = none
    )
    average: float = 0.0  # share of the newest in the running average of the last 6 states, which is the checkpoint then; 0 = no average
    lora_rank: int = 0  # of the adapters that are trained in the place of the weights, and merged into them at the end; 0 = the weights
    lora_alpha: float = 16.0  # the adapters' scale is alpha / rank
    vllm: str = ""  # "server" or "colocate": TRL's vLLM generation; "" = transformers
    vllm_url: str = ""  # of "server"; "" = TRL's own default
    report_to: tuple[str, ...] = ()  # of tensorboard, wandb, trackio
    save_every: int = 25  # steps between the states that a killed run goes on from; 0 = none
    share_prompt: bool = (
        True  # compute a group's prompt once; False = row by row, as TRL does: for models without an ordinary cache
    )
    checkpointing: bool = False  # True: recompute activations, for less memory and more time; turns share_prompt off

    @property
    def rows(self) -> int:
        """Rollouts a forward pass."""
        return self.group_size if self.micro_batch is None else self.micro_batch

    @property
    def decisive(self) -> dict[str, Any]:
        """What the run's id hashes."""
        averaging = {"save_every"} if self.average else set[str]()  # then it says which states are averaged
        return {name: value for name, value in asdict(self).items() if name not in set(NEUTRAL) - averaging}
