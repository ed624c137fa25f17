"""How much a teacher helps, with which rollouts, and what is done with its feedback."""

from dataclasses import dataclass

from assay.core.errors import ConfigError, suggest_names
from assay.training.trainer.schedules import SHARE_CURVES, guided_share

NEEDS = ("any", "wrong", "failed")


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    """Settings of a teacher's help, by their names in the config's `[train.teacher]`; the run's id hashes them.

    Raises:
        ConfigError: an unknown value, or a share outside [0, 1].
    """

    schedule: str = "linear"  # linear, cosine or constant, from `fraction` to `final_fraction`
    fraction: float = 0.1  # of a group's finished rollouts that need help, at the first step; more = more help
    final_fraction: float = 0.01
    decay_steps: int = 16  # steps over which the fraction changes
    stop_step: int | None = 8  # no help from this step on, counted from 0; None = as long as the schedule gives any
    apply_to: str = "any"  # wrong = only wrong rollouts; failed = only groups in which all are wrong (ReLIFT's rule)
    mask: str = "whole"  # which tokens the objective treats as guided: the "whole" sequence, or only the "teacher"'s
    student_continues: bool = (
        False  # True: the student continues after the feedback, whose tokens are left out of the loss
    )
    gold_fallback: bool = False  # True: where a group is still all wrong, a demonstration replaces one rollout
    on_unavailable: str = (
        "stop"  # an unreachable teacher ends the run ("stop"), or the step goes on without help ("continue")
    )
    max_tokens: int = 512  # per feedback

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("schedule", self.schedule, SHARE_CURVES),
            ("apply_to", self.apply_to, NEEDS),
            ("mask", self.mask, ("whole", "teacher")),
            ("on_unavailable", self.on_unavailable, ("stop", "continue")),
        ):
            if value not in choices:
                raise ConfigError(f"teacher.{name} is {value!r}; {suggest_names(value, choices)}")
        if not (0 <= self.final_fraction <= 1 and 0 <= self.fraction <= 1):
            raise ConfigError(
                f"teacher.fraction goes from {self.fraction} to {self.final_fraction}, but fractions must lie in [0, 1]"
            )

    def share_at(self, step: int) -> float:
        """Return the share of a step, counted from 0."""
        return guided_share(
            step,
            rule=self.schedule,
            first=self.fraction,
            last=self.final_fraction,
            length=self.decay_steps,
            off_after=self.stop_step,
        )
