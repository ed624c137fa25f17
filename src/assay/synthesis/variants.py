"""`variants`: the same problem with a sentence that does not matter, or in another language; the label stays."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.identity import derive_seed
from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, Derived, SynthesisSummary
from assay.core.types import Label, Problem

SLICE = 256  # problems whose variants are made at a time
IRRELEVANT = (
    "{name} has {number} stamps in an album.",
    "The bus to the museum takes {number} minutes.",
    "{name}'s cousin is {number} years old.",
    "A poster on the wall shows {number} planets.",
    "Last winter it snowed on {number} days.",
)
NAMES = ("Ines", "Tomas", "Mirela", "Okoro", "Yuna", "Piet")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
LAST_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^.!?]*[.!?]?\s*$)")


@dataclass(frozen=True)
class Variants:
    """Make a variant of each problem to which the same label belongs, and tell how much harder it is.

    `irrelevant` puts one sentence of `sentences` in front of the problem's last one (a problem of one sentence gets it
    in front): which one, and with which name and number, is decided by the hash of the problem's id. Words that occur
    in the problem are not used, so the condition belongs to nothing in it. `translated` has an engine write the problem
    in `language`: that of `[synthesize.teacher]`, or the policy where none is configured. A translation that lacks one
    of the problem's numbers, or has others, is left out.

    The variant is attempted `attempts` times, and the summary sets its rate beside the plain problem's: `robustness` is
    rate after / rate before (GSM-IC's normalised accuracy). The label of a translation counts as verified where an
    attempt at it was right, which a translation that asks something else would make unlikely.

    Source: arXiv:2403.12744 (I3C) and GSM-IC, arXiv:2302.00093, for irrelevant conditions; MrGuard, arXiv:2504.15241,
    for translations.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "attempt", "teach")
    draws: ClassVar[bool] = False

    kind: Literal["irrelevant", "translated"] = "irrelevant"
    language: str = "German"  # of a translation
    attempts: Annotated[int, Field(ge=0)] = 4  # at each variant; 0 = none, and translations stay unverified
    sentences: tuple[str, ...] = IRRELEVANT  # with {name} and {number}
    prompt: str = (
        "Translate this problem into {language}. Keep all numbers and formulas as they are, do not solve it, and write "
        "nothing but the translation.\n\n{problem}"
    )

    def __post_init__(self) -> None:
        if not self.sentences:
            raise ValueError('sentences is empty, but kind "irrelevant" takes its sentences from it')

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Derived | SynthesisSummary]:
        """Yield the variants, and the rates before and after."""
        names = ("made", "left_out", "before", "before_right", "after", "after_right")
        counts, waiting = Counter(dict.fromkeys(names, 0)), list[AttemptedProblem]()
        for problem in evidence.attempted():
            waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._derive(evidence, waiting, counts)
                waiting = []
        yield from self._derive(evidence, waiting, counts)
        before, after = (counts[f"{when}_right"] / max(1, counts[when]) for when in ("before", "after"))
        line = f"{counts['made']} variants, {counts['left_out']} problems without one"
        if counts["after"]:
            line += f"; solved {after:.1%} of the time, the plain problems {before:.1%}"
        values: dict[str, float] = {**counts, "rate_before": round(before, 4), "rate_after": round(after, 4)}
        if before and counts["after"]:
            values["robustness"] = round(after / before, 4)
        yield SynthesisSummary(values, (line,))

    def _derive(
        self, evidence: SynthesisEvidence, items: Sequence[AttemptedProblem], counts: Counter[str]
    ) -> Iterator[Derived]:
        if not items:
            return
        originals = evidence.problems([item.problem_id for item in items])
        plain = [originals[item.problem_id] for item in items]
        texts: Iterable[str] = (
            self._translated(evidence, items, plain) if self.kind == "translated" else map(self.disturbed, plain)
        )
        variants = [
            (item, problem, replaced(problem, text, self.kind))
            for item, problem, text in zip(items, plain, texts, strict=True)
            if text
        ]
        counts.update(made=len(variants), left_out=len(items) - len(variants))
        questions = [(variant, item.label) for item, _, variant in variants]
        results: Sequence[AttemptedProblem | None] = (
            evidence.attempt(questions, self.attempts) if self.attempts and questions else [None] * len(variants)
        )
        for (item, problem, variant), result in zip(variants, results, strict=True):
            right = _count(counts, item, result) if result is not None else 0
            yield Derived(
                variant,
                Label.of(variant.id, item.label.answer, verifier=item.label.verifier, origin=item.label.origin),
                (problem.id,),
                rule=self.kind,
                checked=self.kind == "irrelevant" or right > 0,
                parents=(item.label.id,),
            )

    def disturbed(self, problem: Problem) -> str:
        """Return a problem's text with an irrelevant condition; "" where every sentence shares a word with it."""
        text, seed = _last_turn(problem), derive_seed("irrelevant", problem.id)
        words = set(re.findall(r"\w+", text.lower()))
        fitting = [each for each in self.sentences if not words & _long_words(each)]
        names = [name for name in NAMES if name.lower() not in words]
        if not fitting or not names:
            return ""
        numbers = set(NUMBER.findall(text))
        number = next(str(n) for n in range(2 + seed % 40, 10_000) if str(n) not in numbers)
        sentence = fitting[seed % len(fitting)].replace("{name}", names[seed // 7 % len(names)])
        sentence = sentence.replace("{number}", number)
        parts = LAST_SENTENCE.split(text, maxsplit=1)
        return f"{parts[0]} {sentence} {parts[1]}" if len(parts) == 2 else f"{sentence} {text}"

    def _translated(
        self, evidence: SynthesisEvidence, items: Sequence[AttemptedProblem], plain: Sequence[Problem]
    ) -> list[str]:
        """Return each problem's translation; "" where its numbers are not those of the problem."""
        questions = []
        for item, problem in zip(items, plain, strict=True):
            text = self.prompt.replace("{language}", self.language).replace("{problem}", _last_turn(problem))
            questions.append(
                (Problem.of(text, source=problem.source, metadata=json.loads(problem.metadata)), item.label)
            )
        answers = evidence.teach(questions, 1)
        texts = [answer.attempts[0].text.strip() if answer.attempts else "" for answer in answers]
        return [
            text if same_numbers(text, _last_turn(problem)) else "" for text, problem in zip(texts, plain, strict=True)
        ]


def same_numbers(first: str, second: str) -> bool:
    """Return whether two texts hold the same numbers, as often; decimal commas and points are told apart by none.

    >>> same_numbers("Drei mal 1,5 sind?", "Three times 1.5 is?")
    True
    """

    def tally(text: str) -> Counter[str]:
        return Counter(number.replace(",", ".") for number in NUMBER.findall(text))

    return tally(first) == tally(second)


def replaced(problem: Problem, text: str, kind: str) -> Problem:
    """Return a problem with another text in its last user turn, which keeps what the source kept and says its kind."""
    turns = list(problem.messages)
    last = max(place for place, turn in enumerate(turns) if turn.role == "user")
    turns[last] = turns[last]._replace(content=text)
    metadata = {**json.loads(problem.metadata), "variant": kind}
    return Problem.of(tuple(turns), source=problem.source, media=problem.media, metadata=metadata)


def _count(counts: Counter[str], item: AttemptedProblem, result: AttemptedProblem) -> int:
    """Count both rates; return the right attempts at the variant."""
    for when, attempted in (("before", item), ("after", result)):
        counts[when] += len(attempted.attempts)
        counts[f"{when}_right"] += sum(attempt.correct for attempt in attempted.attempts)
    return sum(attempt.correct for attempt in result.attempts)


def _last_turn(problem: Problem) -> str:
    return next((turn.content for turn in reversed(problem.messages) if turn.role == "user"), "")


def _long_words(sentence: str) -> set[str]:
    """Return the words of a sentence that name a thing: those of five letters or more."""
    return {word for word in re.findall(r"\w+", sentence.lower()) if len(word) >= 5 and word != "number"}
