"""`exact`: the same problem twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.normal_form import same_key


@dataclass(frozen=True)
class Exact:
    """Keeps the smallest id of each set of problems whose roles, texts and media are equal in the form for comparison, and drops the others.

    White space, Unicode's compatible spellings, the typesetting of mathematics (`maths.latex`) and instructions around the problem
    (`maths.wrappers`) are evened out: numbers, signs, letter case and punctuation all count. Pools all problems. Gold answers are not
    compared; `conflicting_labels` goes first.
    """

    version: ClassVar[str] = "2"  # of what it drops: another one is another key
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a copy, ids ascending; the detail names the id that stays."""
        kept: dict[object, str] = {}
        drops = []
        for problem in sorted(problems, key=lambda each: each.id):
            first = kept.setdefault(same_key(problem), problem.id)
            if first != problem.id:
                drops.append(Drop("clean", "duplicate", problem.id, f"same text as {first}", problem.source))
        return drops
