"""`unparsable`: gold answers that their own verifier cannot read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem


@dataclass(frozen=True)
class Unparsable:
    """Drop a problem without a label, or with one whose answer its verifier cannot parse: no attempt could be right."""

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per problem, in the order of the problems; the judge gets all answers at once.

        Raises:
            ValueError: the context has no judge.
        """
        if context.judge is None:
            raise ValueError(f"this filter needs a verifier to read the gold answers of {len(problems)} problems")
        all_labels = [label for problem in problems for label in labels.get(problem.id, ())]
        can_read = context.judge.reads(all_labels)
        unreadable_labels = {
            label.problem_id: label for label, reads in zip(all_labels, can_read, strict=True) if not reads
        }
        drops = []
        for problem in problems:
            if problem.id in unreadable_labels:
                label = unreadable_labels[problem.id]
                detail = f"verifier {label.verifier!r} cannot read {label.answer[:80]!r}"
                drops.append(Drop("clean", "unparsable", problem.id, detail, problem.source))
            elif not labels.get(problem.id):
                drops.append(Drop("clean", "unparsable", problem.id, "no label", problem.source))
        return drops
