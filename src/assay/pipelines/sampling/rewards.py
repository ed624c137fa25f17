"""Rewards of attempts: the verifier's, and the other terms of `[train.reward]`, of which one row each is stored.

A term is a function of a rollout's text and its sampling config's token cap, so a changed term costs no token: what is
missing is worked out from the stored texts.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from assay.core.identity import content_id
from assay.core.rewards import RewardTerms
from assay.core.types import GradedAttempts, Outcome, Rollout, Verdict
from assay.maths.rl.reward_terms import term_values
from assay.pipelines.context.run import RunContext

CHUNK = 2_000  # rollouts per commit
MISSING = """
SELECT r.id, r.sampler, r.tokens, t.text FROM attempts r JOIN completions t USING (id)
JOIN (SELECT id AS sampler, unnest(?::VARCHAR[]) AS version, unnest(?::VARCHAR[]) AS term FROM sampling_configs
      WHERE id = ?) w ON w.sampler = r.sampler
ANTI JOIN reward_terms e ON e.rollout_id = r.id AND e.term = w.term AND e.version = w.version
WHERE r.problem_id IN (SELECT unnest(?::VARCHAR[])) AND (?::VARCHAR IS NULL OR r.policy = ?)
GROUP BY ALL ORDER BY r.id
"""
TERMS = """
SELECT r.id, e.term, any_value(e.value) AS value FROM attempts r JOIN reward_terms e ON e.rollout_id = r.id
WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided AND r.problem_id IN (SELECT unnest(?::VARCHAR[]))
  AND e.term || ' ' || e.version IN (SELECT unnest(?::VARCHAR[])) GROUP BY ALL
"""
Sample = tuple[str, int]  # problem id, sample index
GRADED: tuple[Outcome, ...] = ("correct", "wrong", "unparsable", "truncated")


class AttemptRewards:
    """The rewards of one policy's attempts under one sampling config (`core.ports.RewardProvider`).

    Args:
        context: the run, whose `[train.reward]` counts.
        policy: revision of the policy.
        sampler: id of the sampling config.
    """

    def __init__(self, context: RunContext, policy: str, sampler: str) -> None:
        self.context, self.policy, self.sampler = context, policy, sampler
        self.terms = context.config.train.reward.terms
        self._graded: dict[Sample, float] = {}  # the verifier's rewards that are not 1 for correct or 0 for all else
        self._values: dict[str, dict[str, float]] = {}  # of the other terms, by rollout id

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that a reward can be."""
        return self.terms.bounds(self.context.config.grade.reward_range)

    def note(self, problem_id: str, sample: int, outcome: Outcome | None, reward: float | None) -> None:
        """Take in the verifier's reward of one attempt, as it counts in the run's mode."""
        if outcome in GRADED and reward is not None and reward != float(outcome == "correct"):
            self._graded[problem_id, sample] = reward
        else:
            self._graded.pop((problem_id, sample), None)

    def note_verdict(self, rollout: Rollout, verdict: Verdict) -> None:
        """Take in a verdict."""
        counted_verdict = verdict.in_mode(self.context.mode)
        self.note(rollout.problem_id, rollout.sample, counted_verdict.outcome, counted_verdict.reward)

    def read(
        self,
        samples: Mapping[str, Mapping[int, tuple[Outcome | None, int]]],
        n_attempts: Mapping[str, int],
        rollout_id: Callable[[str, int], str],
    ) -> dict[str, GradedAttempts]:
        """Return the rewards of each problem's first attempts.

        Args:
            samples: outcome and tokens by problem id and sample index.
            n_attempts: attempts by problem id.
            rollout_id: gives the id of an attempt, by problem id and sample index.

        Returns:
            {} where every reward is 1 for correct and 0 for all else.
        """
        if not self._graded and not self.terms.key:
            return {}
        ids = {(id_, sample): rollout_id(id_, sample) for id_ in n_attempts for sample in samples[id_]}
        self._read_terms(sorted({id_ for (id_, _), key in ids.items() if key not in self._values}))
        sources = self._sources(n_attempts)
        rewards = {}
        for id_, n in n_attempts.items():
            first = sorted(samples[id_])[:n]
            outcomes = [(sample, outcome) for sample in first if (outcome := samples[id_][sample][0]) in GRADED]
            pairs = tuple((self._total((id_, s), ids[id_, s], outcome), outcome) for s, outcome in outcomes)
            rewards[id_] = GradedAttempts(sources.get(id_, ""), pairs)
        return rewards

    def _total(self, sample: Sample, rollout: str, outcome: Outcome) -> float:
        correctness = self._graded.get(sample, float(outcome == "correct"))
        return self.terms.total(correctness, self._values.get(rollout, {}))

    def _read_terms(self, ids: Sequence[str]) -> None:
        """Read the terms of these problems' attempts, after working out those that are not stored."""
        if not self.terms.extra or not ids:
            return
        cap = token_caps(self.context).get(self.sampler, 0)
        store_missing_terms(self.context, ids, {self.sampler: cap}, policy=self.policy)
        term_names = [f"{name} {self.terms.version(name, cap)}" for name in self.terms.extra]
        for row in self.context.lake.iterate_rows(TERMS, [self.policy, self.sampler, list(ids), term_names]):
            self._values.setdefault(row["id"], {})[row["term"]] = row["value"]

    def _sources(self, ids: Mapping[str, int]) -> dict[str, str]:
        query = "SELECT id, source FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))"
        return {row["id"]: row["source"] for row in self.context.lake.iterate_rows(query, [list(ids)])}


def term_rows(context: RunContext, rollouts: Sequence[Rollout]) -> list[dict[str, object]]:
    """Return one row of `reward_terms` per rollout and term that is on; none where only correctness counts."""
    terms = context.config.train.reward.terms
    caps = token_caps(context, stored=False)
    return [
        row
        for rollout in rollouts
        if rollout.sampler in caps
        for row in _rows(terms, rollout.id, rollout.text, rollout.tokens, caps[rollout.sampler])
    ]


def store_missing_terms(
    context: RunContext, ids: Sequence[str], caps: Mapping[str, int], *, policy: str | None = None
) -> int:
    """Work out from stored texts the terms that these problems' rollouts lack, and store them.

    Args:
        context: the run, whose `[train.reward]` counts.
        ids: of the problems.
        caps: token cap by id of the sampling config; rollouts under others are left alone.
        policy: revision whose rollouts are meant; None = all.

    Returns:
        The rollouts that lacked some.
    """
    terms, lacking = context.config.train.reward.terms, 0
    if not terms.extra:
        return 0
    for sampler, cap in caps.items():
        versions = [terms.version(name, cap) for name in terms.extra]
        query = [versions, list(terms.extra), sampler, list(ids), policy, policy]
        lacking_rows = context.lake.rows(MISSING, query)
        for start in range(0, len(lacking_rows), CHUNK):
            part = lacking_rows[start : start + CHUNK]
            rows = [row for row_of in part for row in _rows(terms, row_of["id"], row_of["text"], row_of["tokens"], cap)]
            context.lake.append({"reward_terms": rows}, run=context.run)
        lacking += len(lacking_rows)
    return lacking


def token_caps(context: RunContext, *, stored: bool = True) -> dict[str, int]:
    """Return the token cap of each sampling config, by its id: the config's two, and those that the lake knows."""
    samplers = (context.config.policy.sampler, context.config.train_sampler)
    config_rows = context.lake.rows("SELECT id, settings FROM sampling_configs") if stored else []
    caps = {row["id"]: json.loads(row["settings"]).get("max_tokens", 0) for row in config_rows}
    return {**caps, **{sampler.id: sampler.max_tokens for sampler in samplers}}


def _rows(terms: RewardTerms, rollout_id: str, text: str, tokens: int, cap: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, value in term_values(terms, text, tokens, cap).items():
        version = terms.version(name, cap)
        key = content_id("reward-term", rollout_id, name, version)
        rows.append({"id": key, "rollout_id": rollout_id, "term": name, "version": version, "value": value})
    return rows
