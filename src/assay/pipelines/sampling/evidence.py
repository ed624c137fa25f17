"""What scorers may ask for beside counts: searches, answers, and what every policy of the store made of a pool."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.core.errors import ConfigError, suggest_names
from assay.core.ports import RolloutProvider as Drawing
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import Counts, Label, Score, StoredAttempt
from assay.pipelines.context.results import Remaining
from assay.pipelines.context.run import RunContext
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.tree_search import Searches
from assay.pipelines.sampling.tree_search import samplers as search_samplers

VERDICTS = """
SELECT r.problem_id, r.policy, r.policy_name, r.sampler, r.sample, r.tokens, r.finish, r.id AS rollout_id,
       counted(v.outcome, v.lenient, ?) AS outcome, v.extracted
FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id
WHERE NOT r.guided AND r.step IS NULL AND v.label_id IN (SELECT unnest(?::VARCHAR[]))
  AND v.verifier || '@' || v.version IN (SELECT unnest(?::VARCHAR[]))
"""
SAID = f"""
SELECT r.*, t.logprobs FROM ({VERDICTS}) r JOIN completions t ON t.id = r.rollout_id WHERE r.policy = ? AND r.sampler = ?
QUALIFY row_number() OVER (PARTITION BY r.rollout_id) = 1 ORDER BY r.problem_id, r.sample
"""
WHO = """
SELECT policy, sampler FROM rollouts WHERE (policy_name = ? OR policy = ?) AND step IS NULL AND NOT guided
GROUP BY policy, sampler ORDER BY count(*) DESC, policy, sampler LIMIT 1
"""
RESPONSES = f"""
SELECT policy_name || ' ' || policy || ' ' || sampler AS respondent, policy, sampler, problem_id, outcome, count(DISTINCT rollout_id) AS n
FROM ({VERDICTS}) GROUP BY ALL ORDER BY respondent, problem_id, outcome
"""


class StoredEvidence:
    """A scorer's way to all evidence (`core.ports.Evidence`) on one lake."""

    def __init__(self, context: RunContext, attempts: StoredRollouts, scoring: str) -> None:
        self.context, self.attempts, self.scoring = context, attempts, scoring

    def draw(self, wanted: Mapping[str, int]) -> Mapping[str, Counts]:
        """As `Attempts.draw`."""
        return self.attempts.draw(wanted)

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        """A tree search of each problem; one that a limit stopped is missing."""
        searches = Searches(self.context, self.attempts.problems, self.attempts.labels, rules, scoring=self.scoring)
        found = searches.run(ids)
        self.attempts.stopped = self.attempts.stopped or searches.stopped
        self.attempts.failed += searches.failed
        return found

    def draw_attempts(
        self, wanted: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        """The first `wanted` attempts of each problem, by sample, under the plan's sampler with these fields changed.

        Of another policy what is stored under any one sampler is given, the sampler with the most attempts.

        Raises:
            ConfigError: the store knows no such policy.
        """
        if policy:
            who = self._stored(policy)
        else:
            drawn = under(self.attempts, changes)
            drawn.draw(wanted)
            self.attempts.stopped = self.attempts.stopped or drawn.stopped
            who = [drawn.policy.revision, drawn.sampler.id]
        rows = self.context.lake.rows(SAID, [self.context.mode, *_present(self.context, self.attempts.labels), *who])
        found: dict[str, list[StoredAttempt]] = {id_: [] for id_ in wanted}
        for row in rows:
            if len(found.get(row["problem_id"], ())) < wanted.get(row["problem_id"], 0):
                found[row["problem_id"]].append(_said(row))
        return found

    def _stored(self, policy: str) -> list[str]:
        """Revision and sampler of another policy's attempts."""
        found = self.context.lake.rows(WHO, [policy, policy])
        if not found:
            known = self.context.lake.rows("SELECT DISTINCT policy_name, policy FROM rollouts WHERE step IS NULL")
            raise ConfigError(
                f"no attempts of policy {policy!r} are stored; {suggest_names(policy, {name for row in known for name in row.values()})}"
            )
        return [found[0]["policy"], found[0]["sampler"]]

    def count_responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        """Counts by respondent, a policy under a sampler, and problem; rollouts of training are left out."""
        found: dict[str, dict[str, Counts]] = {}
        for row in self.context.lake.rows(
            RESPONSES, [self.context.mode, *_present(self.context, self.attempts.labels)]
        ):
            if row["problem_id"] in self.attempts.problems:
                by_problem = found.setdefault(row["respondent"], {})
                by_problem[row["problem_id"]] = by_problem.get(row["problem_id"], Counts()).plus(
                    row["outcome"], row["n"]
                )
        return found


def evidence(context: RunContext, attempts: StoredRollouts, part: Any, scoring: str) -> Drawing:
    """What a scorer is given: attempts alone, or all evidence where it `needs` more."""
    return StoredEvidence(context, attempts, scoring) if getattr(part, "needs", ()) else attempts


def depends(context: RunContext, labels: Mapping[str, Label], part: Any) -> list[object]:
    """What a scorer's result depends on beyond its settings, the pool and the plan's policy: other respondents' evidence."""
    if against := getattr(part, "against", ""):
        stored = context.lake.rows(
            "SELECT count(*) AS n, max(id) AS last FROM rollouts WHERE (policy_name = ? OR policy = ?)",
            [against, against],
        )
        return [stored[0]["n"], stored[0]["last"]]
    if "count_responses" not in getattr(part, "needs", ()):
        return []
    rows = context.lake.rows(RESPONSES, [context.mode, *_present(context, labels)])
    own = (context.engine.policy.revision, context.config.policy.sampler.id)
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


def under(attempts: StoredRollouts, changes: Mapping[str, Any]) -> StoredRollouts:
    """Attempts at the same problems under the sampler with these fields changed; itself where nothing is."""
    sampler = replace(attempts.sampler, **changes)
    if sampler.id == attempts.sampler.id:
        return attempts
    return StoredRollouts(attempts.context, attempts.problems, attempts.labels, sampler=sampler)


def beside(context: RunContext, attempts: StoredRollouts, part: Any, scores: Sequence[Score]) -> dict[str, Any]:
    """The fair baseline of a search, {} for other scorers: who fails all of n plain attempts under the same prompt, temperature and judge.

    Told: how many are hard by the search (solved after more than n iterations, or never), by the attempts (none of n right), by both;
    and what each cost in generated tokens.
    """
    n = int(getattr(part, "baseline", 0))
    if not n or not scores:
        return {}
    rules: SearchConfig = part.rules
    plain = under(attempts, {"temperature": rules.temperature, "top_p": rules.top_p})
    counts = plain.draw(dict.fromkeys((score.problem_id for score in scores), n))
    by_search = {score.problem_id for score in scores if score.censored or score.value > n}
    by_attempts = {id_ for id_, each in counts.items() if each.total >= n and not each.correct}
    attempts.stopped = attempts.stopped or plain.stopped
    told = {
        "hard_by_search": len(by_search),
        "hard_by_attempts": len(by_attempts),
        "hard_by_both": len(by_search & by_attempts),
        "search_tokens": _search_tokens(context, attempts, rules),
        "attempt_tokens": _attempt_tokens(context, plain, n, set(counts)),
    }
    _tell(context, told, n, len(scores))
    return told


def _tell(context: RunContext, told: Mapping[str, int], n: int, problems: int) -> None:
    either = told["hard_by_search"] + told["hard_by_attempts"] - told["hard_by_both"]
    overlap = f"{told['hard_by_both'] / either:.2f}" if either else "-"
    rows = [
        (f"search: solved after more than {n} iterations, or never", told["hard_by_search"], told["search_tokens"]),
        (f"plain: none of {n} attempts right", told["hard_by_attempts"], told["attempt_tokens"]),
        (f"both; overlap (Jaccard) {overlap}", told["hard_by_both"], ""),
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
        "SELECT coalesce(sum(tokens), 0)::BIGINT AS n FROM (SELECT tokens FROM rollouts WHERE policy = ? AND sampler = ? AND NOT guided "
        "AND problem_id IN (SELECT unnest(?::VARCHAR[])) QUALIFY row_number() OVER (PARTITION BY problem_id ORDER BY sample) <= ?)"
    )
    return int(context.lake.rows(query, [plain.policy.revision, plain.sampler.id, sorted(ids), n])[0]["n"])


def _present(context: RunContext, labels: Mapping[str, Label]) -> list[list[str]]:
    """Present labels, and verifiers with their versions."""
    now = labels.values()
    return [
        sorted(label.id for label in now),
        sorted({f"{label.verifier}@{context.judge.version(label.verifier)}" for label in now}),
    ]


def _said(row: Mapping[str, Any]) -> StoredAttempt:
    logprobs = None if row["logprobs"] is None else tuple(row["logprobs"])
    return StoredAttempt(row["sample"], row["outcome"], row["extracted"] or "", row["tokens"], row["finish"], logprobs)
