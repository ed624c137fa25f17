"""`language`: problems in other languages than those wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.language import UNKNOWN, detect_language


@dataclass(frozen=True)
class Language:
    """Drop a problem whose words clearly belong to another language than those of `keep`; undecided ones stay.

    Script and commonest words decide (`maths.text.language`), formulas are left out. A problem of signs and single
    words has no language and stays, unless `keep_undecided` is false.
    """

    keep: tuple[str, ...] = ("en",)  # ISO 639-1 codes
    keep_undecided: bool = True  # keep problems whose language is undecided
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not self.keep:
            raise ValueError("keep must name at least one language")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per problem, in the order of the problems; the detail names the detected language."""
        languages = {*self.keep, *((UNKNOWN,) if self.keep_undecided else ())}
        drops = []
        for problem in problems:
            if (language := detect_language(problem.text)) not in languages:
                detail = f"{language}, not {' or '.join(self.keep)}"
                drops.append(Drop("clean", "language", problem.id, detail, problem.source))
        return drops
