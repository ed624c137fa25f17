"""Evidence for scorers: stored attempts first, new ones only for what is missing, each paid for once.

Samples are exchangeable: where n are wanted and m are stored, n - m are drawn. Rollouts, texts and verdicts of a wave
are one commit, so a killed process loses at most the wave in flight. Samples of a streaming engine are committed as
they arrive, so that no problem waits for another one's long answer. A sample that failed (a dead server, a broken
connection) is no evidence: it is counted and reported, never stored, and the next run draws it again. Stored rollouts
that lack a verdict of the present label or verifier version are judged again, which costs no tokens.
"""

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError, EngineError, EvidenceError, Stopped
from assay.core.identity import canonical_json, content_id
from assay.core.ports import Progress, StreamingEngine
from assay.core.types import (
    AttemptStats,
    Counts,
    ForeignSampling,
    GradedAttempts,
    GradingCase,
    Label,
    Outcome,
    Problem,
    Request,
    Rollout,
    SamplingConfig,
    Verdict,
    rollout_id,
)
from assay.pipelines.context import remote_model
from assay.pipelines.context.first_attempts import describe_refusals, show_first, show_tracebacks
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import CachedEncoder, build_encoder
from assay.pipelines.data.pictures import pictures_of, refuse_pictures
from assay.pipelines.sampling.attempt_rows import attempt_tables, number_imported, verdict_table
from assay.pipelines.sampling.refusals import keep_refusals, known_refusals
from assay.pipelines.sampling.respondents import count_stored
from assay.pipelines.sampling.rewards import AttemptRewards
from assay.pipelines.sampling.truncation import Cutter

NOT_IN_ROLLOUTS = ("logprobs", "token_ids", "fault", "stopped", "refused")  # what the table has no column for
REFUSALS_SHOWN = 3  # different texts
COMMIT_S = 30.0  # the longest that arrivals wait for a wave to fill
# Sample index -> (outcome, tokens); outcome None = stored but not judged by the present verifier.
Samples = dict[int, tuple[Outcome | None, int]]
EVIDENT = ("correct", "wrong", "unparsable")  # outcomes that say something about a problem
COUNTED = {"unparsable": "wrong", "verifier_error": "error"}  # outcomes that have another name among the counts

STORED = """
SELECT r.problem_id, r.sample, r.tokens, v.outcome, v.reward, CASE WHEN r.extended OR $recorded THEN r.id END AS id
FROM attempts r LEFT JOIN (
    SELECT rollout_id, counted(outcome, lenient, $mode) AS outcome, counted_reward(reward, lenient, $mode) AS reward
    FROM verdicts
    WHERE verifier || '@' || version IN (SELECT unnest($versions::VARCHAR[]))
      AND label_id IN (SELECT unnest($labels::VARCHAR[]))
) v ON v.rollout_id = r.id
WHERE r.policy = $policy AND r.sampler = $sampler AND NOT r.guided AND r.problem_id IN (SELECT unnest($ids::VARCHAR[]))
"""
# Versions are numbers or hashes, with settings behind a plus: 10 is later than 9.
BEFORE = """
SELECT rollout_id, last(outcome ORDER BY number, version) AS strict,
       last(coalesce(lenient, outcome) ORDER BY number, version) AS lenient
FROM (SELECT *, coalesce(try_cast(regexp_extract(version, '^[0-9]+') AS BIGINT), 0) AS number FROM verdicts
      WHERE rollout_id IN (SELECT unnest(?::VARCHAR[])))
GROUP BY rollout_id
"""


class StoredRollouts:
    """The stored attempts of one policy under one sampler, completed by new ones (`core.ports.RolloutProvider`).

    Args:
        context: the run, with its lake, engine and judge.
        problems: the problems that may be attempted, by id.
        labels: the present label of each of them.
        sampler: how the policy is asked; None = as the config says.
        keep_refused: store what a server refuses, so that no later run asks for it again.
    """

    def __init__(
        self,
        context: RunContext,
        problems: Mapping[str, Problem],
        labels: Mapping[str, Label],
        *,
        sampler: SamplingConfig | None = None,
        keep_refused: bool = False,
    ) -> None:
        self.context, self.problems, self.labels = context, problems, labels
        self.sampler: SamplingConfig = sampler or context.sampler
        self.policy = context.policy
        self.stopped = ""  # the limit that was reached, as words
        self.failed = 0  # samples that the engine failed to generate in this run
        self.refused = 0  # samples that a server refused to generate in this run
        self.recorded = isinstance(self.sampler, ForeignSampling)  # imported: nothing more can be drawn
        self._rewards = AttemptRewards(context, self.policy.revision, self.sampler.id)
        self._other_ids: dict[tuple[str, int], str] = {}  # of attempts sampled under another config than `sampler`
        self._samples = self._stored(list(problems))
        self._keep_refused = keep_refused
        self._refused = known_refusals(context, self.policy, self.sampler, problems) if keep_refused else {}
        self._cutter: Cutter | None = None
        self._introduced = False  # the rows of sampler and policy are in the lake
        self._row_written = False  # the sampler's row is, although nothing had to be drawn
        self._n_requested = 0  # samples that a streaming engine has taken

    def missing(self, n_attempts: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """List the sample indices still to be drawn, by problem, in an order that is independent of difficulty."""
        if self.recorded:
            return {}
        lacking = {id_: n - len(self._samples[id_]) for id_, n in n_attempts.items() if id_ not in self._refused}
        order = sorted(
            (id_ for id_, n in lacking.items() if n > 0),
            key=lambda id_: content_id("order", self.context.config.seed, id_),
        )
        return {id_: _free_indices(self._samples[id_], lacking[id_]) for id_ in order}

    def draw(self, n_attempts: Mapping[str, int]) -> dict[str, Counts]:
        """Draw what is missing, and count the outcomes of all stored attempts per problem.

        Args:
            n_attempts: how many attempts each problem shall have; a limit of the config may stop the run before.

        Raises:
            Stopped: the run was stopped on request; the attempts that arrived are committed.
        """
        self._judge_unjudged(n_attempts)
        missing = self.missing(n_attempts)
        # the row may be gone although the attempts are there
        if not missing and not self._row_written and not self.recorded:
            self.context.lake.append({"sampling_configs": [self._settings()]}, run=self.context.run)
            self._row_written = True
        if missing and not self.stopped:
            self._generate(missing)
        return {id_: self._tally(id_).counts for id_ in n_attempts}

    def draw_first(self, n_attempts: Mapping[str, int], *, at_length: int | None = None) -> dict[str, AttemptStats]:
        """Draw what is missing, and tally the first `n_attempts` attempts per problem by sample index.

        Args:
            n_attempts: attempts per problem.
            at_length: a shorter cap in tokens, at which longer answers count as cut; None = the sampler's own.

        Returns:
            The tallies; a problem that still lacks some of its attempts is absent.

        Raises:
            Stopped: as `draw`.
            ConfigError: `at_length` is above the sampler's cap.
        """
        self.draw(n_attempts)
        whole = {id_: n for id_, n in n_attempts.items() if len(self._samples[id_]) >= n}
        outcomes_at_cap = self._cut_outcomes(whole, at_length) if at_length else {}
        return {id_: self._tally(id_, n, outcomes_at_cap) for id_, n in whole.items()}

    def draw_truncated(self, n_attempts: Mapping[str, int], at_length: int) -> dict[str, Counts]:
        """Count as `draw` does, as if the cap had been `at_length` tokens.

        Raises:
            Stopped, ConfigError: as `draw_first`.
        """
        self.draw(n_attempts)
        outcomes_at_cap = self._cut_outcomes(dict.fromkeys(n_attempts), at_length)
        return {id_: self._tally(id_, None, outcomes_at_cap).counts for id_ in n_attempts}

    def embed(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of the problems' texts, shape (n, d); the encoder runs for what the lake lacks."""
        behind = build_encoder(self.context, lambda: [problem.text for problem in self.problems.values()])
        return CachedEncoder(self.context, behind).encode([self.problems[id_].text for id_ in ids])

    def count_of(self, policy: str) -> dict[str, Counts]:
        """Count another policy's stored attempts, as `count_stored` does."""
        return count_stored(self.context, self.labels, policy)

    @property
    def reward_bounds(self) -> tuple[float, float]:
        """The least and the most that a reward can be, by `grade.reward_range` and `[train.reward]`."""
        return self._rewards.bounds

    def attempt_rewards(self, n_attempts: Mapping[str, int]) -> dict[str, GradedAttempts]:
        """Return the rewards of each problem's first attempts; {} where all are 1 for correct and 0 for all else."""
        return self._rewards.read(self._samples, n_attempts, self._rollout_id)

    def lacking(self, n: int) -> tuple[int, int]:
        """Count the problems with fewer than n attempts, and the attempts that they lack together."""
        if self.recorded:
            return 0, 0
        short = [
            n - len(samples) for id_, samples in self._samples.items() if len(samples) < n and id_ not in self._refused
        ]
        return len(short), sum(short)

    @property
    def stored(self) -> int:
        """The number of stored attempts at these problems under this sampler."""
        return sum(len(samples) for samples in self._samples.values())

    @property
    def cut_by(self) -> str:
        """How texts are cut: "tokenizer", or "characters" in proportion to tokens."""
        return self._truncation.how

    @property
    def _truncation(self) -> Cutter:
        self._cutter = self._cutter or Cutter(self.context, self.problems, self.labels, self.sampler)
        return self._cutter

    @property
    def unfinished(self) -> bool:
        """Whether another run may find more evidence."""
        return bool(self.stopped or self.failed or self.refused)

    def look_again(self, ids: Sequence[str]) -> None:
        """Read again what is stored of these problems, to which other processes may have added."""
        self._samples.update(self._stored(ids))

    def _stored(self, ids: Sequence[str]) -> dict[str, Samples]:
        samples: dict[str, Samples] = {id_: {} for id_ in ids}
        labels, versions = self.context.counted_verdicts(self.labels)
        parameters = {
            "recorded": self.recorded,
            "mode": self.context.mode,
            "versions": versions,
            "labels": labels,
            "policy": self.policy.revision,
            "sampler": self.sampler.id,
            "ids": list(samples),
        }
        rows: Iterable[dict[str, Any]] = self.context.lake.iterate_rows(STORED, parameters)
        for row in number_imported(rows) if self.recorded else rows:
            samples[row["problem_id"]][row["sample"]] = row["outcome"], row["tokens"]
            self._rewards.note(row["problem_id"], row["sample"], row["outcome"], row["reward"])
            if row["id"]:
                self._other_ids[row["problem_id"], row["sample"]] = row["id"]
        return samples

    def _rollout_id(self, id_: str, sample: int) -> str:
        other = self._other_ids.get((id_, sample))
        return other or rollout_id(id_, self.policy.revision, self.sampler.id, sample)

    def _judge_unjudged(self, n_attempts: Mapping[str, int]) -> None:
        ids = {
            self._rollout_id(id_, sample): (id_, sample)
            for id_ in n_attempts
            for sample, (outcome, _) in self._samples[id_].items()
            if outcome is None
        }
        if not ids:
            return
        self.context.reporter.say(f"{len(ids)} stored rollouts are graded by the current verifier, without new tokens")
        before = judged_before(self.context, sorted(ids))
        rollouts = [
            replace(rollout, sample=ids[rollout.id][1]) for rollout in stored_rollouts(self.context, sorted(ids))
        ]
        verdicts = self._judge(rollouts)
        count_moved(self.context, before, verdicts)
        self.context.lake.append({"verdicts": verdict_table(verdicts, self.context.run)}, run=self.context.run)

    def _settings(self) -> dict[str, str]:
        return {"id": self.sampler.id, "settings": settings_of(self.sampler)}

    def _generate(self, missing: Mapping[str, tuple[int, ...]]) -> None:
        requests = self.requests(missing)
        self._introduce(self.with_pictures(requests[0]))
        streaming = isinstance(self.context.engine, StreamingEngine)
        with self.context.reporter.track("attempts", sum(len(request.samples) for request in requests)) as bar:
            arrivals = self._stream(requests) if streaming else self._generate_by_problem(requests)
            self._commit_in_waves(
                self._meter_arrivals(arrivals, bar),
                most=max(len(request.samples) for request in requests) if streaming else 0,
            )
        if self.context.stop():
            raise Stopped("stopped on request; the attempts that arrived are committed")

    def _introduce(self, first_request: Request) -> None:
        """Before the first attempt: store how and of whom it is asked, and report the prompt as the model reads it.

        Raises:
            ConfigError: a problem shows a picture, and the engine reads texts only.
        """
        if not getattr(type(self.context.engine), "takes_pictures", False):
            refuse_pictures(self.problems.values(), f"engine {self.context.config.policy.engine!r}")
        if not (first := self.context.first_attempts).counts:
            first.trusted = sum(
                outcome in EVIDENT for samples in self._samples.values() for outcome, _ in samples.values()
            )
        if not self._introduced:
            remote_model.require_stored_policy(self.context)
            self.context.lake.append(
                {"sampling_configs": [self._settings()], "policies": remote_model.policy_rows(self.context)},
                run=self.context.run,
            )
            self._introduced = True
        if "prompt" not in self.context.warned:
            self.context.warned.add("prompt")
            prompt = self.context.engine.show(first_request)
            self.context.reporter.say(f"the first prompt, as the model reads it:\n{prompt}")

    def _commit_in_waves(self, arrivals: Iterator[list[Rollout]], *, most: int) -> None:
        """Commit wave by wave.

        Args:
            arrivals: rollouts as they come.
            most: samples per problem at most, where samples arrive one by one: a wave is then as many samples as
                `score.problems_per_commit` problems have. 0 = problems arrive whole, and a wave is
                `score.problems_per_commit` problems.
        """
        wave, within = list[Rollout](), set[str]()
        size, since = self.context.config.score.problems_per_commit, time.monotonic()
        try:
            for rollouts in arrivals:
                wave.extend(rollouts)
                within.update(rollout.problem_id for rollout in rollouts)
                whole = len(wave) >= size * most if most else len(within) >= size
                if whole or time.monotonic() - since > COMMIT_S:
                    self._commit(wave)
                    wave, within, since = [], set(), time.monotonic()
                self.context.first_attempts.check()
        except (EngineError, EvidenceError, ConfigError, Stopped):
            self._commit(wave)
            raise
        self._commit(wave)
        self.context.first_attempts.check()

    def _generate_by_problem(self, requests: Sequence[Request]) -> Generator[tuple[Rollout, ...], None, None]:
        """Yield the engine's rollouts, problem by problem, until a limit of the config is reached."""
        if not getattr(type(self.context.engine), "recorded", False):
            requests = [self.with_pictures(request) for request in requests]
        for rollouts in self.context.engine.generate(requests):
            yield rollouts
            if self._reach_limit():
                return

    def _stream(self, requests: Sequence[Request]) -> Generator[tuple[Rollout, ...], None, None]:
        """Yield the engine's rollouts as they arrive.

        At a limit no new problem begins, but what is in flight is finished: short answers come first, so that dropping
        the rest would bias the pass rates.
        """
        engine = self.context.engine
        assert isinstance(engine, StreamingEngine)

        def read() -> Iterator[Request]:
            for request in requests:
                if self.stopped or self._reach_limit():
                    return
                self._n_requested += len(request.samples)
                yield self.with_pictures(request)

        yield from engine.stream(read())

    def _reach_limit(self) -> bool:
        if limit := self.context.limit_reached():
            self.stopped = limit
            self.context.reporter.warn(f"{limit}; continuing with the attempts so far")
        return bool(self.stopped)

    def _meter_arrivals(
        self, arrivals: Generator[tuple[Rollout, ...], None, None], bar: Progress
    ) -> Iterator[list[Rollout]]:
        """Yield what arrives until a stop, without what failed or was refused; meter tokens and time in the engine."""
        meter, faults, refusals, has_answers = (
            self.context.meter,
            list[str](),
            list[Rollout](),
            any(self._samples.values()),
        )
        capacity, self._n_requested, n_arrived = getattr(self.context.engine, "capacity", 0), 0, 0
        since = time.monotonic()  # places are busy while a wave is committed, too
        with closing(arrivals):
            while not (self.context.stop() or (not meter.samples and self._reach_limit())):
                began, meter.waiting = time.monotonic(), True
                try:
                    rollouts = next(arrivals, None)
                finally:
                    meter.waiting = False
                now = time.monotonic()
                meter.engine_s += now - began
                since, seconds = now, now - since
                if self._n_requested:
                    in_flight = self._n_requested - n_arrived
                    meter.count_busy(min(in_flight, capacity or in_flight), seconds)
                if rollouts is None:
                    break
                n_arrived += len(rollouts)
                faults += [rollout.fault for rollout in rollouts if rollout.fault]
                refusals += [rollout for rollout in rollouts if rollout.refused]
                self.context.first_attempts.refused(rollout.refused for rollout in rollouts if rollout.refused)
                attempts = [rollout for rollout in rollouts if not (rollout.fault or rollout.refused)]
                meter.tokens += sum(rollout.tokens for rollout in attempts)
                meter.samples += len(attempts)
                has_answers = has_answers or bool(attempts)
                bar.advance(len(rollouts), note=f"{meter.tokens} tokens")
                yield attempts
        if faults:
            self.failed += len(faults)
            again = f"{len(faults)} attempts failed and are not stored; the next run samples them again"
            self.context.reporter.warn(f"{again}. The first failure: {faults[0]}")
        self._report_refused(refusals, answered=has_answers)

    def _report_refused(self, refusals: Sequence[Rollout], *, answered: bool) -> None:
        """Report what a server refused, in its words. A refusal is no attempt; where others were answered it is stored.

        Raises:
            EvidenceError: no request was ever answered, so that the cause is common to all.
        """
        stop_early = self.context.config.score.stop_early
        if refusals and stop_early and not (answered or self.failed or self.context.stop()):
            raise EvidenceError(describe_refusals([rollout.refused for rollout in refusals]))
        keep = self._keep_refused and (answered or not stop_early)
        then = "--retry-refused asks again" if keep else "the next run asks again"
        for text, count in Counter(rollout.refused for rollout in refusals).most_common(REFUSALS_SHOWN):
            self.context.reporter.warn(f"{count} requests were refused and do not count as attempts, {then}; {text}")
        if refusals and keep:
            texts = {rollout.problem_id: rollout.refused for rollout in refusals}
            keep_refusals(self.context, self.policy, self.sampler, texts)
            self._refused.update(texts)
        else:
            self.refused += len(refusals)

    def requests(self, missing: Mapping[str, tuple[int, ...]]) -> list[Request]:
        """Make the requests for these samples, by problem."""
        return [self.request(id_, samples) for id_, samples in missing.items()]

    def request(self, id_: str, samples: tuple[int, ...]) -> Request:
        """Make the request for these samples of one problem."""
        return Request(id_, self.sampler.render(self.problems[id_]), self.sampler, samples, self.context.config.seed)

    def with_pictures(self, request: Request) -> Request:
        """Return a request with its problem's pictures; they are read when it is sent, so that few are in memory."""
        pictures = pictures_of(self.context.lake, self.problems[request.problem_id])
        return replace(request, pictures=pictures) if pictures else request

    def _commit(self, wave: Sequence[Rollout]) -> None:
        rollouts = sorted(wave, key=lambda rollout: (rollout.problem_id, rollout.sample))
        if rollouts:
            verdicts = self._judge(rollouts)
            commit(self.context, rollouts, verdicts)
            show_first(self.context, rollouts, verdicts)

    def _judge(self, rollouts: Sequence[Rollout]) -> list[Verdict]:
        cases = [
            GradingCase(self.problems[rollout.problem_id], self.labels[rollout.problem_id], rollout)
            for rollout in rollouts
        ]
        verdicts = self.context.judge.judge(cases)
        show_tracebacks(self.context)
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            self._samples[rollout.problem_id][rollout.sample] = (
                verdict.in_mode(self.context.mode).outcome,
                rollout.tokens,
            )
            self._rewards.note_verdict(rollout, verdict)
        return verdicts

    def _tally(
        self, id_: str, n: int | None = None, outcomes_at_cap: Mapping[str, Mapping[int, Outcome]] | None = None
    ) -> AttemptStats:
        """Tally the first n attempts (None = all); `outcomes_at_cap` has the outcomes of those that a cap would cut."""
        samples, changes = self._samples[id_], (outcomes_at_cap or {}).get(id_, {})
        indices = sorted(samples)[:n]
        outcomes = Counter(changes.get(sample) or samples[sample][0] for sample in indices)
        counts = Counter[str]()
        for outcome, count in outcomes.items():
            counts[COUNTED.get(outcome or "", outcome or "")] += count
        counts.pop("", None)  # not judged
        return AttemptStats(Counts(**counts), sum(samples[sample][1] for sample in indices))

    def _cut_outcomes(self, n_attempts: Mapping[str, int | None], length: int) -> dict[str, dict[int, Outcome]]:
        """Return the outcomes of the answers longer than `length` tokens when cut there, by problem and sample."""
        longer = {
            self._rollout_id(id_, sample): (id_, sample)
            for id_, n in n_attempts.items()
            for sample in sorted(self._samples[id_])[:n]
            if self._samples[id_][sample][1] > length
        }
        outcomes: dict[str, dict[int, Outcome]] = {}
        for key, outcome in self._truncation.outcomes(list(longer), length).items():
            id_, sample = longer[key]
            outcomes.setdefault(id_, {})[sample] = outcome
        return outcomes


def commit(context: RunContext, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
    """Commit rollouts, their texts and their verdicts, all or none."""
    context.lake.append(attempt_tables(context, rollouts, verdicts), run=context.run)


def judged_before(context: RunContext, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the latest (strict, lenient) outcome of each rollout that has a verdict, by rollout id."""
    return {row["rollout_id"]: (row["strict"], row["lenient"]) for row in context.lake.rows(BEFORE, [list(ids)])}


def count_moved(context: RunContext, before: Mapping[str, tuple[str, str]], verdicts: Sequence[Verdict]) -> None:
    """Count in the run which outcomes these verdicts changed; a rollout without an earlier verdict counts as "none"."""
    for verdict in verdicts:
        strict, lenient = before.get(verdict.rollout_id, ("none", "none"))
        context.moved.strict[strict, verdict.outcome] += 1
        context.moved.lenient[lenient, verdict.in_mode("lenient").outcome] += 1


def stored_rollouts(context: RunContext, ids: Sequence[str]) -> list[Rollout]:
    """Read the rollouts of these ids with their texts, ids ascending."""
    query = (
        "SELECT r.*, t.text FROM rollouts r JOIN completions t USING (id) "
        "WHERE r.id IN (SELECT unnest(?::VARCHAR[])) ORDER BY r.id"
    )
    return [from_row(row) for row in context.lake.rows(query, [list(ids)])]


def from_row(row: Mapping[str, Any]) -> Rollout:
    """Make a rollout of a row of `rollouts` that is joined with its text."""
    return Rollout(**{name: row[name] for name in Rollout.__slots__ if name not in NOT_IN_ROLLOUTS})


def settings_of(sampler: SamplingConfig) -> str:
    """Return a sampler as JSON, for people to read."""
    return canonical_json(asdict(sampler))


def _free_indices(samples: Samples, count: int) -> tuple[int, ...]:
    return tuple([index for index in range(len(samples) + count) if index not in samples][:count])
