"""`near`: the same problem in almost the same words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.invariant_tokens import comparison_form, protected_tokens_of_all
from assay.maths.text.normal_form import bare_turns
from assay.maths.text.shingles import first_similar, shingles
from assay.maths.text.words import answer_value

Key = tuple[tuple[str, ...], ...]  # roles, media, protected tokens, gold answers


@dataclass(frozen=True)
class Near:
    """Drop a problem that is a near-duplicate of a kept one with a smaller id.

    Two problems are near-duplicates if their roles, media and sequences of protected tokens are equal
    (`maths.text.invariant_tokens`: numbers, signs, units, comparison words, mathematics) and the exact Jaccard
    similarity of their word shingles is at least `threshold`. So a changed number is never a copy, and paraphrases are
    not found. With `same_answer` the gold answers must be equal too: of 13 pairs that the texts alone found in GSM8K,
    MATH and SVAMP, 8 had different answers and none of the 8 was a copy (girls for boys, one spelt word for another).

    No two kept problems are near-duplicates, and each dropped one is near the problem that its drop names. It compares
    all problems.
    """

    threshold: float = 0.7  # (0, 1], 1 = the same shingles; higher drops fewer
    shingle_words: int = 3  # per shingle
    same_answer: bool = True  # False: the texts alone decide
    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or self.shingle_words < 1:
            raise ValueError(
                f"threshold {self.threshold} must be in (0, 1] and shingle_words {self.shingle_words} at least 1"
            )

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop]:
        """Return one drop per near-duplicate, ids ascending; the detail names the id that stays and the similarity."""
        groups = [group for group in self._groups(problems, labels) if len(group) > 1]
        return sorted((drop for group in groups for drop in self._copies(group)), key=lambda drop: drop.problem_id)

    def _copies(self, group: list[tuple[Problem, str]]) -> list[Drop]:
        matches = first_similar([shingles(text, self.shingle_words) for _, text in group], self.threshold)
        drops = []
        for (problem, _), (row, similarity) in zip(group, matches, strict=True):
            original = group[row][0]
            if original.id != problem.id:
                detail = f"similarity {similarity:.3f} to {original.id}"
                drops.append(Drop("clean", "near_duplicate", problem.id, detail, problem.source))
        return drops

    def joint_keys(self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]) -> list[Key]:
        """Return one key per problem: everything that near-duplicates must have in common."""
        return [key for key, _ in self._keys_and_texts(problems, labels)]

    def _groups(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]
    ) -> list[list[tuple[Problem, str]]]:
        """Group problems by their keys, ids ascending."""
        problems_by_id = sorted(problems, key=lambda problem: problem.id)
        groups: dict[Key, list[tuple[Problem, str]]] = {}
        for problem, (key, text) in zip(problems_by_id, self._keys_and_texts(problems_by_id, labels), strict=True):
            groups.setdefault(key, []).append((problem, text))
        return list(groups.values())

    def _keys_and_texts(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]]
    ) -> list[tuple[Key, str]]:
        turns_of = [bare_turns(problem) for problem in problems]
        texts = [comparison_form("\n".join(text for _, text in turns)) for turns in turns_of]
        keys: list[tuple[Key, str]] = []
        for problem, turns, text, tokens in zip(problems, turns_of, texts, protected_tokens_of_all(texts), strict=True):
            golds = (
                {str(answer_value(label.answer)) for label in labels.get(problem.id, ())} if self.same_answer else ()
            )
            key = (tuple(role for role, _ in turns), problem.media, tokens, tuple(sorted(map(str, golds))))
            keys.append((key, text))
        return keys
