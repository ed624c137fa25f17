"""Evidence for scorers: stored attempts first, new ones only for what is missing, each paid for once.

Samples are exchangeable: want n, have m, draw n - m. Rollouts, texts and verdicts of a wave are one commit, so a killed process loses at most
the wave in flight. Stored rollouts that lack a verdict of the present label or verifier version are judged again, free of tokens.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assay.core.errors import Stopped
from assay.core.identity import canonical, content_id
from assay.core.ports import Ticker
from assay.core.types import Case, Counts, Label, Outcome, Problem, Request, Rollout, Sampler, Verdict, rollout_id
from assay.pipelines.job import Job

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
        rows = self.job.lake.rows(
            "SELECT r.*, t.text FROM rollouts r JOIN texts t USING (id) WHERE r.id IN (SELECT unnest(?::VARCHAR[]))", [sorted(ids)]
        )
        verdicts = self._judge([from_row(row) for row in rows])
        self.job.lake.append({"verdicts": [asdict(verdict) for verdict in verdicts]}, run=self.job.run)

    def _generate(self, missing: Mapping[str, tuple[int, ...]]) -> None:
        self.job.lake.append({"samplers": [{"id": self.sampler.id, "settings": settings_of(self.sampler)}]}, run=self.job.run)
        requests = [self.request(id_, samples) for id_, samples in missing.items()]
        if "prompt" not in self.job.warned:
            self.job.warned.add("prompt")
            self.job.narrator.say(f"the first prompt, as the model reads it:\n{self.job.engine.show(requests[0])}")
        total = sum(len(request.samples) for request in requests)
        wave: list[Rollout] = []
        with self.job.narrator.track("attempts", total) as bar:
            for rollouts in self._until_stopped(requests, bar):
                wave.extend(rollouts)
                if len({rollout.problem_id for rollout in wave}) >= self.job.plan.score.wave:
                    self._commit(wave)
                    wave = []
            self._commit(wave)
        if self.job.stop():
            raise Stopped("asked to stop; the attempts that had arrived are committed")

    def _until_stopped(self, requests: Sequence[Request], bar: Ticker) -> Iterator[tuple[Rollout, ...]]:
        """The engine's rollouts, problem by problem, until a stop or a limit; time inside the engine is metered."""
        meter, answers = self.job.meter, iter(self.job.engine.generate(requests))
        while not self.job.stop():
            if limit := self.job.limit_reached():
                self.stopped = limit
                self.job.narrator.warn(f"{limit}; going on with the evidence so far")
                return
            began = time.monotonic()
            rollouts = next(answers, None)
            meter.engine_s += time.monotonic() - began
            if rollouts is None:
                return
            meter.tokens += sum(rollout.tokens for rollout in rollouts)
            meter.samples += len(rollouts)
            bar.advance(len(rollouts), note=f"{meter.tokens} tokens")
            yield rollouts

    def request(self, id_: str, samples: tuple[int, ...]) -> Request:
        """One problem's missing samples, rendered."""
        return Request(id_, self.sampler.render(self.problems[id_]), self.sampler, samples, self.job.plan.seed)

    def _commit(self, wave: Sequence[Rollout]) -> None:
        if wave:
            commit(self.job, wave, self._judge(wave))

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
    rows = [rollout_row(rollout) for rollout in rollouts]
    texts = [{"id": rollout.id, "text": storable(rollout.text), "logprobs": rollout.logprobs} for rollout in rollouts]
    verdict_rows = [{**asdict(verdict), "extracted": storable(verdict.extracted)} for verdict in verdicts]
    job.lake.append({"rollouts": rows, "texts": texts, "verdicts": verdict_rows}, run=job.run)


def rollout_row(rollout: Rollout) -> dict[str, Any]:
    """A rollout without its text."""
    row = asdict(rollout)
    return {name: value for name, value in row.items() if name not in ("text", "logprobs")}


def from_row(row: Mapping[str, Any]) -> Rollout:
    """A row of `rollouts` joined with its text as the noun."""
    return Rollout(**{name: row[name] for name in Rollout.__slots__ if name != "logprobs"})


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
