"""`contaminated`: a problem of a benchmark in the pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

from assay.core.notes import Note
from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.invariant_tokens import (
    comparison_form,
    mask_numbers,
    protected_tokens,
    protected_tokens_of_all,
    replace_numbers,
)
from assay.maths.text.normal_form import bare_text
from assay.maths.text.reordering import is_reordering
from assay.maths.text.shingles import Shingles, jaccard, shingles, terms, words

SLACK = 1e-9


@dataclass(frozen=True)
class Contaminated:
    """Drops a problem that repeats one of a benchmark: word for word inside a longer text, nearly word for word, or in other words.

    Always, media must be equal and the benchmark problem's protected tokens (`maths.protected`: numbers, signs, units, comparison words,
    mathematics) must return, so that a template with other numbers is no repeat. Then one of three must hold:

    - ngram: at least `coverage` of the benchmark problem's own `words`-grams stand in the text, and its protected tokens stand there in a
      row. N-grams that two different benchmark problems share are boilerplate and do not count, nor do problems shorter than an n-gram.
    - near: the same protected tokens in the same order, and a Jaccard similarity of word 3-shingles of at least `near`.
    - semantic: the same protected tokens, a cosine of at least `semantic`, and a tenth of the words in common; where the order of the tokens
      differs, the numbers must belong to the same words (`maths.turned`).

    A problem that is none of these, and has the words and tokens of a benchmark problem but for its numbers, is of the same template: the same
    steps solve both. It is noted (`same_template`) and stays, unless the setting says otherwise. Two texts of one template share at least
    `near` of their shingles with every number masked, and have at least `words` words.

    Instructions around a problem and the typesetting of mathematics are evened out on both sides (`maths.sameness`, `maths.protected.plain`).
    Gold answers are not compared. A problem alone is judged as in company: only the benchmarks decide.
    Source: one shared n-gram is contamination in GPT-3 (arXiv:2005.14165, sec. 4, n = 13) and s1 (arXiv:2501.19393, app. C.5, n = 8); the
    coverage and the guards are ours.
    """

    against: tuple[
        dict[str, Any], ...
    ] = ()  # the benchmarks, each a table as in [[source]]: { part = "files", paths = "test.jsonl", ... }
    words: int = 8  # of an n-gram; more finds less
    coverage: float = 0.6  # (0, 1]; higher drops fewer
    near: float = 0.7  # (0, 1]; higher drops fewer
    semantic: float = 0.8  # cosine of MiniLM's vectors, (0, 1]; other encoders want another; higher drops fewer
    same_template: Literal["note", "drop", "off"] = "note"  # a benchmark problem with other numbers
    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("encoder", "neighbours", "benchmarks")

    def __post_init__(self) -> None:
        for name in ("coverage", "near", "semantic"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} must be in (0, 1]")
        if self.words < 3:
            raise ValueError(f"words {self.words} of an n-gram are below 3")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> list[Drop | Note]:
        """One drop a contaminated problem and one note a problem of the same template, each in the order given.

        Details name the benchmark, its problem and the match.

        Raises:
            ValueError: the bench has no encoder, no neighbours or no benchmarks, or a benchmark without a problem.
        """
        if bench.encoder is None or bench.neighbours is None or not bench.benchmarks:
            raise ValueError(f"no encoder, no neighbours or no benchmarks to compare {len(problems)} problems with")
        if empty := [name for name, held in bench.benchmarks.items() if not held]:
            raise ValueError(f"benchmark {empty[0]!r} holds 0 problems: nothing could be found in it")
        if not problems:
            return []
        sets = _Benchmarks(bench.benchmarks, self.words)
        texts = [comparison_form(bare_text(problem)) for problem in problems]
        sequences = protected_tokens_of_all(texts)
        found = self._ngrams(problems, texts, sequences, sets)
        for row, match in self._nears(problems, texts, sequences, sets).items():
            found.setdefault(row, match)
        left = [row for row in range(len(problems)) if row not in found]
        found |= self._semantics(
            [problems[row] for row in left], [texts[row] for row in left], left, sequences, sets, bench
        )
        drops = [
            Drop("clean", "contaminated", problems[row].id, found[row], problems[row].source) for row in sorted(found)
        ]
        return [*drops, *self._templates([row for row in left if row not in found], problems, texts, sequences, sets)]

    def _templates(
        self,
        rows: Sequence[int],
        problems: Sequence[Problem],
        texts: Sequence[str],
        sequences: Sequence[tuple[str, ...]],
        sets: "_Benchmarks",
    ) -> list[Drop | Note]:
        """What is said of problems that are a benchmark problem with other numbers."""
        made = list[Drop | Note]()
        for row in rows if self.same_template != "off" else ():
            for other in sets.by_template.get((problems[row].media, mask_numbers(sequences[row])), ()):
                similarity = jaccard(
                    shingles(replace_numbers(texts[row])), shingles(replace_numbers(sets.texts[other]))
                )
                if similarity >= self.near - SLACK and len(words(texts[row])) >= self.words:
                    kind = Drop if self.same_template == "drop" else Note
                    told = f"{similarity:.2f} of {sets.names[other]} {sets.problems[other].id} but for its numbers"
                    made.append(kind("clean", "same_template", problems[row].id, told, source=problems[row].source))
                    break
        return made

    def _ngrams(
        self,
        problems: Sequence[Problem],
        texts: Sequence[str],
        sequences: Sequence[tuple[str, ...]],
        sets: "_Benchmarks",
    ) -> dict[int, str]:
        found: dict[int, str] = {}
        for row, text in enumerate(texts):
            for other, share in sets.covered(text):
                same = sets.problems[other].media == problems[row].media and _inside(
                    sets.sequences[other], sequences[row]
                )
                if share >= self.coverage - SLACK and same:
                    found[row] = f"ngram: {share:.2f} of {sets.names[other]} {sets.problems[other].id}"
                    break
        return found

    def _nears(
        self,
        problems: Sequence[Problem],
        texts: Sequence[str],
        sequences: Sequence[tuple[str, ...]],
        sets: "_Benchmarks",
    ) -> dict[int, str]:
        found: dict[int, str] = {}
        for row, sequence in enumerate(sequences):
            for other in sets.by_sequence.get((problems[row].media, sequence), ()):
                similarity = jaccard(shingles(texts[row]), sets.shingles[other])
                if similarity >= self.near - SLACK:
                    found[row] = f"near: {similarity:.2f} to {sets.names[other]} {sets.problems[other].id}"
                    break
        return found

    def _semantics(
        self,
        problems: Sequence[Problem],
        texts: Sequence[str],
        rows: Sequence[int],
        sequences: Sequence[tuple[str, ...]],
        sets: "_Benchmarks",
        bench: FilterContext,
    ) -> dict[int, str]:
        bags = {
            (each.media, tuple(sorted(sequence))) for each, sequence in zip(sets.problems, sets.sequences, strict=True)
        }
        at = [i for i, row in enumerate(rows) if (problems[i].media, tuple(sorted(sequences[row]))) in bags]
        if not at or bench.encoder is None or bench.neighbours is None:
            return {}
        ours, theirs = (
            bench.encoder.encode([bare_text(each) for each in side])
            for side in ([problems[i] for i in at], sets.problems)
        )
        found: dict[int, str] = {}
        for i, (others, cosines) in zip(at, bench.neighbours.above(ours, theirs, self.semantic), strict=True):
            for other, cosine in zip(others.tolist(), cosines.tolist(), strict=True):
                if self._same(problems[i], texts[i], sequences[rows[i]], other, sets):
                    found[rows[i]] = f"semantic: {cosine:.3f} to {sets.names[other]} {sets.problems[other].id}"
                    break
        return found

    def _same(self, problem: Problem, text: str, sequence: tuple[str, ...], other: int, sets: "_Benchmarks") -> bool:
        if problem.media != sets.problems[other].media or sorted(sequence) != sorted(sets.sequences[other]):
            return False
        if sequence != sets.sequences[other] and not is_reordering(text, sets.texts[other]):
            return False
        return jaccard(frozenset(words(text)), frozenset(words(sets.texts[other]))) >= 0.1


class _Benchmarks:
    """Every problem of every benchmark, in ascending order of name and id, and what each is found by."""

    def __init__(self, benchmarks: Mapping[str, Sequence[Problem]], size: int) -> None:
        held = sorted({(name, problem.id): problem for name, found in benchmarks.items() for problem in found}.items())
        self.names, self.problems, self.size = [name for (name, _), _ in held], [problem for _, problem in held], size
        self.texts = [comparison_form(bare_text(problem)) for problem in self.problems]
        self.sequences = [protected_tokens(text) for text in self.texts]
        self.shingles: list[Shingles] = [shingles(text) for text in self.texts]
        self.by_sequence: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
        for row, (problem, sequence) in enumerate(zip(self.problems, self.sequences, strict=True)):
            self.by_sequence.setdefault((problem.media, sequence), []).append(row)

    @cached_property
    def by_template(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]]:
        """The problems of each sequence of tokens with its numbers masked; those without a number have no template."""
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
        for row, (problem, sequence) in enumerate(zip(self.problems, self.sequences, strict=True)):
            if (template := mask_numbers(sequence)) != sequence:
                found.setdefault((problem.media, template), []).append(row)
        return found

    @cached_property
    def _index(self) -> tuple[dict[tuple[str, ...], list[int]], list[int]]:
        """n-gram -> the problems that it tells of, and how many such n-grams each has; boilerplate is left out."""
        index: dict[tuple[str, ...], list[int]] = {}
        for row, text in enumerate(self.texts):
            for gram in shingles(text, self.size):
                if len(gram) == self.size:
                    index.setdefault(gram, []).append(row)
        own = {gram: rows for gram, rows in index.items() if len({self.sequences[row] for row in rows}) == 1}
        counts = [0] * len(self.texts)
        for rows in own.values():
            for row in rows:
                counts[row] += 1
        return own, counts

    @cached_property
    def _blocks(self) -> frozenset[tuple[str, ...]]:
        """Every run of half as many words as an n-gram that stands in one."""
        half, grams = (self.size + 1) // 2, self._index[0]
        return frozenset(gram[at : at + half] for gram in grams for at in range(self.size - half + 1))

    def _shared(self, found: list[str]) -> set[tuple[str, ...]]:
        """The n-grams of a text that tell of a problem.

        Of the text's words only every run of half an n-gram's length that begins at a multiple of it is looked up first: each n-gram holds one
        whole.
        """
        half, index, blocks = (self.size + 1) // 2, self._index[0], self._blocks
        made = set[tuple[str, ...]]()
        for at, block in enumerate(zip(*[iter(found)] * half, strict=False)):
            if block in blocks:
                end = at * half + 1
                made |= {
                    tuple(found[start : start + self.size]) for start in range(max(end + half - 1 - self.size, 0), end)
                }
        return made & index.keys()

    def covered(self, text: str) -> list[tuple[int, float]]:
        """The problems whose n-grams stand in the text, with the share that does, problems ascending."""
        index, counts = self._index
        hits: dict[int, int] = {}
        for gram in self._shared(terms(text)):
            for row in index[gram]:
                hits[row] = hits.get(row, 0) + 1
        return [(row, hits[row] / counts[row]) for row in sorted(hits)]


def _inside(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Whether the tokens of one stand in the other in a row."""
    if not part:
        return True
    starts = (at for at, token in enumerate(whole[: len(whole) - len(part) + 1]) if token == part[0])
    return any(whole[at : at + len(part)] == part for at in starts)
