"""`contaminated`: problems of a benchmark in the pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

from assay.core.notes import Note
from assay.core.ports import FilterContext
from assay.core.types import Drop, Label, Problem
from assay.maths.text.invariant_tokens import (
    comparison_form,
    mask_numbers,
    protected_tokens_of_all,
    replace_numbers,
)
from assay.maths.text.normal_form import bare_text
from assay.maths.text.reordering import is_reordering
from assay.maths.text.shingles import Shingles, jaccard, shingles, terms, words

SLACK = 1e-9
MIN_COMMON_WORDS = 0.1  # Jaccard similarity of the sets of words of a semantic match
Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Contaminated:
    """Drop a problem that repeats one of a benchmark: verbatim in a longer text, almost verbatim, or in other words.

    In every case the media must be equal and the benchmark problem's protected tokens (`maths.text.invariant_tokens`:
    numbers, signs, units, comparison words, mathematics) must be there too, so a template with other numbers is not a
    repeat. Then one of three must hold:

    - ngram: the text holds at least `min_coverage` of the benchmark problem's own `ngram_words`-grams, and its
      protected tokens in a row. N-grams that two different benchmark problems share are boilerplate and do not count,
      nor do problems shorter than an n-gram.
    - near: the same protected tokens in the same order, and a Jaccard similarity of word 3-shingles of at least
      `near_threshold`.
    - semantic: the same protected tokens, a cosine of at least `semantic_threshold`, and a tenth of the words in
      common; if the order of the tokens differs, the numbers must belong to the same words (`maths.text.reordering`).

    A problem that is none of these, but has the words and tokens of a benchmark problem apart from its numbers, is of
    the same template: the same steps solve both. It gets a note (`same_template`) and stays, unless the setting says
    otherwise. Two texts of one template share at least `near_threshold` of their shingles with every number masked, and
    have at least `ngram_words` words.

    Both sides are compared without instructions around the problem and with mathematics in one spelling
    (`maths.text.normal_form`, `comparison_form`). Gold answers are not compared. Each problem is judged by itself: only
    the benchmarks matter.

    Source: one shared n-gram is contamination in GPT-3 (arXiv:2005.14165, sec. 4, n = 13) and s1 (arXiv:2501.19393,
    app. C.5, n = 8); the coverage and the guards are ours.
    """

    # The benchmarks, each a table as in [[source]]: { type = "files", paths = "test.jsonl", ... }
    against: tuple[dict[str, Any], ...] = ()
    ngram_words: int = 8  # per n-gram; more finds less
    min_coverage: float = 0.6  # (0, 1]; higher drops fewer
    near_threshold: float = 0.7  # (0, 1]; higher drops fewer
    semantic_threshold: float = 0.8  # cosine of MiniLM's vectors, (0, 1]; higher drops fewer; differs by encoder
    same_template: Literal["note", "drop", "off"] = "note"  # a benchmark problem with other numbers
    version: ClassVar[str] = "2"
    joint: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("encoder", "neighbours", "benchmarks")

    def __post_init__(self) -> None:
        for name in ("min_coverage", "near_threshold", "semantic_threshold"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} must be in (0, 1]")
        if self.ngram_words < 3:
            raise ValueError(f"ngram_words (the length of an n-gram) must be at least 3, found {self.ngram_words}")

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> list[Drop | Note]:
        """Return drops of contaminated problems, then notes on those of the same template, in the problems' order.

        Details name the benchmark, its problem and the kind of match.

        Raises:
            ValueError: the context has no encoder, no neighbours or no benchmarks, or a benchmark without a problem.
        """
        if context.encoder is None or context.neighbours is None or not context.benchmarks:
            raise ValueError(
                f"this filter needs an encoder, a neighbour search and benchmarks to compare {len(problems)} "
                "problems with"
            )
        if empty := [name for name, benchmark in context.benchmarks.items() if not benchmark]:
            raise ValueError(f"benchmark {empty[0]!r} holds no problems, so nothing can be compared with it")
        if not problems:
            return []
        index = BenchmarkIndex(context.benchmarks, self.ngram_words)
        pool = _compare_forms(problems)
        matches = self._lexical_matches(pool, index)
        matches |= self._semantic_matches(
            {row: text for row, text in enumerate(pool) if row not in matches}, index, context
        )
        drops = [
            Drop("clean", "contaminated", text.problem.id, matches[row], text.problem.source)
            for row, text in enumerate(pool)
            if row in matches
        ]
        remaining = [text for row, text in enumerate(pool) if row not in matches]
        return [*drops, *self._template_matches(remaining, index)]

    def find_repeats(self, problems: Sequence[Problem], benchmarks: Mapping[str, Sequence[Problem]]) -> dict[int, str]:
        """Find repeats by their words alone (ngram, near), which needs no encoder.

        Args:
            problems: to look at.
            benchmarks: problems by the benchmark's name.

        Returns:
            Row of a problem -> benchmark, problem and kind of match.
        """
        return self._lexical_matches(_compare_forms(problems), BenchmarkIndex(benchmarks, self.ngram_words))

    def _lexical_matches(self, pool: Sequence["_Compared"], index: "BenchmarkIndex") -> dict[int, str]:
        matches = (self._ngram_match(text, index) or self._near_match(text, index) for text in pool)
        return {row: match for row, match in enumerate(matches) if match}

    def _ngram_match(self, text: "_Compared", index: "BenchmarkIndex") -> str:
        for other, share in index.coverage(text.text):
            benchmark = index.compared[other]
            is_same = benchmark.problem.media == text.problem.media and _is_run(benchmark.tokens, text.tokens)
            if is_same and share >= self.min_coverage - SLACK:
                return f"ngram: {share:.2f} of {index.describe(other)}"
        return ""

    def _near_match(self, text: "_Compared", index: "BenchmarkIndex") -> str:
        for other in index.by_tokens.get((text.problem.media, text.tokens), ()):
            similarity = jaccard(shingles(text.text), index.shingles[other])
            if similarity >= self.near_threshold - SLACK:
                return f"near: {similarity:.2f} to {index.describe(other)}"
        return ""

    def _semantic_matches(
        self, pool: Mapping[int, "_Compared"], index: "BenchmarkIndex", context: FilterContext
    ) -> dict[int, str]:
        """Find paraphrases among problems that have the protected tokens of a benchmark problem, in any order."""
        token_sets = {(benchmark.problem.media, tuple(sorted(benchmark.tokens))) for benchmark in index.compared}
        candidates = {
            row: text for row, text in pool.items() if (text.problem.media, tuple(sorted(text.tokens))) in token_sets
        }
        if not candidates or context.encoder is None or context.neighbours is None:
            return {}
        ours = context.encoder.encode([bare_text(text.problem) for text in candidates.values()])
        theirs = context.encoder.encode([bare_text(benchmark.problem) for benchmark in index.compared])
        matches: dict[int, str] = {}
        neighbours = context.neighbours.above(ours, theirs, self.semantic_threshold)
        for (row, text), (others, cosines) in zip(candidates.items(), neighbours, strict=True):
            for other, cosine in zip(others.tolist(), cosines.tolist(), strict=True):
                if _is_paraphrase(text, index.compared[other]):
                    matches[row] = f"semantic: {cosine:.3f} to {index.describe(other)}"
                    break
        return matches

    def _template_matches(self, pool: Sequence["_Compared"], index: "BenchmarkIndex") -> list[Drop | Note]:
        """Return a note, or a drop, for each problem that is a benchmark problem with other numbers."""
        results = list[Drop | Note]()
        kind = Drop if self.same_template == "drop" else Note
        for text in pool if self.same_template != "off" else ():
            for other in index.by_template.get((text.problem.media, mask_numbers(text.tokens)), ()):
                masked = shingles(replace_numbers(text.text)), shingles(replace_numbers(index.compared[other].text))
                similarity = jaccard(*masked)
                if similarity >= self.near_threshold - SLACK and len(words(text.text)) >= self.ngram_words:
                    detail = f"{similarity:.2f} of {index.describe(other)} but for its numbers"
                    results.append(kind("clean", "same_template", text.problem.id, detail, source=text.problem.source))
                    break
        return results


class _Compared(NamedTuple):
    """A problem in the form for comparison."""

    problem: Problem
    text: str
    tokens: Tokens  # protected tokens, in their order


def _compare_forms(problems: Sequence[Problem]) -> list[_Compared]:
    texts = [comparison_form(bare_text(problem)) for problem in problems]
    return [_Compared(*row) for row in zip(problems, texts, protected_tokens_of_all(texts), strict=True)]


def _is_paraphrase(text: _Compared, benchmark: _Compared) -> bool:
    if text.problem.media != benchmark.problem.media or sorted(text.tokens) != sorted(benchmark.tokens):
        return False
    if text.tokens != benchmark.tokens and not is_reordering(text.text, benchmark.text):
        return False
    return jaccard(frozenset(words(text.text)), frozenset(words(benchmark.text))) >= MIN_COMMON_WORDS


def _is_run(part: Tokens, whole: Tokens) -> bool:
    """Tell whether the tokens of `part` stand in `whole` in a row."""
    if not part:
        return True
    starts = (start for start, token in enumerate(whole[: len(whole) - len(part) + 1]) if token == part[0])
    return any(whole[start : start + len(part)] == part for start in starts)


class BenchmarkIndex:
    """Every problem of every benchmark, in ascending order of name and id, with indexes to find matches."""

    def __init__(self, benchmarks: Mapping[str, Sequence[Problem]], size: int) -> None:
        """Index benchmarks for n-grams of `size` words."""
        by_place = {(name, problem.id): problem for name, problems in benchmarks.items() for problem in problems}
        places = sorted(by_place)
        self.names, self.size = [name for name, _ in places], size
        self.compared = _compare_forms([by_place[place] for place in places])
        self.shingles: list[Shingles] = [shingles(benchmark.text) for benchmark in self.compared]
        self.by_tokens: dict[tuple[Tokens, Tokens], list[int]] = {}
        for row, benchmark in enumerate(self.compared):
            self.by_tokens.setdefault((benchmark.problem.media, benchmark.tokens), []).append(row)

    def describe(self, row: int) -> str:
        """Return the benchmark's name and the problem's id."""
        return f"{self.names[row]} {self.compared[row].problem.id}"

    @cached_property
    def by_template(self) -> dict[tuple[Tokens, Tokens], list[int]]:
        """The problems of each sequence of tokens with masked numbers; problems without a number have no template."""
        rows: dict[tuple[Tokens, Tokens], list[int]] = {}
        for row, benchmark in enumerate(self.compared):
            if (template := mask_numbers(benchmark.tokens)) != benchmark.tokens:
                rows.setdefault((benchmark.problem.media, template), []).append(row)
        return rows

    def coverage(self, text: str) -> list[tuple[int, float]]:
        """Return the problems of which the text holds n-grams, ascending, each with the share that it holds."""
        rows_of, counts = self._ngrams
        hits: dict[int, int] = {}
        for ngram in self._find_ngrams(terms(text)):
            for row in rows_of[ngram]:
                hits[row] = hits.get(row, 0) + 1
        return [(row, hits[row] / counts[row]) for row in sorted(hits)]

    @cached_property
    def _ngrams(self) -> tuple[dict[Tokens, list[int]], list[int]]:
        """The problems of each n-gram without boilerplate, and how many such n-grams each problem has."""
        rows_of: dict[Tokens, list[int]] = {}
        for row, benchmark in enumerate(self.compared):
            for ngram in shingles(benchmark.text, self.size):
                if len(ngram) == self.size:
                    rows_of.setdefault(ngram, []).append(row)
        own = {ngram: rows for ngram, rows in rows_of.items() if len({self.compared[row].tokens for row in rows}) == 1}
        counts = [0] * len(self.compared)
        for rows in own.values():
            for row in rows:
                counts[row] += 1
        return own, counts

    @cached_property
    def _half_ngrams(self) -> frozenset[Tokens]:
        """Every run of half as many words as an n-gram that occurs in one."""
        half, ngrams = (self.size + 1) // 2, self._ngrams[0]
        return frozenset(ngram[at : at + half] for ngram in ngrams for at in range(self.size - half + 1))

    def _find_ngrams(self, text_words: list[str]) -> set[Tokens]:
        """Return the indexed n-grams of a text.

        First only the runs of half an n-gram's length that begin at a multiple of it are looked up: each n-gram holds
        one of them whole.
        """
        half, rows_of, half_ngrams = (self.size + 1) // 2, self._ngrams[0], self._half_ngrams
        candidates = set[Tokens]()
        for number, run in enumerate(zip(*[iter(text_words)] * half, strict=False)):
            if run in half_ngrams:
                end = number * half + 1
                candidates |= {
                    tuple(text_words[start : start + self.size])
                    for start in range(max(end + half - 1 - self.size, 0), end)
                }
        return candidates & rows_of.keys()
