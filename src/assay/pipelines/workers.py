"""Scoring by many processes on one lake: problems in chunks, each leased by one worker at a time; no daemon and no list of workers.

A chunk that is scored has a line in the ledger, so one look-up tells every worker what is left. A worker that dies stops nothing: its lease
ends, and whoever takes the chunk then finds the attempts that it had committed. When no chunk is left, one worker writes all scores.
"""

import time
from dataclasses import dataclass

from assay.core.errors import PlanError, Stopped
from assay.core.identity import content_id
from assay.pipelines.attempts import Attempts
from assay.pipelines.evidence import evidence
from assay.pipelines.job import Job, Outcome
from assay.pipelines.pool import side
from assay.pipelines.score import scorer
from assay.pipelines.walk import look, walk
from assay.stores.lease import lease

LOOK_S = 0.5  # between two looks for a chunk that others hold
SCORED = "SELECT key FROM stages WHERE stage = 'score' AND key IN (SELECT unnest(?::VARCHAR[]))"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a worker takes work."""

    chunk: int = 64  # problems a lease
    lease_s: float = 900.0  # after this another may take the chunk; below what a chunk needs, chunks are paid for twice

    def __post_init__(self) -> None:
        if self.chunk < 1 or self.lease_s <= 0:
            raise PlanError(f"a chunk of {self.chunk} problems for {self.lease_s} s; both must be positive")


def work_off(job: Job, terms: Terms) -> Outcome:
    """Scores chunk after chunk until every problem of the plan is scored, by whomever; partly where a limit or failed attempts leave some.

    Raises:
        PlanError: an earlier stage is not done, or the scorer decides over all problems at once.
        Stopped: the worker was asked to stop; what had arrived is committed and its lease given back.
    """
    walk(job, "split", only=True)
    part = scorer(job)
    if not getattr(part, "apart", not part.joint):
        raise PlanError(f"scorer {job.plan.score.scorer!r} decides over all problems at once; `curate score PLAN` without --worker runs it")
    work, done = look(job, "score")
    if done:
        return done
    chunks, given_up = Chunks(job, work.key, terms), set[str]()
    while left := chunks.left():
        if not set(left) - given_up or job.limit_reached():
            return Outcome("score", work.key, work.rows_in, 0, {"chunks_left": len(left)}, partly=True)
        taken = next((name for name in left if name not in given_up and chunks.take(name)), None)
        if taken is None:
            _pause(job, f"{len(left)} chunks are with other workers")
        elif taken not in chunks.scored:
            given_up.add(taken)
    return finish(job, work.key, terms)


class Chunks:
    """The train side in chunks, by the key under which the ledger knows each one that is scored."""

    def __init__(self, job: Job, key: str, terms: Terms) -> None:
        self.job, self.terms, self.scored, self.scoring = job, terms, set[str](), key.partition("+")[2]
        self.problems, self.labels = side(job, "train")
        order = sorted(self.problems, key=lambda id_: content_id("order", job.plan.seed, id_))
        cut = [sorted(order[start : start + terms.chunk]) for start in range(0, len(order), terms.chunk)]
        self.ids = {content_id("chunk", key, ids): ids for ids in cut}

    def left(self) -> list[str]:
        """The chunks that nobody has scored, in an order of this worker's own, so that two workers seldom reach for the same one."""
        self.scored |= {row["key"] for row in self.job.lake.rows(SCORED, [[name for name in self.ids if name not in self.scored]])}
        return sorted(self.ids.keys() - self.scored, key=lambda name: content_id(self.job.run, name))

    def take(self, name: str) -> bool:
        """Scores one chunk, unless another worker holds it; whether it was ours."""
        with lease(self.job.lake.root, f"score-{name}", limit_s=self.terms.lease_s) as ours:
            if ours and name in self.left():  # it may have been scored between our look and our lease
                self._score(name)
            return ours

    def _score(self, name: str) -> None:
        began, part, ids = time.monotonic(), scorer(self.job), self.ids[name]
        self.job.lake.caught_up()  # the lease is ours: nobody else adds to this chunk from here on, or its end has passed and is checked
        attempts = Attempts(self.job, {id_: self.problems[id_] for id_ in ids}, {id_: self.labels[id_] for id_ in ids})
        scored = part.score(ids, evidence(self.job, attempts, part, self.scoring))
        if attempts.unfinished:
            return
        seconds = time.monotonic() - began
        self.job.finish(Outcome("score", name, len(ids), len(scored), {"chunk": len(ids)}, seconds))
        self.scored.add(name)
        if seconds > self.terms.lease_s:
            self.job.narrator.warn(
                f"a chunk took {seconds:.0f} s, but its lease ended after {self.terms.lease_s:.0f} s: another worker may have paid for it too"
            )


def finish(job: Job, key: str, terms: Terms) -> Outcome:
    """All scores, from evidence that is all there: written by one worker, awaited by the others."""
    while True:
        with lease(job.lake.root, f"score-{content_id('finish', key)}", limit_s=terms.lease_s) as ours:
            if ours or job.finished("score", key):
                return walk(job, "score", only=True)[-1]
        _pause(job, "another worker writes the scores")


def _pause(job: Job, why: str) -> None:
    if why not in job.warned:
        job.warned.add(why)
        job.narrator.say(f"{why}; waiting")
    time.sleep(LOOK_S)
    if job.stop():
        raise Stopped("asked to stop while waiting; nothing was under way here")
