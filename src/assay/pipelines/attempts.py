"""Evidence for scorers: stored attempts first, new ones only for what is missing, each paid for once.

Samples are exchangeable: want n, have m, draw n - m. Rollouts, texts and verdicts of a wave are one commit, so a killed process loses at most
the wave in flight. From an engine that streams, samples are committed as they arrive, so a long answer holds up nobody. A sample that failed
(a dead server, a broken connection) is no evidence: it is counted and told, never stored, and the next run draws it. Stored rollouts that
lack a verdict of the present label or verifier version are judged again, free of tokens.
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from assay.core.errors import EngineError, Stopped
from assay.core.identity import canonical, content_id
from assay.core.ports import Streaming, Ticker
from assay.core.types import Case, Counts, Label, Outcome, Problem, Request, Rollout, Sampler, Verdict, rollout_id
from assay.pipelines import served
from assay.pipelines.job import Job

COMMIT_S = 30.0  # arrivals wait no longer for a wave to fill
ROLLOUT = tuple(name for name in Rollout.__slots__ if name not in ("text", "logprobs", "fault"))
VERDICT = tuple(Verdict.__slots__)
Samples = dict[int, Outcome | None]  # sample index -> outcome; None = stored but not judged by the present verifier

STORED = """
SELECT r.problem_id, r.sample, v.outcome
FROM rollouts r LEFT JOIN (
    SELECT rollout_id, outcome FROM verdicts
    WHERE verifier || '@' || version IN (SELECT unnest(?::VARCHAR[])) AND label_id IN (SELECT unnest(?::VARCHAR[]))
) v ON v.rollout_id = r.id
WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided
"""


class Attempts:
    """A scorer's way to evidence (`core.ports.Attempts`) on one lake, for one policy and sampler."""

    def __init__(self, job: Job, problems: Mapping[str, Problem], labels: Mapping[str, Label], *, sampler: Sampler | None = None) -> None:
        self.job, self.problems, self.labels = job, problems, labels
        self.sampler: Sampler = sampler or job.plan.policy.sampler
        self.policy = job.engine.policy
        self.stopped = ""  # the limit that was reached, as words
        self.failed = 0  # samples that the engine could not bring in this run
        self._samples = self._stored()

    def missing(self, wanted: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """The sample indices still to be drawn, by problem; problems in an order that no difficulty can bias."""
        lacking = {id_: n - len(self._samples[id_]) for id_, n in wanted.items()}
        order = sorted((id_ for id_, n in lacking.items() if n > 0), key=lambda id_: content_id("order", self.job.plan.seed, id_))
        return {id_: _free(self._samples[id_], lacking[id_]) for id_ in order}

    def draw(self, wanted: Mapping[str, int]) -> dict[str, Counts]:
        """Counts per problem once each has `wanted` attempts; fewer where a limit of the plan stopped the run.

        Raises:
            Stopped: the run was asked to stop; every complete problem's attempts are committed.
        """
        self._judge_unjudged(wanted)
        missing = self.missing(wanted)
        if missing and not self.stopped:
            self._generate(missing)
        return {id_: self._counts(id_) for id_ in wanted}

    @property
    def unfinished(self) -> bool:
        """Whether another run may find more evidence."""
        return bool(self.stopped or self.failed)

    def _stored(self) -> dict[str, Samples]:
        samples: dict[str, Samples] = {id_: {} for id_ in self.problems}
        versions = [f"{label.verifier}@{self.job.judge.version(label.verifier)}" for label in self.labels.values()]
        labels = sorted(label.id for label in self.labels.values())
        for row in self.job.lake.rows(STORED, [sorted(set(versions)), labels, self.policy.revision, self.sampler.id]):
            if row["problem_id"] in samples:
                samples[row["problem_id"]][row["sample"]] = row["outcome"]
        return samples

    def _judge_unjudged(self, wanted: Mapping[str, int]) -> None:
        ids = {
            rollout_id(id_, self.policy.revision, self.sampler.id, sample): (id_, sample)
            for id_ in wanted
            for sample, outcome in self._samples[id_].items()
            if outcome is None
        }
        if not ids:
            return
        self.job.narrator.say(f"{len(ids)} stored rollouts are judged by the present verifier; no tokens")
        verdicts = self._judge(stored_rollouts(self.job, sorted(ids)))
        self.job.lake.append({"verdicts": verdict_rows(verdicts)}, run=self.job.run)

    def _generate(self, missing: Mapping[str, tuple[int, ...]]) -> None:
        settings = {"id": self.sampler.id, "settings": settings_of(self.sampler)}
        self.job.lake.append({"samplers": [settings], "policies": served.row(self.job)}, run=self.job.run)
        requests = [self.request(id_, samples) for id_, samples in missing.items()]
        if "prompt" not in self.job.warned:
            self.job.warned.add("prompt")
            self.job.narrator.say(f"the first prompt, as the model reads it:\n{self.job.engine.show(requests[0])}")
        streaming = isinstance(self.job.engine, Streaming)
        with self.job.narrator.track("attempts", sum(len(request.samples) for request in requests)) as bar:
            found = self._streamed(requests) if streaming else self._one_by_one(requests)
            self._in_waves(self._metered(found, bar), most=max(len(request.samples) for request in requests) if streaming else 0)
        if self.job.stop():
            raise Stopped("asked to stop; the attempts that had arrived are committed")

    def _in_waves(self, found: Iterator[list[Rollout]], *, most: int) -> None:
        """Commits wave by wave: `score.wave` problems, or as many samples as these have at `most` where samples arrive one by one."""
        wave: list[Rollout] = []
        size, since = self.job.plan.score.wave, time.monotonic()
        try:
            for rollouts in found:
                wave.extend(rollouts)
                whole = len(wave) >= size * most if most else len({rollout.problem_id for rollout in wave}) >= size
                if whole or time.monotonic() - since > COMMIT_S:
                    self._commit(wave)
                    wave, since = [], time.monotonic()
        except EngineError:
            self._commit(wave)
            raise
        self._commit(wave)

    def _one_by_one(self, requests: Sequence[Request]) -> Generator[tuple[Rollout, ...], None, None]:
        """The engine's rollouts, problem by problem, until a limit."""
        for rollouts in self.job.engine.generate(requests):
            yield rollouts
            if self._limited():
                return

    def _streamed(self, requests: Sequence[Request]) -> Generator[tuple[Rollout, ...], None, None]:
        """The engine's rollouts as they arrive. At a limit no new problem begins, and what is in flight is finished: cut, it would bias the rates."""
        engine = self.job.engine
        assert isinstance(engine, Streaming)
        yield from engine.arrivals(request for request in requests if not (self.stopped or self._limited()))

    def _limited(self) -> bool:
        if limit := self.job.limit_reached():
            self.stopped = limit
            self.job.narrator.warn(f"{limit}; going on with the evidence so far")
        return bool(self.stopped)

    def _metered(self, found: Generator[tuple[Rollout, ...], None, None], bar: Ticker) -> Iterator[list[Rollout]]:
        """What was found until a stop, without what failed; time inside the engine is metered."""
        meter, failed = self.job.meter, list[str]()
        with closing(found):
            while not (self.job.stop() or (not meter.samples and self._limited())):
                began = time.monotonic()
                rollouts = next(found, None)
                meter.engine_s += time.monotonic() - began
                if rollouts is None:
                    break
                failed += [rollout.fault for rollout in rollouts if rollout.fault]
                kept = [rollout for rollout in rollouts if not rollout.fault]
                meter.tokens += sum(rollout.tokens for rollout in kept)
                meter.samples += len(kept)
                bar.advance(len(rollouts), note=f"{meter.tokens} tokens")
                yield kept
        if failed:
            self.failed += len(failed)
            self.job.narrator.warn(f"{len(failed)} attempts failed and are not stored, the next run draws them; the first: {failed[0]}")

    def request(self, id_: str, samples: tuple[int, ...]) -> Request:
        """One problem's missing samples, rendered."""
        return Request(id_, self.sampler.render(self.problems[id_]), self.sampler, samples, self.job.plan.seed)

    def _commit(self, wave: Sequence[Rollout]) -> None:
        ordered = sorted(wave, key=lambda rollout: (rollout.problem_id, rollout.sample))
        if ordered:
            commit(self.job, ordered, self._judge(ordered))

    def _judge(self, rollouts: Sequence[Rollout]) -> list[Verdict]:
        cases = [Case(self.problems[each.problem_id], self.labels[each.problem_id], each) for each in rollouts]
        verdicts = self.job.judge.judge(cases)
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            self._samples[rollout.problem_id][rollout.sample] = verdict.outcome
        return verdicts

    def _counts(self, id_: str) -> Counts:
        counts = Counts()
        for outcome in self._samples[id_].values():
            counts = counts.plus(outcome) if outcome else counts
        return counts


def commit(job: Job, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
    """Rollouts, their texts and their verdicts, all or none."""
    job.lake.append(attempt_rows(rollouts, verdicts), run=job.run)


def attempt_rows(rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> dict[str, list[dict[str, Any]]]:
    """The rows of attempts, by table."""
    rows = [rollout_row(rollout) for rollout in rollouts]
    texts = [{"id": rollout.id, "text": storable(rollout.text), "logprobs": rollout.logprobs} for rollout in rollouts]
    return {"rollouts": rows, "texts": texts, "verdicts": verdict_rows(verdicts)}


def verdict_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Verdicts as rows of `verdicts`."""
    return [verdict_row(verdict) for verdict in verdicts]


def stored_rollouts(job: Job, ids: Sequence[str]) -> list[Rollout]:
    """The rollouts of these ids with their texts, ids ascending."""
    query = "SELECT r.*, t.text FROM rollouts r JOIN texts t USING (id) WHERE r.id IN (SELECT unnest(?::VARCHAR[])) ORDER BY r.id"
    return [from_row(row) for row in job.lake.rows(query, [list(ids)])]


def rollout_row(rollout: Rollout) -> dict[str, Any]:
    """A rollout without its text."""
    return {name: getattr(rollout, name) for name in ROLLOUT}


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict whose answer Parquet can hold."""
    return {**{name: getattr(verdict, name) for name in VERDICT}, "extracted": storable(verdict.extracted)}


def from_row(row: Mapping[str, Any]) -> Rollout:
    """A row of `rollouts` joined with its text as the noun."""
    return Rollout(**{name: row[name] for name in Rollout.__slots__ if name not in ("logprobs", "fault")})


def storable(text: str) -> str:
    """Lone surrogates, which a broken completion may hold and Parquet may not, as U+FFFD."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def settings_of(sampler: Sampler) -> str:
    """A sampler as JSON, for people."""
    return canonical(asdict(sampler))


def _free(taken: Samples, count: int) -> tuple[int, ...]:
    free: list[int] = []
    index = 0
    while len(free) < count:
        if index not in taken:
            free.append(index)
        index += 1
    return tuple(free)
