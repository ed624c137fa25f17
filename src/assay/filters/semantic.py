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
    """Drop a problem whose unit vector has a cosine of at least `threshold` to a kept one with a smaller id.

    Roles and media must be equal, and so must the protected tokens (`maths.text.invariant_tokens`), in any order,
    because paraphrases reorder sentences. `must_match` = "numbers" leaves out units and the words of comparison and
    operation, "none" all of them: then 3 and 5 apples are one problem to most encoders. If the order differs, the
    numbers must belong to the same words (`maths.text.reordering`): exchanged numbers make another problem.
    `same_answer` asks for equal gold answers. The two texts must also share words (`min_word_overlap`), because
    encoders give nearly the same vector to all texts of a script that they do not know, and read only the first part of
    a long text.

    No two kept problems are duplicates in this sense, and each dropped one is near the problem that its drop names. It
    compares all problems.

    Source: SemDeDup (arXiv:2303.09540), which compares inside k-means clusters and keeps the row farthest from the
    centroid. Here all rows of equal protected tokens are compared and the smallest id stays, so the result depends on
    no clustering.
    """

    threshold: float = 0.8  # cosine of MiniLM's vectors, (0, 1]; other encoders need another; higher drops fewer
    must_match: Literal["tokens", "numbers", "none"] = "tokens"  # which protected tokens must be equal
    same_answer: bool = True  # False: the texts alone decide
    min_word_overlap: float = 0.2  # [0, 1], minimum Jaccard similarity of the two sets of words; 0 = off
    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("encoder", "neighbours")

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or not 0 <= self.min_word_overlap <= 1:
            raise ValueError(
                f"threshold {self.threshold} must be in (0, 1] and min_word_overlap {self.min_word_overlap} in [0, 1]"
            )

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per paraphrase, ids ascending; the detail names the id that stays and the cosine.

        Raises:
            ValueError: the context has no encoder or no neighbours.
        """
        if context.encoder is None or context.neighbours is None:
            raise ValueError(
                f"this filter needs an encoder and a neighbour search to compare {len(problems)} problems with"
            )
        groups = [group for group in self._groups(problems, labels) if len(group) > 1]
        candidates = [problem for group in groups for problem in group]
        if not candidates:
            return []
        vectors = context.encoder.encode([bare_text(problem) for problem in candidates])
        drops, start = list[Drop](), 0
        for group in groups:
            drops += self._copies(group, vectors[start : start + len(group)], context.neighbours)
            start += len(group)
        return sorted(drops, key=lambda drop: drop.problem_id)

    def _copies(self, group: Sequence[Problem], vectors: NDArray[np.float32], neighbours: Neighbours) -> list[Drop]:
        texts = [comparison_form(bare_text(problem)) for problem in group]
        tokens = [self._respected(sequence) for sequence in protected_tokens_of_all(texts)]
        word_sets = [frozenset(words(text)) for text in texts]
        kept_rows, drops = set[int](), list[Drop]()
        for row, (rows, cosines) in enumerate(neighbours.above(vectors, vectors, self.threshold)):
            original = None
            for other, cosine in zip(map(int, rows), map(float, cosines), strict=True):
                if (
                    other in kept_rows
                    and (tokens[row] == tokens[other] or is_reordering(texts[row], texts[other]))
                    and jaccard(word_sets[row], word_sets[other]) >= self.min_word_overlap
                ):
                    original = (other, cosine)
                    break
            if original is None:
                kept_rows.add(row)
                continue
            detail = f"cosine {original[1]:.3f} to {group[original[0]].id}"
            drops.append(Drop("clean", "semantic_duplicate", group[row].id, detail, group[row].source))
        return drops

    def _groups(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[list[Problem]]:
        """Group problems, ids ascending, by everything that paraphrases must have in common."""
        problems_by_id = sorted(problems, key=lambda problem: problem.id)
        groups: dict[Key, list[Problem]] = {}
        for problem, key in zip(problems_by_id, self.joint_keys(problems_by_id, labels), strict=True):
            groups.setdefault(key, []).append(problem)
        return list(groups.values())

    def joint_keys(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Key]:
        """Return one key per problem: everything that paraphrases must have in common."""
        sequences = protected_tokens_of_all([comparison_form(bare_text(problem)) for problem in problems])
        keys: list[Key] = []
        for problem, sequence in zip(problems, sequences, strict=True):
            golds = (
                {str(answer_value(label.answer)) for label in labels.get(problem.id, ())} if self.same_answer else ()
            )
            tokens = tuple(sorted(self._respected(sequence)))
            keys.append((turn_roles(problem), problem.media, tokens, tuple(sorted(map(str, golds)))))
        return keys

    def _respected(self, sequence: tuple[str, ...]) -> tuple[str, ...]:
        return {"tokens": sequence, "numbers": amount_tokens(sequence), "none": ()}[self.must_match]
