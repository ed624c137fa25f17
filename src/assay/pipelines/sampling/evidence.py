"""Evidence for scorers that need more than counts: tree searches, answers, and the responses of all stored policies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.core.errors import ConfigError
from assay.core.ports import RolloutProvider as Drawing
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import Counts, GradedAttempts, Label, Score, StoredAttempt
from assay.pipelines.context.results import Remaining
from assay.pipelines.context.run import RunContext
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.respondents import find_respondent, respondent_verdicts, verdict_parameters
from assay.pipelines.sampling.tree_search import Searches, search_samplers

ATTEMPTS = """
SELECT r.problem_id, r.sample, r.tokens, r.finish, r.counts AS outcome, r.extracted, t.logprobs
FROM present_verdicts(?, ?, ?, ?, ?) r JOIN completions t ON t.id = r.rollout_id WHERE r.step IS NULL
QUALIFY row_number() OVER (PARTITION BY r.rollout_id) = 1 ORDER BY r.problem_id, r.sample
"""
RESPONSES = """
SELECT policy_name || ' ' || policy || ' ' || sampler AS respondent, policy, sampler, problem_id, counts AS outcome,
       count(DISTINCT rollout_id) AS n
FROM judged_attempts(?) WHERE step IS NULL AND label_id IN (SELECT unnest(?::VARCHAR[]))
  AND judge IN (SELECT unnest(?::VARCHAR[]))
GROUP BY ALL ORDER BY respondent, problem_id, outcome
"""


class StoredEvidence:
    """All evidence of one lake for a scorer (`core.ports.EvidenceProvider`).

    Args:
        context: the run.
        attempts: stored attempts of the config's policy, which draw what is missing.
        scoring: the scoring under which searches are stored.
    """

    def __init__(self, context: RunContext, attempts: StoredRollouts, scoring: str) -> None:
        self.context, self.attempts, self.scoring = context, attempts, scoring

    def draw(self, n_attempts: Mapping[str, int]) -> Mapping[str, Counts]:
        """Draw attempts as `StoredRollouts.draw` does."""
        return self.attempts.draw(n_attempts)

    @property
    def reward_bounds(self) -> tuple[float, float]:
        """The least and the most that a reward can be."""
        return self.attempts.reward_bounds

    def attempt_rewards(self, n_attempts: Mapping[str, int]) -> Mapping[str, GradedAttempts]:
        """Return the rewards of attempts as `StoredRollouts.attempt_rewards` does."""
        return self.attempts.attempt_rewards(n_attempts)

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        """Search each problem's tree of answers; a problem whose search a limit stopped is absent."""
        searches = Searches(self.context, self.attempts.problems, self.attempts.labels, rules, scoring=self.scoring)
        results = searches.run(ids)
        self.attempts.stopped = self.attempts.stopped or searches.stopped
        self.attempts.failed += searches.failed
        return results

    def draw_attempts(
        self, n_attempts: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        """Return the first attempts of each problem, by sample index.

        Args:
            n_attempts: attempts per problem.
            changes: fields of the config's sampler that take other values.
            policy: revision or name of another policy, for which nothing is drawn and `changes` do not count: its
                stored attempts under the sampler with the most of them. "" = the config's policy.

        Raises:
            ConfigError: the store knows no such policy.
        """
        verdicts = verdict_parameters(self.context, self.attempts.labels)
        if policy:
            respondent = find_respondent(self.context, policy)
            verdicts = respondent_verdicts(self.context, self.attempts.labels, respondent)
        else:
            source = with_sampling(self.attempts, changes)
            source.draw(n_attempts)
            self.attempts.stopped = self.attempts.stopped or source.stopped
            respondent = [source.policy.revision, source.sampler.id]
        rows = self.context.lake.rows(ATTEMPTS, [self.context.mode, *respondent, *verdicts])
        attempts: dict[str, list[StoredAttempt]] = {id_: [] for id_ in n_attempts}
        for row in rows:
            if len(attempts.get(row["problem_id"], ())) < n_attempts.get(row["problem_id"], 0):
                attempts[row["problem_id"]].append(_to_attempt(row))
        return attempts

    def count_responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        """Count outcomes by respondent (a policy under a sampler) and problem; rollouts of training are left out."""
        responses: dict[str, dict[str, Counts]] = {}
        for row in self.context.lake.rows(
            RESPONSES, [self.context.mode, *verdict_parameters(self.context, self.attempts.labels)]
        ):
            if row["problem_id"] in self.attempts.problems:
                by_problem = responses.setdefault(row["respondent"], {})
                by_problem[row["problem_id"]] = by_problem.get(row["problem_id"], Counts()).plus(
                    row["outcome"], row["n"]
                )
        return responses


def evidence_for(context: RunContext, attempts: StoredRollouts, part: Any, scoring: str) -> Drawing:
    """Return what a scorer draws its evidence from: attempts alone, or all evidence where it `needs` more."""
    return StoredEvidence(context, attempts, scoring) if getattr(part, "needs", ()) else attempts


def respondents_evidence(context: RunContext, labels: Mapping[str, Label], part: Any) -> list[object]:
    """List the evidence of other respondents on which a scorer's result depends, as part of the scoring's key."""
    if against := getattr(part, "against", ""):
        latest = context.lake.rows(
            "SELECT count(*) AS n, max(id) AS last FROM rollouts WHERE (policy_name = ? OR policy = ?)",
            [against, against],
        )
        return [latest[0]["n"], latest[0]["last"]]
    if "count_responses" not in getattr(part, "needs", ()):
        return []
    rows = context.lake.rows(RESPONSES, [context.mode, *verdict_parameters(context, labels)])
    own = (context.policy.revision, context.sampler.id)
    return [
        (row["respondent"], row["problem_id"], row["outcome"], row["n"])
        for row in rows
        if (row["policy"], row["sampler"]) != own
    ]


def remaining_searches(context: RunContext, attempts: StoredRollouts, part: Any) -> Remaining | None:
    """Count what searches may still cost: problems not yet searched, their iterations, completions and tokens at most.

    Returns:
        The counts; None for a scorer that does not search.
    """
    if "search" not in getattr(part, "needs", ()):
        return None
    if context.imported is not None:
        raise ConfigError(
            f"scorer {context.config.score.scorer!r} searches with the policy, and score.evidence = "
            f"{context.config.score.evidence!r} has only recorded answers"
        )
    rules: SearchConfig = part.rules
    searches = Searches(context, attempts.problems, attempts.labels, rules, scoring="")
    n = len(searches.missing(sorted(attempts.problems)))
    tokens = rules.children * searches.step.max_tokens + searches.rest.max_tokens
    iterations = n * rules.iterations
    return Remaining(
        problems=n,
        attempts_max=iterations * (rules.children + 1),  # a step per child, and one completion to the end
        iterations_max=iterations,
        tokens_max=iterations * tokens,
    )


def with_sampling(attempts: StoredRollouts, changes: Mapping[str, Any]) -> StoredRollouts:
    """Return attempts at the same problems under the sampler with these fields changed; `attempts` where none is."""
    sampler = replace(attempts.sampler, **changes)
    if sampler.id == attempts.sampler.id:
        return attempts
    return StoredRollouts(attempts.context, attempts.problems, attempts.labels, sampler=sampler)


def compare_with_attempts(
    context: RunContext, attempts: StoredRollouts, part: Any, scores: Sequence[Score]
) -> dict[str, Any]:
    """Compare a search with n plain attempts under the same prompt, temperature and judge: its fair baseline.

    Returns:
        How many problems are hard by the search (solved after more than n iterations, or never), by the attempts (none
        of n right) and by both, and how many tokens each generated; {} for a scorer without such a baseline.
    """
    n = int(getattr(part, "baseline_attempts", 0))
    if not n or not scores:
        return {}
    rules: SearchConfig = part.rules
    plain = with_sampling(attempts, {"temperature": rules.temperature, "top_p": rules.top_p})
    counts = plain.draw(dict.fromkeys((score.problem_id for score in scores), n))
    by_search = {score.problem_id for score in scores if score.censored or score.value > n}
    by_attempts = {id_ for id_, tally in counts.items() if tally.total >= n and not tally.correct}
    attempts.stopped = attempts.stopped or plain.stopped
    comparison = {
        "hard_by_search": len(by_search),
        "hard_by_attempts": len(by_attempts),
        "hard_by_both": len(by_search & by_attempts),
        "search_tokens": _search_tokens(context, attempts, rules),
        "attempt_tokens": _attempt_tokens(context, plain, n, set(counts)),
    }
    _report_comparison(context, comparison, n, len(scores))
    return comparison


def _report_comparison(context: RunContext, comparison: Mapping[str, int], n: int, problems: int) -> None:
    either = comparison["hard_by_search"] + comparison["hard_by_attempts"] - comparison["hard_by_both"]
    overlap = f"{comparison['hard_by_both'] / either:.2f}" if either else "-"
    rows = [
        (
            f"search: solved after more than {n} iterations, or never",
            comparison["hard_by_search"],
            comparison["search_tokens"],
        ),
        (f"plain: none of {n} attempts right", comparison["hard_by_attempts"], comparison["attempt_tokens"]),
        (f"both; overlap (Jaccard) {overlap}", comparison["hard_by_both"], ""),
    ]
    context.reporter.table(f"hard among {problems} searched problems", ("by", "problems", "tokens"), rows)


def _search_tokens(context: RunContext, attempts: StoredRollouts, rules: SearchConfig) -> int:
    step, rest = search_samplers(context.config.policy.sampler, rules)
    query = (
        "SELECT coalesce(sum(tokens), 0)::BIGINT AS n FROM continuations WHERE policy = ? AND sampler IN (?, ?) "
        "AND problem_id IN (SELECT unnest(?::VARCHAR[]))"
    )
    return int(
        context.lake.rows(query, [attempts.policy.revision, step.id, rest.id, sorted(attempts.problems)])[0]["n"]
    )


def _attempt_tokens(context: RunContext, plain: StoredRollouts, n: int, ids: set[str]) -> int:
    query = (
        "SELECT coalesce(sum(tokens), 0)::BIGINT AS n FROM ("
        "SELECT tokens FROM rollouts WHERE policy = ? AND sampler = ? AND NOT guided "
        "AND problem_id IN (SELECT unnest(?::VARCHAR[])) "
        "QUALIFY row_number() OVER (PARTITION BY problem_id ORDER BY sample) <= ?)"
    )
    return int(context.lake.rows(query, [plain.policy.revision, plain.sampler.id, sorted(ids), n])[0]["n"])


def _to_attempt(row: Mapping[str, Any]) -> StoredAttempt:
    logprobs = None if row["logprobs"] is None else tuple(row["logprobs"])
    return StoredAttempt(row["sample"], row["outcome"], row["extracted"] or "", row["tokens"], row["finish"], logprobs)
