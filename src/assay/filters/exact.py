"""`exact`: the same problem twice."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.normal_form import same_key


@dataclass(frozen=True)
class Exact:
    """Keep the smallest id of each set of problems with equal roles, texts and media, and drop the others.

    Texts are compared without differences in white space, Unicode spelling, the typesetting of mathematics
    (`maths.text.latex`) and instructions around the problem (`maths.text.instruction_wrappers`); numbers, signs, letter
    case and punctuation all count. It compares all problems. Gold answers are not compared; `conflicting_labels` runs
    first.
    """

    version: ClassVar[str] = "3"  # raised with every change of what is dropped, which changes the stage's key
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()

    def joint_keys(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Hashable]:
        """Return one key per problem, equal for copies."""
        return [same_key(problem) for problem in problems]

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per copy, ids ascending; the detail names the id that stays."""
        first_ids: dict[object, str] = {}
        drops = []
        for problem in sorted(problems, key=lambda problem: problem.id):
            first = first_ids.setdefault(same_key(problem), problem.id)
            if first != problem.id:
                drops.append(Drop("clean", "duplicate", problem.id, f"same text as {first}", problem.source))
        return drops
