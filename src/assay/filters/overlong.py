"""`overlong`: prompts that are too long for the policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem


@dataclass(frozen=True)
class Overlong:
    """Drop a problem whose prompt has more than `max_tokens` tokens for the policy.

    The policy's template, few-shot turns and tokenizer count, so a problem may stay for one policy and leave for
    another. Media count only as far as the engine's tokenizer counts them.
    """

    max_tokens: int = 1024  # maximum; fewer drops more
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("tokenizer",)

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, found {self.max_tokens}")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per problem that is too long, in the order of the problems; the detail holds both numbers.

        Raises:
            ValueError: the context has no tokenizer.
        """
        if context.tokenizer is None:
            raise ValueError(f"this filter needs a tokenizer to measure {len(problems)} problems")
        return [
            Drop("clean", "overlong", problem.id, f"{count} prompt tokens, more than {self.max_tokens}", problem.source)
            for problem, count in zip(problems, context.tokenizer.count(problems), strict=True)
            if count > self.max_tokens
        ]
