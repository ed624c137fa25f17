"""Stage 4: how hard each training problem is for this policy, with its uncertainty; held-out ones are not attempted."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import pyarrow.compute as pc

from assay.core.config import Config
from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.parts import OUTSIDE, build_part, is_outside, load_part
from assay.core.setting_names import first_names
from assay.core.types import Counts, Label, Problem, Score
from assay.pipelines.context.results import PoolColumns, Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.objective_signal import signal_key, with_signal
from assay.pipelines.data.pool import list_version
from assay.pipelines.data.problems import corrected_golds, read_side, side_ids, side_verifiers
from assay.pipelines.data.scores import find_disputed, score_id
from assay.pipelines.data.verifier_errors import audit_ids, correct_scores
from assay.pipelines.sampling.attempts import StoredRollouts, settings_of
from assay.pipelines.sampling.evidence import (
    compare_with_attempts,
    evidence_for,
    remaining_searches,
    respondents_evidence,
)
from assay.pipelines.sampling.exclusive import exclusive_sampling
from assay.pipelines.sampling.filter_context import filter_samplings
from assay.pipelines.sampling.refusals import count_refused
from assay.pipelines.sampling.stored_counts import StoredCounts, read_counts, score_tables
from assay.pipelines.stages.regrade import judge_outdated

SCORE_COLUMNS = PoolColumns(
    "current_scores WHERE scoring_id = ? AND (low = 0 AND high = 1) IS NOT TRUE",  # [0, 1]: no evidence
    {"mean": "value"}
    | {name: name for name in ("beta_a", "beta_b", "low", "high")}
    | {name: f"n_{name}" for name in ("correct", "wrong", "truncated", "error")}
    | {name: name for name in ("reward_mean", "reward_sd")},
)


class ScoreStage(Stage):
    """Score the train side. Rows carry the id of the scoring, which pools share where no score depends on the pool."""

    name = "score"
    pays = True
    rows_query = "SELECT * FROM scores WHERE scoring_id = ? ORDER BY problem_id"
    columns = SCORE_COLUMNS

    @cached_property
    def ids(self) -> list[str]:
        """The problems that are scored, ascending; no question is read."""
        return side_ids(self.context, self.inputs, "train")

    @cached_property
    def train_side(self) -> tuple[dict[str, Problem], dict[str, Label]]:
        """These problems and their labels, read once."""
        return read_side(self.context, self.inputs, "train")

    @cached_property
    def _stored(self) -> tuple[list[str] | None, StoredRollouts]:
        """The lake's files of rollouts when they were read, and the attempts in them."""
        files = self.context.lake.files().get("rollouts")
        return files, StoredRollouts(self.context, *self.train_side, keep_refused=True)

    @cached_property
    def _counts(self) -> StoredCounts | None:
        """The counts of the stored attempts, where they alone decide the scores."""
        part = build_scorer(self.context)
        return read_counts(self.context, self.inputs) if getattr(part, "counts_alone", False) else None

    def compute_key(self) -> StageKey:
        """Make a key of two parts: the pool with the scoring, and the scoring alone."""
        context, part = self.context, build_scorer(self.context)
        labels = self.train_side[1] if getattr(part, "needs", ()) else {}
        verifiers = side_verifiers(context, self.inputs, "train")
        beyond = [*respondents_evidence(context, labels, part), *corrected_golds(context, self.inputs, "train")]
        scoring = scoring_key(context, verifiers, self.ids, *beyond)
        return StageKey.of(content_id("score", scoring, self.ids), scoring)

    def prepare(self) -> bool:
        """Judge again what an earlier version of a verifier has judged, before scores are counted anew."""
        if self.context.finished(self.name, self.key) is not None:
            return False
        judge_outdated(self.context, self.inputs)
        return True

    def finished(self) -> StageResult | None:
        """Look up the result; None also where the run asks again for what a server refused."""
        context = self.context
        asks_again = context.retry_refused and count_refused(context, context.policy, context.sampler)
        return None if asks_again else super().finished()

    def remaining(self) -> Remaining:
        """Count problems, attempts or iterations, and tokens that scoring may still cost."""
        if (counts := self._counts) is not None:
            return replace(remaining_attempts(self.context, counts), rows_in=len(self.ids))
        attempts = self._stored[1]
        searches = remaining_searches(self.context, attempts, build_scorer(self.context))
        return replace(searches or remaining_attempts(self.context, attempts), rows_in=len(self.ids))

    def run(self) -> StageResult:
        """Score, one run at a time; read the attempts again where another run has stored some in the meantime."""
        if (result := self._run_stored()) is not None:
            return result
        files, attempts = self._stored
        warn_of_default_model(self.context, attempts)
        with exclusive_sampling(self.context, self.ids):
            if self.context.lake.files().get("rollouts") == files:
                return score_problems(self.context, attempts, self.key)
            self.context.lake.mark_known()
            attempts = StoredRollouts(self.context, *self.train_side, keep_refused=True)
            return self.finished() or score_problems(self.context, attempts, self.key)

    def _run_stored(self) -> StageResult | None:
        """Score without an object per problem, where the stored attempts suffice; None = they do not."""
        part, files = build_scorer(self.context), self.context.lake.files().get("rollouts")
        if self._counts is None or not self._counts.settled(part.n):
            return None
        with exclusive_sampling(self.context, self.ids):
            if self.context.lake.files().get("rollouts") != files:
                return None
            return self.finished() or measure_counts(self.context, self._counts, self.key)

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find a missing model. A server is asked only where the lake does not know the policy behind it."""
        _ = context.policy


def warn_of_default_model(context: RunContext, attempts: StoredRollouts) -> None:
    """Warn where the problems are attempted by a model that the config does not name."""
    policy = context.config.policy
    if context.imported is not None or policy.engine in ("scripted", "replay") or "model" in policy.model_fields_set:
        return
    if remaining_attempts(context, attempts).attempts_max:
        context.reporter.warn(
            f"no model is named, so the default, {policy.model!r}, attempts the problems; name yours with "
            "policy.model, in "
            "Python with model= of assay.score"
        )


def build_scorer(context: RunContext) -> Any:
    """Build the config's scorer, with the settings that it takes from other tables of the config.

    Raises:
        ConfigError: an unknown scorer or setting.
    """
    part = with_signal(build_part("scorer", context.config.score.scorer, scorer_settings(context)), context.config)
    if context.imported is not None and (allocation := scorer_settings(context).get("allocation", "fixed")) != "fixed":
        raise ConfigError(
            f"score.allocation = {allocation!r} decides what is sampled next, but score.evidence = "
            f"{context.config.score.evidence!r} samples nothing; use allocation = 'fixed', which counts all recorded "
            "attempts"
        )
    return part


def scorer_settings(context: RunContext) -> dict[str, Any]:
    """Return the scorer's settings with those that other tables of the config hold."""
    own, select = context.config.score.settings, context.config.select
    needs = getattr(build_part("scorer", context.config.score.scorer, own), "sized_by_plan", ())
    values = {"budget": select.budget, "group_size": select.settings.get("group_size", context.config.train.group_size)}
    truncated = {"truncated": context.config.policy.truncated} if _counts_truncated(context.config.score.scorer) else {}
    return {**own, **truncated, **{name: values[name] for name in needs}}


def _counts_truncated(name: str) -> bool:
    """Return whether a scorer of this package has the setting that `policy.truncated` gives."""
    return not is_outside(name) and hasattr(load_part("scorer", name), "truncated")


def first_truncated(config: Config) -> dict[str, str]:
    """Return `policy.truncated` as keys hash it: as the scorer's first setting, and only where the config gives it."""
    if "truncated" not in config.policy.model_fields_set or not _counts_truncated(config.score.scorer):
        return {}
    return {"truncated": "masked" if config.policy.truncated == "ignore" else "wrong"}


def _first_settings(context: RunContext) -> dict[str, Any]:
    """Return the scorer's settings as keys hash them: under their first names, and without unset defaults."""
    own_settings = {name: value for name, value in scorer_settings(context).items() if name != "truncated"}
    own = scorer_settings(context) if not _counts_truncated(context.config.score.scorer) else own_settings
    return first_names("score", context.config.score.scorer, own) | first_truncated(context.config)


def remaining_attempts(context: RunContext, attempts: StoredRollouts | StoredCounts) -> Remaining:
    """Count what scoring may still cost: problems, attempts at least and at most, tokens at most."""
    part = build_scorer(context)
    least, most = part.attempts() if hasattr(part, "attempts") else (getattr(part, "n", 0),) * 2
    problems, samples = attempts.lacking(most)
    return Remaining(
        problems=problems,
        attempts_min=samples if least == most else attempts.lacking(least)[1],
        attempts_max=samples,
        tokens_max=samples * context.config.policy.max_tokens,
    )


def scoring_key(context: RunContext, verifiers: Sequence[str], ids: Sequence[str], *beyond: object) -> str:
    """Hash all that a score depends on.

    Args:
        context: with scorer, policy and sampler.
        verifiers: of the labels; their versions count.
        ids: of the pool, which count only for a scorer that decides over all problems jointly.
        *beyond: further evidence that the scorer reads, such as other policies' attempts.
    """
    config = context.config.score
    versions = sorted((verifier, context.judge.version(verifier)) for verifier in set(verifiers))
    imported = [context.imported.content, context.imported.verifier] if context.imported else []
    pool = [list(ids)] if build_scorer(context).joint else []
    encoder = [context.config.embed.encoder] if config.settings.get("prior") == "predicted" else []
    audits = [("verifier_errors", *audit_ids(context))] if config.verifier_errors == "corrected" else []
    how = (config.scorer, _first_settings(context), *pool, *encoder, *audits, *list_version(build_scorer(context)))
    return content_id(
        "scoring",
        *how,
        context.policy.revision,
        context.sampler.id,
        versions,
        *beyond,
        *imported,
        *(signal_key(build_scorer(context)) if config.settings.get("allocation", "fixed") != "fixed" else ()),
        *context.read_otherwise,
        *context.config.train.reward.terms.key,
    )


def score_problems(context: RunContext, attempts: StoredRollouts, key: StageKey) -> StageResult:
    """Score all problems of the attempts and write the scores, with the stage's line unless evidence is missing."""
    began, scoring = time.monotonic(), key.rows
    _warn_of_other_samplers(context, attempts)
    part = build_scorer(context)
    scores: list[Score] = part.score(sorted(attempts.problems), evidence_for(context, attempts, part, scoring))
    if attempts.unfinished and part.joint:  # joint scores of a part of the evidence must not mix with the final ones
        scoring = content_id("partly", scoring, [(score.problem_id, asdict(score.counts)) for score in scores])
        key = StageKey.of(key.ledger, scoring)
    _warn_of_empty_intervals(context, scores)
    _warn_of_threshold(context, scores)
    unsure = find_disputed(context, attempts.labels, attempts.policy.revision, attempts.sampler.id)
    corrected = _correct(context, scores, attempts)
    rows = [
        _row(
            context,
            score,
            attempts.labels[score.problem_id],
            scoring,
            attempts.policy.revision,
            score.problem_id in unsure,
            corrected.get(score.problem_id, {}),
        )
        for score in scores
    ]
    n_scored = sum(score.counts.total > 0 for score in scores)
    detail = {
        "scored": n_scored,
        "tokens": context.meter.tokens,
        "samples": context.meter.samples,
        **compare_with_attempts(context, attempts, part, scores),
    }
    detail |= {"disputed": len(unsure)} if unsure else {}
    outcome = StageResult(
        "score", key, len(attempts.problems), n_scored, detail, time.monotonic() - began, partly=attempts.unfinished
    )
    return context.finish(outcome, {"scores": rows})


def measure_counts(context: RunContext, counts: StoredCounts, key: StageKey) -> StageResult:
    """Write the scores of problems whose stored attempts suffice, as `score_problems` would write them."""
    began, part = time.monotonic(), build_scorer(context)

    def describe(id_: str, tally: Counts, verifier: str, disputed: bool) -> dict[str, Any]:
        label = Label("", id_, "", verifier)
        return _row(context, part.score_counts(id_, tally), label, key.rows, context.policy.revision, disputed)

    rows, sampler, attempted = score_tables(counts, describe, context.run), context.sampler, counts.attempted
    disputed = pc.sum(attempted["disputed"]).as_py() or 0
    detail = {"scored": len(attempted), "tokens": context.meter.tokens, "samples": context.meter.samples}
    detail |= {"disputed": disputed} if disputed else {}
    result = StageResult("score", key, len(counts.table), len(attempted), detail, time.monotonic() - began)
    sampling = [{"id": sampler.id, "settings": settings_of(sampler)}]  # may be gone although the attempts are there
    return context.finish(result, {"sampling_configs": sampling}, first=({"scores": table} for table in rows))


def _correct(context: RunContext, scores: list[Score], attempts: StoredRollouts) -> dict[str, dict[str, float]]:
    """Correct the scores for verifier errors where the config asks for it, and say how many are."""
    if context.config.score.verifier_errors == "ignore":
        return {}
    corrected = correct_scores(context, scores, attempts.problems, attempts.labels)
    if len(corrected) < len(scores):
        context.reporter.warn(
            f'score.verifier_errors = "corrected": {len(scores) - len(corrected)} of {len(scores)} scores have no '
            "corrected rate, because no audit of their verifier is informative enough: `curate audit CONFIG --sheet "
            "CSV`"
        )
    return corrected


def _row(
    context: RunContext,
    score: Score,
    label: Label,
    scoring: str,
    policy: str,
    unsure: bool,
    corrected: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    row = asdict(score)
    counts = row.pop("counts")
    if not row["direction"]:
        del row["direction"]  # null = easier
    row = {name: value for name, value in row.items() if value is not None or not name.startswith("reward")}
    if score.rewards is not None:
        row["rewards"] = [{"reward": reward, "correct": right, "n": n} for reward, right, n in score.rewards]
    verifier = context.verifier_version(label.verifier)
    content = {
        **row,
        **{f"n_{outcome}": count for outcome, count in counts.items()},
        "scoring_id": scoring,
        "policy": policy,
        "sampler": context.sampler.id,
        "verifier": verifier,
        **({"disputed": True} if unsure else {}),  # null = no
        **(corrected or {}),
    }
    return {"id": score_id(content), **content}


def _warn_of_threshold(context: RunContext, scores: Sequence[Score]) -> None:
    """Warn where rewards are graded and none reaches correct: all pass rates are then alike."""
    graded = [score for score in scores if score.rewards]
    highest = max((reward for score in graded for reward, _, _ in score.rewards or ()), default=0.0)
    if graded and not any(score.counts.correct for score in scores):
        context.reporter.warn(
            f"rewards are graded (up to {highest:g}), but no attempt counts as correct, so all pass rates are equal "
            "and every gate on "
            "correct answers keeps nothing; set `correct_at` in [grade.settings.VERIFIER] to the lowest reward of a "
            "correct answer"
        )


def _warn_of_empty_intervals(context: RunContext, scores: Sequence[Score]) -> None:
    """Warn of a scorer from outside whose scores all say that nothing is known, which leaves all problems unscored."""
    name = context.config.score.scorer
    if name.startswith(OUTSIDE) and scores and all(score.low == 0 and score.high == 1 for score in scores):
        context.reporter.warn(
            f"all {len(scores)} scores of {name!r} have the interval [0, 1], which means that "
            "nothing is known, so selectors treat these problems as unscored; a scorer without an "
            "interval should return low = high = value"
        )


def _warn_of_other_samplers(context: RunContext, attempts: StoredRollouts) -> None:
    """Warn before anything is generated that a changed sampler cannot reuse what is stored."""
    others = context.lake.rows(
        "SELECT sampler, count(*) AS n FROM rollouts WHERE policy = ? AND sampler NOT IN (SELECT unnest(?::VARCHAR[])) "
        "AND step IS NULL GROUP BY sampler ORDER BY n DESC LIMIT 1",
        [attempts.policy.revision, [attempts.sampler.id, *filter_samplings(context.config)]],
    )
    if others and not attempts.stored and context.imported is None:
        context.reporter.warn(
            f"{others[0]['n']} stored rollouts of this policy were sampled under another sampling config "
            f"({others[0]['sampler']}): pass rates under another prompt, temperature or cap are not comparable, "
            f"so all attempts are sampled again{_hint_at_extension(context, others[0]['sampler'])}"
        )


def _hint_at_extension(context: RunContext, sampler: str) -> str:
    """Return how the stored attempts may serve, where they were sampled alike but for a shorter cap; else ""."""
    rows = context.lake.rows("SELECT settings FROM sampling_configs WHERE id = ?", [sampler])
    settings, own_settings = parse_json(rows[0]["settings"]) if rows else {}, parse_json(settings_of(context.sampler))
    shorter = int(settings.get("max_tokens", own_settings["max_tokens"]))
    if shorter >= own_settings["max_tokens"] or {**settings, "max_tokens": own_settings["max_tokens"]} != own_settings:
        return ""
    return (
        f"; only their cap is shorter: `curate extend CONFIG --set policy.max_tokens={shorter} "
        f"--max-tokens {own_settings['max_tokens']}` reuses them and continues the truncated ones"
    )
