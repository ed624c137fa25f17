"""The settings of a training run; what is sampled, and how, is in `SamplingConfig`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assay.core.rewards import RewardTerms
from assay.core.setting_names import first_names
from assay.training.teacher.settings import TeacherSettings

# Settings that change nothing about what is learnt: a run that differs in these alone has the same id.
NEUTRAL_SETTINGS = ("save_every", "eval_every", "report_to", "vllm_url")
LATER_SETTINGS = ("reward", "weights")  # which older runs' ids do not hold: left out where they have their defaults


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Everything that decides a run besides its curriculum, its policy and its sampling.

    The names are those of the config's `[train]`. The run's id hashes the values, under their first names.
    """

    objective: str = "grpo"  # a file in objectives/
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the objective
    steps: int = 2  # optimizer steps
    group_size: int = 8  # rollouts per problem, at least 2
    problems_per_step: int = 1  # problems per step
    learning_rate: float = 1e-6  # after warm-up
    warmup_steps: int = 0  # steps over which the rate rises from 0
    # last rate / highest rate, linear: 1 = constant, 1/3 = moderate decay, 0 = to nothing
    final_lr_fraction: float = 1.0
    kl_coef: float = 0.0  # coefficient of the KL to the base; above 0 a second copy of the base is in memory
    kl_schedule: str = "constant"  # or "rising": from kl_coef_min to kl_coef over the run
    kl_coef_min: float = 0.0  # of "rising"
    seed: int = 0
    micro_batch_size: int | None = (
        None  # rollouts per forward pass, None = one group; smaller = less memory, same update
    )
    mask_truncated: bool = False  # True: truncated rollouts are stored as evidence but not trained on
    allow_truncated: bool = False  # True: continue although nearly all rollouts of the first step are truncated
    teacher_settings: TeacherSettings | None = None  # how a teacher helps; None = no teacher
    reward: RewardTerms = field(default_factory=RewardTerms)  # of which a reward is the sum
    weights: str = "ignore"  # or "loss", "sampling": what the selection's weights do
    relift_batch: int = 0  # problems whose whole group failed per supervised pass; 0 = no such pass
    relift_learning_rate: float = 1e-6  # of that pass
    eval_every: int = 0  # steps between evaluations on held-out problems (and at start and end); 0 = none
    ema_alpha: float = 0.0  # weight of the newest in the average of the last 6 states, the checkpoint; 0 = no average
    lora_rank: int = 0  # of adapters trained instead of the weights, and merged into them at the end; 0 = the weights
    lora_alpha: float = 16.0  # the adapters' scale is alpha / rank
    vllm: str = ""  # "server" or "colocate": TRL's generation with vLLM; "" = transformers
    vllm_url: str = ""  # of "server"; "" = TRL's own default
    report_to: tuple[str, ...] = ()  # of tensorboard, wandb, trackio
    save_every: int = 25  # steps between the states from which a killed run resumes; 0 = none
    share_prompt: bool = True  # compute a group's prompt once; False = as TRL does, for models without a KV cache
    checkpointing: bool = False  # True: recompute activations, for less memory and more time; turns share_prompt off

    @property
    def rows(self) -> int:
        """Rollouts per forward pass."""
        return self.group_size if self.micro_batch_size is None else self.micro_batch_size

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that the run's id hashes."""
        averaging = {"save_every"} if self.ema_alpha else set[str]()  # it then decides which states are averaged
        left_out = set(NEUTRAL_SETTINGS) - averaging
        left_out |= {name for name in LATER_SETTINGS if getattr(self, name) == getattr(TrainingSettings(), name)}
        values = {name: value for name, value in asdict(self).items() if name not in left_out}
        teacher = values.pop("teacher_settings")
        # under the names of the first version, so that ids stay
        return {
            **first_names("train", "", values),
            "guidance": None if teacher is None else first_names("train.teacher", "", teacher),
        }
