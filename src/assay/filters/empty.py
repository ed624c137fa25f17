"""`empty`: problems without any visible text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.words import normal_form


@dataclass(frozen=True)
class Empty:
    """Drop a problem without media whose turns hold only white space and invisible characters."""

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per blank problem, in the order of the problems."""
        return [
            Drop("clean", "empty", problem.id, _count_turns(problem), problem.source)
            for problem in problems
            if not _begins_visibly(problem) and not problem.media and not normal_form(problem.text)
        ]


def _begins_visibly(problem: Problem) -> bool:
    """Tell whether a problem's first character is one of ASCII that can be seen, as nearly always."""
    return bool(problem.messages) and "!" <= problem.messages[0].content[:1] <= "~"


def _count_turns(problem: Problem) -> str:
    return f"{len(problem.messages)} turns without a visible character"
