"""Draw attempts until each problem has enough right answers: the engine is kept busy, and no problem gets too many."""

import hashlib
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import count, islice

import numpy as np

from assay.core.errors import Stopped
from assay.core.identity import content_id
from assay.core.ports import Progress, StreamingEngine
from assay.core.types import Request, Rollout
from assay.maths.allocation.trial_queue import TrialQueue
from assay.pipelines.sampling.attempt_rows import replace_surrogates
from assay.pipelines.sampling.attempts import Samples, StoredRollouts


class QueuedRollouts(StoredRollouts):
    """Stored attempts, completed until a queue of trials is finished; whatever is drawn is stored like any attempt."""

    def draw_queue(
        self, wanted: Mapping[str, int], *, cap: int, batch: int, seen: Mapping[str, set[str]] | None
    ) -> TrialQueue:
        """Draw until each problem has its right answers or its cap of attempts; stored attempts count.

        Args:
            wanted: right answers by problem id.
            cap: attempts per problem at most.
            batch: attempts that are asked for at a time.
            seen: digests of the stored right answers by problem, to which new ones are added; equal ones count once.
                None = all count.

        Returns:
            The queue as it was left: finished, or stopped by a limit, or closed for problems whose attempts failed.

        Raises:
            Stopped: the run was asked to stop; the attempts that had arrived are committed.
        """
        ids = sorted(wanted, key=lambda id_: content_id("order", self.context.config.seed, id_))
        right = [len(seen[id_]) if seen is not None else self._tally(id_).counts.correct for id_ in ids]
        trials = [len(self._samples[id_]) for id_ in ids]
        queue = TrialQueue([wanted[id_] for id_ in ids], cap, right=np.minimum(right, trials), trials=trials)
        if queue.finished:
            return queue
        self._introduce(self.with_pictures(self.request(ids[0], (0,))))
        Filling(self, queue, ids, batch, seen).run()
        if self.context.stop():
            raise Stopped("asked to stop; the attempts that had arrived are committed")
        return queue

    def judge_stored(self, ids: Sequence[str]) -> None:
        """Judge the stored attempts that lack a verdict of the present verifier."""
        self._judge_unjudged(dict.fromkeys(ids, 0))

    def samples_of(self, id_: str) -> Samples:
        """Return the outcomes and tokens of a problem's stored attempts by sample index."""
        return self._samples[id_]

    def at_limit(self) -> bool:
        """Return whether a limit of the config is reached; the first time it is reported."""
        return bool(self.stopped) or self._reach_limit()

    def by_problem(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield the engine's rollouts, problem by problem, until a limit is reached."""
        return self._generate_by_problem(requests)

    def metered(self, raw: Generator[tuple[Rollout, ...], None, None], bar: Progress) -> Iterator[list[Rollout]]:
        """Yield what arrives without what failed, until a stop; count its tokens."""
        return self._meter_arrivals(raw, bar)

    def commit_wave(self, rollouts: Sequence[Rollout]) -> None:
        """Judge rollouts, and commit them with their verdicts; end a run whose first attempts are no evidence."""
        self._commit(rollouts)
        self.context.first_attempts.check()


def digest_of(text: str) -> str:
    """Return the hash by which equal answers are told; the same as `digest` of stored attempts.

    >>> digest_of(" 7") == digest_of("7 ") != digest_of("8")
    True
    """
    return hashlib.md5(replace_surrogates(text).strip(" ").encode(), usedforsecurity=False).hexdigest()


class Filling:
    """One walk of a queue of trials on the engine."""

    def __init__(
        self,
        attempts: QueuedRollouts,
        queue: TrialQueue,
        ids: list[str],
        batch: int,
        seen: Mapping[str, set[str]] | None,
    ) -> None:
        self.attempts, self.queue, self.ids, self.batch, self.seen = attempts, queue, ids, batch, seen
        self.place = {id_: row for row, id_ in enumerate(ids)}
        self.flying: dict[str, set[int]] = {}  # sample indices that were asked for and have not come back, by problem
        self.arrived: list[Rollout] = []

    def run(self) -> None:
        """Ask the engine until the queue is finished, a limit is reached or the run is asked to stop."""
        attempts = self.attempts
        engine = attempts.context.engine
        samples = int(np.maximum(self.queue.cap - self.queue.trials, 0)[self.queue.open].sum())
        raw = engine.stream(self._stream_requests()) if isinstance(engine, StreamingEngine) else self._waves()
        with attempts.context.reporter.track("attempts at most", samples) as bar:
            try:
                for rollouts in attempts.metered(self._without_lost(raw), bar):
                    self.arrived += rollouts
                    if not rollouts or len(self.arrived) >= max(1, self.batch // 4):
                        self._settle()
            finally:
                self._settle()

    def _requests(self) -> list[Request]:
        """Make the requests of the next wave; none where all that may be needed is in flight."""
        wave = self.queue.take(self.batch)
        requests = []
        for row in np.flatnonzero(wave):
            id_ = self.ids[row]
            samples_done, flying = self.attempts.samples_of(id_), self.flying.setdefault(id_, set())
            free = islice(
                (index for index in count() if index not in samples_done and index not in flying), int(wave[row])
            )
            samples = tuple(free)
            flying.update(samples)
            requests.append(self.attempts.request(id_, samples))
        return requests

    def _waves(self) -> Generator[tuple[Rollout, ...], None, None]:
        """Yield the rollouts of an engine that answers in batches; an empty tuple ends each batch."""
        while not self.queue.finished and not self.attempts.at_limit() and (requests := self._requests()):
            yield from self.attempts.by_problem(requests)
            yield ()

    def _stream_requests(self) -> Iterator[Request | None]:
        waiting: list[Request] = []
        while not self.queue.finished and not self.attempts.at_limit():
            waiting = waiting or self._requests()[::-1]
            yield self.attempts.with_pictures(waiting.pop()) if waiting else None

    def _without_lost(self, raw: Iterator[tuple[Rollout, ...]]) -> Generator[tuple[Rollout, ...], None, None]:
        """Close the problems whose attempts fail or are refused: the next run asks for them again."""
        for rollouts in raw:
            failure_counts = Counter(rollout.problem_id for rollout in rollouts if rollout.fault or rollout.refused)
            if failure_counts:
                rows = [self.place[id_] for id_ in failure_counts]
                self.queue.observe(rows, trials=0, right=0, lost=list(failure_counts.values()))
                self.queue.close(rows)
            yield rollouts

    def _settle(self) -> None:
        """Judge and commit what has arrived, and tell the queue."""
        rollouts, self.arrived = self.arrived, []
        self.attempts.commit_wave(rollouts)
        trials, right = Counter[str](), Counter[str]()
        for rollout in rollouts:
            trials[rollout.problem_id] += 1
            right[rollout.problem_id] += self._counts(rollout)
            self.flying.get(rollout.problem_id, set()).discard(rollout.sample)
        rows = [self.place[id_] for id_ in trials]
        self.queue.observe(rows, trials=list(trials.values()), right=[right[id_] for id_ in trials])

    def _counts(self, rollout: Rollout) -> bool:
        """Return whether the attempt is right, and different from the right ones before where equal ones count once."""
        if self.attempts.samples_of(rollout.problem_id)[rollout.sample][0] != "correct":
            return False
        if self.seen is None:
            return True
        digest, digests = digest_of(rollout.text), self.seen[rollout.problem_id]
        return not (digest in digests or digests.add(digest))  # type: ignore[func-returns-value]
