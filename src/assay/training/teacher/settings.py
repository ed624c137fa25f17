"""How much a teacher helps, with which rollouts, and what is done with its feedback."""

from dataclasses import dataclass

from assay.core.errors import ConfigError, suggest_names
from assay.training.trainer.schedules import SHARE_CURVES, guided_share

NEEDS = ("any", "wrong", "failed")


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    """Settings of a teacher's help; the run's id hashes names and values.

    Raises:
        ConfigError: an unknown value, or a share outside [0, 1].
    """

    schedule: str = "linear"  # linear, cosine or constant, from `share` to `share_last`
    share: float = 0.1  # of a group's finished rollouts that need help, at the first step; more = more help
    share_last: float = 0.01
    length: int = 16  # steps over which the share changes
    off_after: int | None = 8  # no help from this step on, counted from 0; None = as long as the schedule gives any
    need: str = "any"  # wrong = only wrong rollouts; failed = only groups in which all are wrong (ReLIFT's rule)
    mask: str = "whole"  # which tokens the objective treats as guided: the "whole" sequence, or only the "teacher"'s
    go_on: bool = False  # True: the student continues after the feedback, whose tokens are left out of the loss
    gold: bool = False  # True: where a group is still all wrong, a demonstration replaces one rollout
    if_gone: str = "stop"  # an unreachable teacher ends the run ("stop"), or the step goes on without help ("go_on")
    max_tokens: int = 512  # per feedback

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("schedule", self.schedule, SHARE_CURVES),
            ("apply_to", self.need, NEEDS),
            ("mask", self.mask, ("whole", "teacher")),
            ("on_unavailable", self.if_gone, ("stop", "go_on")),
        ):
            if value not in choices:
                raise ConfigError(f"teacher.{name} is {value!r}; {suggest_names(value, choices)}")
        if not (0 <= self.share_last <= 1 and 0 <= self.share <= 1):
            raise ConfigError(
                f"teacher.fraction goes from {self.share} to {self.share_last}, but fractions must lie in [0, 1]"
            )

    def share_at(self, step: int) -> float:
        """Return the share of a step, counted from 0."""
        return guided_share(
            step,
            rule=self.schedule,
            first=self.share,
            last=self.share_last,
            length=self.length,
            off_after=self.off_after,
        )
