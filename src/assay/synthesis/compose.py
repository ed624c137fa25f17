"""`compose`: chains of problems, each of which needs the answer of the one before, with exact labels."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.core.identity import derive_seed
from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, Derived, SynthesisSummary
from assay.core.types import Label, Problem

NUMBER = re.compile(r"(?<![\w.,/])\d{1,9}(?![\w/]|[.,]\d)")  # a whole number that stands alone in a text
WHOLE = re.compile(r"-?\d{1,9}")


@dataclass(frozen=True, slots=True)
class Link:
    """A problem of a chain."""

    problem: Problem
    label: Label
    answer: int


@dataclass(frozen=True)
class Compose:
    """Chain h problems: a number of each later question is told as the answer before it plus or minus a whole number.

    "Problem 2: ... 12 apples ..." becomes "... [the answer to problem 1, minus 7] apples ..." where problem 1's answer
    is 19. So every question keeps its number, its gold answer stays exact, and the chain's label is the last one's. A
    solver who gets each problem right with an independent chance p solves a chain with p^h. Each chain is computed a
    second time from its own text before it counts as checked.

    Atoms are problems with one user turn and a whole number as the gold answer, of which the policy solves at least
    `min_rate`; later ones also hold a whole number in their text. Reliable atoms come first, as in h1: a chain of
    problems that are never solved teaches nothing.

    Source: arXiv:2510.07312 (h1): chains of GSM8K, h = 1 to 5, solved 82.79, 35.06 and 3.57% at h = 1, 2 and 5. Its
    adapters between problems are identity, scale and unit; ours is an offset.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    horizons: tuple[Annotated[int, Field(ge=2, le=5)], ...] = (2, 3)  # problems per chain
    chains: Annotated[int, Field(ge=1)] = 100  # per horizon
    min_rate: Annotated[float, Field(ge=0, le=1)] = 0.5  # of right attempts at an atom
    seed: int = 0

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Derived | SynthesisSummary]:
        """Yield the chains of each horizon, and how many problems can be links."""
        able = [item for item in evidence.attempted() if self._reliable(item) and whole(item.label.answer) is not None]
        problems = evidence.problems([item.problem_id for item in able])
        links = [
            Link(problems[item.problem_id], item.label, whole(item.label.answer) or 0)
            for item in able
            if len(problems[item.problem_id].messages) == 1 and not problems[item.problem_id].media
        ]
        later = [link for link in links if numbers(link.problem.text)]
        counts: dict[str, float] = {"atoms": len(links), "later_atoms": len(later)}
        for horizon in self.horizons:
            chains = list(self._chains(links, later, horizon))
            counts[f"chains_{horizon}"] = len(chains)
            yield from chains
        line = f"{len(links)} problems can start a chain and {len(later)} can continue one"
        yield SynthesisSummary(counts, (line,))

    def _reliable(self, item: AttemptedProblem) -> bool:
        right = sum(attempt.correct for attempt in item.attempts)
        return bool(item.attempts) and right >= self.min_rate * len(item.attempts)

    def _chains(self, links: Sequence[Link], later: Sequence[Link], horizon: int) -> Iterator[Derived]:
        """Draw different chains of different problems; fewer where there are not so many."""
        if len(later) < horizon - 1 or len(links) < horizon:
            return
        rng = np.random.default_rng(derive_seed("compose", self.seed, horizon))
        drawn_ids = set[tuple[str, ...]]()
        for _ in range(10 * self.chains):
            rest = [later[place] for place in rng.choice(len(later), horizon - 1, replace=False)]
            chain = (links[int(rng.integers(len(links)))], *rest)
            ids = tuple(link.problem.id for link in chain)
            if len(set(ids)) < horizon or ids in drawn_ids:
                continue
            drawn_ids.add(ids)
            yield self._derived(chain)
            if len(drawn_ids) == self.chains:
                return

    def _derived(self, chain: Sequence[Link]) -> Derived:
        text, last = compose(chain), chain[-1].label
        metadata = {"horizon": len(chain)}
        problem = Problem.of(text, source=chain[0].problem.source, metadata=metadata)
        return Derived(
            problem,
            Label.of(problem.id, last.answer, verifier=last.verifier, origin=last.origin),
            tuple(link.problem.id for link in chain),
            rule=f"chain_{len(chain)}",
            checked=restored(text, [link.answer for link in chain]) == [link.problem.text for link in chain],
            parents=tuple(link.label.id for link in chain),
        )


def compose(chain: Sequence[Link]) -> str:
    """Return the text of a chain."""
    parts = [f"Problem 1: {chain[0].problem.text}"]
    for place, link in enumerate(chain[1:], 2):
        before, text = chain[place - 2].answer, link.problem.text
        number = numbers(text)[0]
        offset = int(number[0]) - before
        how = f", {'plus' if offset > 0 else 'minus'} {abs(offset)}" if offset else ""
        reference = f"[the answer to problem {place - 1}{how}]"
        parts.append(f"Problem {place}: {text[: number.start()]}{reference}{text[number.end() :]}")
    return "\n\n".join([*parts, f"Give the answer to problem {len(chain)} alone."])


REFERENCE = re.compile(r"\[the answer to problem (\d+)(?:, (plus|minus) (\d+))?\]")


def restored(text: str, answers: Sequence[int]) -> list[str]:
    """Return the questions of a chain's text with the answers put in: what they were before, if all is exact."""
    body = text.rpartition("\n\n")[0]
    starts = [body.find(f"Problem {place}: ") for place in range(1, len(answers) + 1)]
    ends = [*(start - 2 for start in starts[1:]), len(body)]
    questions = [
        body[start + len(f"Problem {place}: ") : end]
        for place, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
    ]

    def value(match: re.Match[str]) -> str:
        sign = -1 if match[2] == "minus" else 1
        return str(answers[int(match[1]) - 1] + sign * int(match[3] or 0))

    return [REFERENCE.sub(value, question, count=1) if place else question for place, question in enumerate(questions)]


def whole(answer: str) -> int | None:
    """Return a gold answer as a whole number; None where it is none.

    >>> whole(" 12 "), whole("1,200"), whole("3.5"), whole("12 apples")
    (12, 1200, None, None)
    """
    text = answer.strip().replace(",", "")
    return int(text) if WHOLE.fullmatch(text) else None


def numbers(text: str) -> list[re.Match[str]]:
    """Return the whole numbers that stand alone in a text.

    >>> [number[0] for number in numbers("12 apples, 3.5 kg, 7th row, 1/2 of 40.")]
    ['12', '40']
    """
    return list(NUMBER.finditer(text))
