"""The settings of a training on stored rows."""

from dataclasses import asdict, dataclass
from typing import Any

from assay.core.setting_names import first_names
from assay.training.trainer.settings import NEUTRAL_SETTINGS

LATER = ("desirable_weight", "undesirable_weight")  # came later: a default is not hashed, so that older ids stay


@dataclass(frozen=True, slots=True)
class OfflineSettings:
    """Everything that decides a run besides its rows, its policy and its sampling; its id hashes names and values."""

    epochs: float = 1.0  # passes over the rows; read where steps is 0
    steps: int = 0  # optimizer steps; 0 = as many as `epochs` needs
    rows_per_step: int = 16
    learning_rate: float = 1e-5  # after warm-up
    warmup_steps: int = 0  # steps over which the rate rises from 0
    final_lr_fraction: float = 1.0  # last rate / highest rate, linear: 1 = constant
    loss: str = ""  # one of `LOSSES` of the training; "" = the first
    beta: float = 0.1  # of preferences: larger = held nearer to the base
    desirable_weight: float = 1.0  # of KTO: of the losses of desirable answers
    undesirable_weight: float = 1.0  # and of those to avoid
    shuffle: bool = True  # each epoch in an order of its own; False = in the rows' order
    seed: int = 0
    micro_batch_size: int | None = (
        None  # rows per forward pass, None = a whole step; smaller = less memory, same update
    )
    eval_every: int = 0  # steps between evaluations on held-out problems (and at start and end); 0 = none
    ema_alpha: float = 0.0  # weight of the newest in the average of the last 6 states, the checkpoint; 0 = no average
    lora_rank: int = 0  # of adapters trained instead of the weights, and merged into them at the end; 0 = the weights
    lora_alpha: float = 16.0  # the adapters' scale is alpha / rank
    report_to: tuple[str, ...] = ()  # of tensorboard, wandb, trackio
    save_every: int = 25  # steps between the states from which a killed run resumes; 0 = none
    checkpointing: bool = False  # True: recompute activations, for less memory and more time

    @property
    def rows(self) -> int:
        """Rows per forward pass."""
        return self.rows_per_step if self.micro_batch_size is None else self.micro_batch_size

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that the run's id hashes."""
        averaging = {"save_every"} if self.ema_alpha else set[str]()  # it then decides which states are averaged
        neutral = set(NEUTRAL_SETTINGS) - averaging
        neutral |= {name for name in LATER if getattr(self, name) == getattr(OfflineSettings(), name)}
        values = {name: value for name, value in asdict(self).items() if name not in neutral}
        return first_names("train", "", values)  # so that ids stay
