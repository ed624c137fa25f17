"""`empty`: nothing was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.words import normal_form


@dataclass(frozen=True)
class Empty:
    """Drops a problem whose turns hold nothing but white space and characters that show nothing, and that has no media."""

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a blank problem, in the order given."""
        return [
            Drop(
                "clean",
                "empty",
                problem.id,
                f"{len(problem.messages)} turns without a visible character",
                problem.source,
            )
            for problem in problems
            if not problem.media and not normal_form(problem.text)
        ]
