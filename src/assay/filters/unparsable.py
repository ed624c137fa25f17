"""`unparsable`: a gold answer that its own verifier cannot read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem


@dataclass(frozen=True)
class Unparsable:
    """Drops a problem that has no label, or a label whose answer the verifier cannot parse: no attempt at it could ever be right."""

    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("judge",)

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a problem, in the order given; all answers go to the judge at once.

        Raises:
            ValueError: the bench has no judge.
        """
        if bench.judge is None:
            raise ValueError(f"no judge to read the labels of {len(problems)} problems")
        asked = [label for problem in problems for label in labels.get(problem.id, ())]
        unread = {
            label.problem_id: label for label, reads in zip(asked, bench.judge.reads(asked), strict=True) if not reads
        }
        drops = []
        for problem in problems:
            if problem.id in unread:
                label = unread[problem.id]
                detail = f"verifier {label.verifier!r} cannot read {label.answer[:80]!r}"
                drops.append(Drop("clean", "unparsable", problem.id, detail, problem.source))
            elif not labels.get(problem.id):
                drops.append(Drop("clean", "unparsable", problem.id, "no label", problem.source))
        return drops
