"""`language`: a problem in a language that was not asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.language import UNKNOWN, detect_language


@dataclass(frozen=True)
class Language:
    """Drops a problem whose words are surely of another language than those of `keep`; what cannot be told stays.

    By script and commonest words (`maths.language`), formulas left out: a problem of signs and single words has no language and stays, unless
    `unknown` is false.
    """

    keep: tuple[str, ...] = ("en",)  # ISO 639-1 codes
    unknown: bool = True  # False: what cannot be told goes as well
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not self.keep:
            raise ValueError("keep names 0 languages")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a problem, in the order given; the detail names the language that was found."""
        drops = []
        for problem in problems:
            found = detect_language(problem.text)
            if found not in self.keep and not (found == UNKNOWN and self.unknown):
                drops.append(
                    Drop("clean", "language", problem.id, f"{found}, not {' or '.join(self.keep)}", problem.source)
                )
        return drops
