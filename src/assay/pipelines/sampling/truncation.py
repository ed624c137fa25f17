"""Stored answers under a shorter cap: an answer of 32,000 tokens, cut and judged again, is a sample at each lower."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.core.errors import ConfigError
from assay.core.ports import TruncatingEngine
from assay.core.types import GradingCase, Label, Outcome, Problem, Rollout, SamplingConfig
from assay.pipelines.context.run import RunContext

CHUNK = 2_000  # texts in memory at once
TEXTS = (
    "SELECT r.id, r.problem_id, r.policy, r.policy_name, r.sampler, r.sample, r.seed, t.text, r.tokens, r.finish "
    "FROM rollouts r JOIN completions t USING (id) WHERE r.id IN (SELECT unnest(?::VARCHAR[])) ORDER BY r.id"
)


class Cutter:
    """Cuts stored answers and judges what is left, once per answer and cap; generates nothing, stores no verdict."""

    def __init__(
        self, context: RunContext, problems: Mapping[str, Problem], labels: Mapping[str, Label], sampler: SamplingConfig
    ) -> None:
        self.context, self.problems, self.labels, self.sampler = context, problems, labels, sampler
        self._known: dict[int, dict[str, Outcome]] = {}  # cap -> rollout id -> outcome

    @property
    def how(self) -> str:
        """How texts are cut: "tokenizer" if the engine has the policy's, else "characters" in proportion to tokens."""
        return "tokenizer" if isinstance(self.context.engine, TruncatingEngine) else "characters"

    def outcomes(self, ids: Sequence[str], length: int) -> dict[str, Outcome]:
        """Judge answers as if they had been cut at `length` tokens.

        Args:
            ids: rollouts, all longer than `length` tokens.
            length: the cap in tokens.

        Returns:
            The outcome by rollout id: correct where the part that is left is right, else truncated.

        Raises:
            ConfigError: `length` is above the cap under which the answers were generated, so nothing is known of it.
        """
        if length > self.sampler.max_tokens:
            raise ConfigError(
                f"at_length = {length} is above policy.max_tokens = {self.sampler.max_tokens}: "
                "stored answers say nothing about a longer cap"
            )
        outcomes = self._known.setdefault(length, {})
        fresh = [id_ for id_ in ids if id_ not in outcomes]
        for start in range(0, len(fresh), CHUNK):
            rows = self.context.lake.rows(TEXTS, [fresh[start : start + CHUNK]])
            rollouts = [self._cut(row, length) for row in rows]
            verdicts = self.context.judge.judge(
                [
                    GradingCase(self.problems[rollout.problem_id], self.labels[rollout.problem_id], rollout)
                    for rollout in rollouts
                ]
            )
            outcomes |= {verdict.rollout_id: verdict.in_mode(self.context.mode).outcome for verdict in verdicts}
        return {id_: outcomes[id_] for id_ in ids}

    def _cut(self, row: Mapping[str, Any], length: int) -> Rollout:
        engine, whole = self.context.engine, Rollout(**row)
        text = (
            engine.truncate(whole.text, length)
            if isinstance(engine, TruncatingEngine)
            else whole.text[: len(whole.text) * length // max(whole.tokens, 1)]
        )
        return replace(whole, text=text, tokens=length, finish=whole.finish if whole.finish == "error" else "length")
