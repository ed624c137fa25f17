"""`overlong`: a prompt that is too long for the policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem


@dataclass(frozen=True)
class Overlong:
    """Drops a problem whose prompt has more than `tokens` tokens as the policy reads it: its template, few-shot turns and tokenizer included.

    So the same problem may stay for one policy and leave for another. Media count only as far as the engine's tokenizer counts them.
    """

    tokens: int = 1024  # at most; fewer drops more
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("tokenizer",)

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise ValueError(f"tokens {self.tokens} is below 1")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a problem that is too long, in the order given; the detail holds both numbers.

        Raises:
            ValueError: the bench has no tokenizer.
        """
        if bench.tokenizer is None:
            raise ValueError(f"no tokenizer to measure {len(problems)} problems")
        return [
            Drop("clean", "overlong", problem.id, f"{count} prompt tokens, more than {self.tokens}", problem.source)
            for problem, count in zip(problems, bench.tokenizer.count(problems), strict=True)
            if count > self.tokens
        ]
