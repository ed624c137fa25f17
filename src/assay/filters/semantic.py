"""`semantic`: the same problem in other words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from assay.core.ports import FilterContext, Neighbours
from assay.core.types import Drop, Label, Problem
from assay.maths.text.invariant_tokens import amount_tokens, comparison_form, protected_tokens_of_all
from assay.maths.text.normal_form import bare_text, turn_roles
from assay.maths.text.reordering import is_reordering
from assay.maths.text.shingles import jaccard, words
from assay.maths.text.words import answer_value

Key = tuple[tuple[str, ...], ...]  # roles, media, protected tokens, gold answers


@dataclass(frozen=True)
class Semantic:
    """Drops a problem whose unit vector has a cosine of at least `threshold` to one with a smaller id that stays.

    Roles and media must be equal, and so must the protected tokens (`maths.protected`), in any order, since paraphrases turn sentences around.
    `respect` = "numbers" leaves out units and the words of comparison and operation, "none" all of them: then 3 and 5 apples are one problem
    to most encoders. Where the order differs, the numbers must belong to the same words (`maths.turned`): exchanged numbers make another
    problem. `same_answer` asks for equal gold answers. The two texts must share words too (`overlap`), because encoders give all
    texts of a script that they do not know nearly one vector, and read no more than their window of a long text.

    Of what stays, no two are duplicates in this sense; what goes is near what its drop names. Pools all problems.
    Source: SemDeDup (arXiv:2303.09540), which compares inside k-means clusters and keeps the row farthest from the centroid; here all rows of
    equal protected tokens are compared, and the smallest id stays, so that the result does not hang on a clustering.
    """

    threshold: float = 0.8  # cosine of MiniLM's vectors, (0, 1]; other encoders want another; higher drops fewer
    respect: Literal["tokens", "numbers", "none"] = "tokens"  # which protected tokens must be equal
    same_answer: bool = True  # False: the texts alone decide
    overlap: float = 0.2  # [0, 1], Jaccard similarity of the two sets of words, at least; 0 = off
    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("encoder", "neighbours")

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or not 0 <= self.overlap <= 1:
            raise ValueError(f"threshold {self.threshold} must be in (0, 1] and overlap {self.overlap} in [0, 1]")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop]:
        """One drop a paraphrase, ids ascending; the detail names the id that stays and the cosine.

        Raises:
            ValueError: the bench has no encoder or no neighbours.
        """
        if bench.encoder is None or bench.neighbours is None:
            raise ValueError(f"no encoder or no neighbours to compare {len(problems)} problems with")
        groups = [group for group in self._groups(problems, labels) if len(group) > 1]
        asked = [problem for group in groups for problem in group]
        if not asked:
            return []
        vectors, drops, at = bench.encoder.encode([bare_text(problem) for problem in asked]), list[Drop](), 0
        for group in groups:
            drops += self._copies(group, vectors[at : at + len(group)], bench.neighbours)
            at += len(group)
        return sorted(drops, key=lambda drop: drop.problem_id)

    def _copies(self, group: Sequence[Problem], vectors: NDArray[np.float32], neighbours: Neighbours) -> list[Drop]:
        texts = [comparison_form(bare_text(problem)) for problem in group]
        sequences, bags = (
            [self._respected(each) for each in protected_tokens_of_all(texts)],
            [frozenset(words(text)) for text in texts],
        )
        kept, drops = set[int](), list[Drop]()
        for row, (rows, cosines) in enumerate(neighbours.above(vectors, vectors, self.threshold)):
            near = [
                (int(other), float(cosine)) for other, cosine in zip(rows, cosines, strict=True) if int(other) in kept
            ]
            first = None
            for other, cosine in near:
                alike = sequences[row] == sequences[other] or is_reordering(texts[row], texts[other])
                if alike and jaccard(bags[row], bags[other]) >= self.overlap:
                    first = (other, cosine)
                    break
            if first is None:
                kept.add(row)
                continue
            detail = f"cosine {first[1]:.3f} to {group[first[0]].id}"
            drops.append(Drop("clean", "semantic_duplicate", group[row].id, detail, group[row].source))
        return drops

    def _groups(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[list[Problem]]:
        ordered = sorted(problems, key=lambda each: each.id)
        groups: dict[Key, list[Problem]] = {}
        for problem, sequence in zip(
            ordered, protected_tokens_of_all([comparison_form(bare_text(each)) for each in ordered]), strict=True
        ):
            golds = (
                sorted({str(answer_value(label.answer)) for label in labels.get(problem.id, ())})
                if self.same_answer
                else ()
            )
            key = (turn_roles(problem), problem.media, tuple(sorted(self._respected(sequence))), tuple(golds))
            groups.setdefault(key, []).append(problem)
        return list(groups.values())

    def _respected(self, sequence: tuple[str, ...]) -> tuple[str, ...]:
        return {"tokens": sequence, "numbers": amount_tokens(sequence), "none": ()}[self.respect]
