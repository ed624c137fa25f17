"""The outcomes of a run's first attempts, as shares with examples; a run with next to no evidence among them ends."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assay.core.config import ScoreConfig
from assay.core.errors import EvidenceError
from assay.core.types import Mode, Rollout, Verdict

KINDS = ("correct", "wrong", "truncated", "error", "refused")
KIND_OF = {
    "correct": "correct",
    "wrong": "wrong",
    "unparsable": "wrong",
    "truncated": "truncated",
    "verifier_error": "error",
}
EVIDENCE = ("correct", "wrong")
MANY_TRUNCATED = 0.25  # share of truncated attempts from which on a pilot advises a larger cap
TEXTS_SHOWN, SHOWN = 3, 160  # different texts of what went wrong; characters of an example
REMEDIES = {
    "truncated": "raise policy.max_tokens, which is too small for what this model writes",
    "error": "look at some of these answers: the verifier or [grade.settings] does not match their form",
    "refused": "correct [policy], since the server refuses its requests",
}


class FirstAttempts:
    """Counts the first `score.stop_early_attempts` attempts of a run by their kind of outcome."""

    def __init__(self, config: ScoreConfig) -> None:
        self.config = config
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}  # by kind
        self.texts: Counter[tuple[str, str]] = Counter()  # (kind, why there is no evidence)
        self.reported = False  # whether the first wave was shown
        self.trusted = 0  # stored attempts of the same kind that are evidence

    def judged(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], mode: Mode) -> None:
        """Count judged attempts."""
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            kind = KIND_OF[verdict.in_mode(mode).outcome]
            text = (
                verdict.reason
                if kind == "error"
                else f"truncated at {rollout.tokens} tokens"
                if kind == "truncated"
                else ""
            )
            self._count(kind, example_of(kind, rollout.text, verdict.extracted, verdict.reason), text)

    def refused(self, texts: Iterable[str]) -> None:
        """Count requests that a server refused."""
        for text in texts:
            self._count("refused", text[:SHOWN], text)

    def _count(self, kind: str, example: str, text: str) -> None:
        if self.counts.total() >= self.config.stop_early_attempts:
            return
        self.counts[kind] += 1
        self.examples.setdefault(kind, example)
        if kind not in EVIDENCE:
            self.texts[kind, text] += 1

    def check(self) -> None:
        """Go on unless the first attempts are no evidence.

        Raises:
            EvidenceError: at least `score.stop_early_fraction` of them were refused, truncated or could not be judged; its
                message has the most frequent reasons.
        """
        total, good = self.counts.total(), sum(self.counts[kind] for kind in EVIDENCE)
        if not self.config.stop_early or total < self.config.stop_early_attempts:
            return
        most_failures = (1 - self.config.stop_early_fraction) * total
        if good > most_failures or self.trusted > most_failures:
            return
        kinds = [kind for kind in ("refused", "error", "truncated") if self.counts[kind]]
        counts = ", ".join(f"{self.counts[kind]} {kind}" for kind in kinds)
        texts = "; ".join(
            f"{count} x {' '.join(text.split())[:300]}" for (_, text), count in self.texts.most_common(TEXTS_SHOWN)
        )
        worst = max(kinds, key=lambda kind: self.counts[kind])
        raise EvidenceError(
            f"{total - good} of the first {total} attempts cannot be counted ({counts}): {texts}; {REMEDIES[worst]}; "
            f"what is stored stays; set score.stop_early = false to continue anyway"
        )


def describe_refusals(texts: Sequence[str]) -> str:
    """Return the sentence with which a run ends whose requests a server all refused."""
    examples = "; ".join(
        f"{count} x {' '.join(text.split())[:300]}" for text, count in Counter(texts).most_common(TEXTS_SHOWN)
    )
    return (
        f"all {len(texts)} requests were refused and none was answered: {examples}; {REMEDIES['refused']}; "
        "no tokens were generated; set score.stop_early = false to continue anyway"
    )


def example_of(kind: str, text: str, extracted: str, reason: str) -> str:
    """Return one line that shows an attempt's outcome: its answer, the reason of an error, or the end of its text."""
    if kind == "error":
        return " ".join(reason.split())[:SHOWN]
    if extracted and kind in EVIDENCE:
        return " ".join(extracted.split())[:SHOWN]
    return "..." + " ".join(text[-SHOWN:].split()) if len(text) > SHOWN else " ".join(text.split())


def outcome_shares(counts: Mapping[str, int], examples: Mapping[str, str], unparsable: int = 0) -> dict[str, Any]:
    """Return the number of attempts, the share and an example per kind, and the pass rate over those with evidence.

    Args:
        counts: attempts by kind.
        examples: one line by kind.
        unparsable: the wrong attempts in which the verifier found no answer.

    >>> outcome_shares({"correct": 1, "wrong": 2, "truncated": 1}, {})["pass_rate"]
    0.3333333333333333
    """
    total, good = sum(counts.values()), sum(counts.get(kind, 0) for kind in EVIDENCE)
    return {
        "attempts": total,
        "shares": {kind: counts.get(kind, 0) / total if total else 0.0 for kind in KINDS},
        "examples": {kind: examples[kind] for kind in KINDS if kind in examples},
        "pass_rate": counts.get("correct", 0) / good if good else None,
        "unparsable": unparsable / total if total else 0.0,
    }


def format_shares(summary: Mapping[str, Any], what: str) -> list[str]:
    """Return a summary of `outcome_shares` as lines: the numbers, then an example of each kind that occurs."""
    parts = ", ".join(f"{kind} {share:.2f}" for kind, share in summary["shares"].items() if kind != "refused" or share)
    rate = "unknown" if summary["pass_rate"] is None else f"{summary['pass_rate']:.2f}"
    lines = [f"{what}: {summary['attempts']} attempts, {parts}; pass rate {rate}"]
    return lines + [f"  {kind}, such as: {example}" for kind, example in summary["examples"].items()]


def advise_on_pilot(summary: Mapping[str, Any], cap: int) -> list[str]:
    """Return what to do about a pilot's outcomes, a sentence each: many truncated attempts, or none correct.

    Args:
        summary: of `outcome_shares`.
        cap: policy.max_tokens.
    """
    shares, lines = summary["shares"], []
    if shares["truncated"] >= MANY_TRUNCATED:
        lines.append(
            f"{shares['truncated']:.0%} of the attempts reached policy.max_tokens = {cap}: a larger cap lets them finish"
        )
    if summary["pass_rate"] != 0:
        return lines
    n_wrong = round(shares["wrong"] * summary["attempts"])
    n_unparsable = round(summary["unparsable"] * summary["attempts"])
    if 2 * n_unparsable > n_wrong:
        cause = (
            f"in {n_unparsable} of {n_wrong} wrong attempts the verifier found no answer, so the prompt does not make "
            "this model state one: change policy.template or policy.shots, or source.verifier"
        )
    else:
        cause = (
            f"{n_wrong - n_unparsable} of {n_wrong} wrong attempts state an answer, so the prompt works: if the answers "
            "above are of the same kind as the gold answers, the problems are too hard for this model, and if not, "
            "source.answer names the wrong field"
        )
    return [*lines, f"no attempt of the pilot is correct: {cause} (`curate check CONFIG` shows prompt and gold)"]


def show_first(context: Any, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
    """Count a wave of attempts, and report the shares of a run's first wave."""
    first = context.first_attempts
    first.judged(rollouts, verdicts, context.mode)
    if first.reported:
        return
    first.reported = True
    context.reporter.say("\n".join(format_shares(outcome_shares(first.counts, first.examples), "the first wave")))


def show_tracebacks(context: Any) -> None:
    """Report the first traceback of each verifier that raises, once per run."""
    for verifier, trace in context.judge.tracebacks.items():
        if (name := f"traceback of {verifier}") not in context.warned:
            context.warned.add(name)
            context.reporter.warn(
                f"the verifier {verifier!r} raises an exception, and the answers count as verifier errors; the first "
                f"traceback:\n{trace}"
            )
