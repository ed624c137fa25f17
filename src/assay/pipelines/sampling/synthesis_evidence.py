"""What methods of synthesis read from a lake and ask of the policy (`core.ports.SynthesisEvidence`)."""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from assay.core.errors import ConfigError, EngineError
from assay.core.synthesis import AttemptedProblem, SearchedProblem, TrialSummary
from assay.core.types import Counts, Label, Problem, SamplingConfig
from assay.pipelines.context import remote_model
from assay.pipelines.context.imported import DRAWN
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.graded import attempts_fingerprint, iterate_attempted, read_attempted, tally_attempts
from assay.pipelines.data.problems import SideLabels, problems_by_id, side_ids, some_of_side, to_row
from assay.pipelines.data.trees import iterate_searched
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.begun import complete_begun
from assay.pipelines.sampling.queued import QueuedRollouts
from assay.pipelines.sampling.respondents import find_respondent

FIELD = """
SELECT id, value FROM (SELECT id, json_extract(metadata, ?)::VARCHAR AS value FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[])))
WHERE value IS NOT NULL
"""
REMEMBERED = 6  # batches of attempts whose outcomes are kept, so that rows made of them need no second look
COUNTS = """
SELECT problem_id, n_correct, n_wrong, n_truncated, n_error FROM current_scores WHERE scoring_id = ? ORDER BY problem_id
"""


class LakeEvidence:
    """The evidence of one lake: stored attempts of the config's policy, or of the one that `[synthesize]` names.

    Args:
        context: the run.
        inputs: the results of the stages up to `score`.
    """

    def __init__(self, context: RunContext, inputs: StageResults) -> None:
        self.context, self.inputs = context, inputs
        self._tallies: dict[tuple[str, str, bool], Mapping[str, tuple[int, int]]] = {}  # of the last question
        self._outcomes: deque[Mapping[str, str]] = deque(maxlen=REMEMBERED)  # of the attempts that were yielded last
        self.stopped, self.failed = "", 0  # the limit that was reached; samples that the engine failed to generate

    @cached_property
    def ids(self) -> list[str]:
        """The problems of the train side, ascending."""
        return side_ids(self.context, self.inputs, "train")

    def sampler(self, changes: Mapping[str, Any] | None = None) -> SamplingConfig:
        """Return the policy's sampling config with some fields changed."""
        return replace(self.context.config.policy.sampler, **(changes or {}))

    def respondent(self, changes: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """Return the policy revision and the sampler whose attempts are read.

        Raises:
            ConfigError: the lake knows no policy of the name in `synthesize.policy`.
        """
        if self.context.config.synthesize.policy:
            policy, sampler = find_respondent(self.context, self.context.config.synthesize.policy)
            return policy, sampler
        if (imported := self.context.imported) is not None and not changes:
            return imported.policy.revision, imported.sampling.id
        return self.context.engine.policy.revision, self.sampler(changes).id

    @cached_property
    def fingerprint(self) -> list[str]:
        """How many judged attempts the respondent has at the train side, and a hash of their outcomes."""
        return attempts_fingerprint(self.context, self._labels, self.respondent())

    def labels(self, ids: Sequence[str]) -> dict[str, Label]:
        """Return the labels of problems of the train side by problem id."""
        return self._labels.of(ids)

    @cached_property
    def _labels(self) -> SideLabels:
        return SideLabels(self.context, self.inputs, "train")

    def counts(self) -> Mapping[str, Counts]:
        """Return the outcomes that scoring counted."""
        return self._counts

    @cached_property
    def _counts(self) -> dict[str, Counts]:
        own_ids, counts = set(self.ids), dict[str, Counts]()
        for batch in self.context.lake.stream(COUNTS, [self.inputs.rows_of("score")]):
            ids, *outcomes = (column.to_pylist() for column in batch.columns)
            tallies = zip(ids, map(Counts, *outcomes), strict=True)
            counts.update((id_, tally) for id_, tally in tallies if id_ in own_ids)
        return counts

    def attempted(self, *, texts: bool = False, changes: Mapping[str, Any] | None = None) -> Iterator[AttemptedProblem]:
        """Yield every problem with its judged attempts."""
        respondent, seen = self.respondent(changes), self._outcomes.append
        return iterate_attempted(self.context, self._labels, respondent, texts=texts, seen=seen)

    def known_outcomes(self, rollouts: Sequence[str]) -> dict[str, str]:
        """Return the present outcomes of those of these rollouts that `attempted` yielded last."""
        slices = [outcomes for outcomes in self._outcomes if outcomes]
        return {id_: outcomes[id_] for outcomes in slices for id_ in rollouts if id_ in outcomes}

    def searched(self) -> Iterator[SearchedProblem]:
        """Yield every problem that has a stored search, with its tree."""
        return iterate_searched(self.context, self.inputs, self.ids, self.respondent()[0])

    def problems(self, ids: Sequence[str]) -> Mapping[str, Problem]:
        """Return problems by id."""
        return problems_by_id(self.context, ids)

    def field(self, name: str, ids: Sequence[str]) -> Mapping[str, str | float]:
        """Return a field that the sources kept, by problem id."""
        path = f"$.{json.dumps(name)}"
        rows = self.context.lake.iterate_rows(FIELD, [path, list(ids)])
        fields = ((row["id"], json.loads(row["value"])) for row in rows)
        return {id_: value for id_, value in fields if isinstance(value, str | int | float)}

    def trials(self, changes: Mapping[str, Any], *, distinct: bool) -> Mapping[str, tuple[int, int]]:
        """Return stored right answers and stored attempts by problem id."""
        respondent = self.respondent(changes)
        if (*respondent, distinct) not in self._tallies:
            tallies = tally_attempts(self.context, self._labels, respondent, distinct=distinct)
            self._tallies = {(*respondent, distinct): tallies}  # one at a time: a pool of a million has many
        return self._tallies[(*respondent, distinct)]

    def draw_until(
        self, wanted: Mapping[str, int], *, changes: Mapping[str, Any], max_trials: int, distinct: bool, batch: int
    ) -> TrialSummary:
        """Draw attempts until each problem has its right answers or `max_trials` attempts."""
        self.require_policy()
        trial_counts = self.trials(changes, distinct=distinct)
        lacking = {id_: trial_counts.get(id_, (0, 0)) for id_ in wanted}
        missing = [id_ for id_, (right, n) in lacking.items() if right < wanted[id_] and n < max_trials]
        if not missing:
            return TrialSummary(0, 1.0)
        problems, labels = some_of_side(self.context, self.inputs, "train", missing)
        attempts = QueuedRollouts(self.context, problems, labels, sampler=self.sampler(changes), keep_refused=True)
        attempts.judge_stored(list(problems))
        before, self._tallies = attempts.stored, {}  # which drawing changes
        queue = attempts.draw_queue(
            {id_: wanted[id_] for id_ in problems},
            cap=max_trials,
            batch=batch,
            seen=self._right_digests(labels, changes) if distinct else None,
        )
        self.stopped, self.failed = self.stopped or attempts.stopped, self.failed + attempts.failed + attempts.refused
        return TrialSummary(attempts.stored - before, queue.fullness, attempts.stopped)

    def _right_digests(self, labels: Mapping[str, Label], changes: Mapping[str, Any]) -> dict[str, set[str]]:
        """Return the digests of the stored right answers of these problems."""
        return {
            problem.problem_id: {attempt.digest for attempt in problem.attempts if attempt.correct}
            for problem in read_attempted(self.context, labels, self.respondent(changes))
        }

    def attempt(self, questions: Sequence[tuple[Problem, Label]], n: int) -> Sequence[AttemptedProblem]:
        """Return n attempts with their texts at each of other problems than those of the pool."""
        self.require_policy()
        return self._attempts_of(self.context, questions, n)

    def teach(self, questions: Sequence[tuple[Problem, Label]], n: int) -> Sequence[AttemptedProblem]:
        """Return n attempts of the teacher, or of the policy where the config names no teacher."""
        config = self.context.config.synthesize.teacher
        if config is None:
            return self.attempt(questions, n)
        try:
            assert self.teacher is not None
            return self._attempts_of(self.teacher, questions, n)
        except EngineError as error:
            raise EngineError(f"the teacher {config.model!r}: {error}") from error

    @cached_property
    def teacher(self) -> RunContext | None:
        """The run with the config's teacher as its policy, opened at first use; None where the config names none."""
        config, teacher = self.context.config, self.context.config.synthesize.teacher
        if teacher is None:
            return None
        changed_tables = {
            "policy": teacher,
            "score": config.score.model_copy(update={"evidence": DRAWN}),
            "synthesize": config.synthesize.model_copy(update={"policy": "", "teacher": None}),
        }
        context = self.context.beside(config.model_copy(update=changed_tables))
        remote_model.require_stored_policy(context)
        return context

    def close(self) -> None:
        """Close the teacher's engine, if it was opened."""
        if (teacher := self.__dict__.pop("teacher", None)) is not None:
            teacher.close()

    def _attempts_of(
        self, context: RunContext, questions: Sequence[tuple[Problem, Label]], n: int
    ) -> Sequence[AttemptedProblem]:
        """Store the problems, draw what is missing of n attempts by the context's policy, and return their texts."""
        problems = {problem.id: problem for problem, _ in questions}
        labels = {
            problem.id: Label.of(problem.id, label.answer, verifier=label.verifier, origin=label.origin)
            for problem, label in questions
        }
        rows = {
            "problems": [to_row(problem) for problem in problems.values()],
            "labels": list(map(asdict, labels.values())),
        }
        context.append(rows)
        attempts = StoredRollouts(context, problems, labels, keep_refused=True)
        attempts.draw(dict.fromkeys(problems, n))
        self.stopped, self.failed = self.stopped or attempts.stopped, self.failed + attempts.failed + attempts.refused
        respondent = attempts.policy.revision, attempts.sampler.id
        by_id = {item.problem_id: item for item in read_attempted(context, labels, respondent, texts=True)}
        return [by_id[problem.id]._replace(attempts=by_id[problem.id].attempts[:n]) for problem, _ in questions]

    def complete(
        self, begun_answers: Sequence[tuple[str, str]], n: int, *, changes: Mapping[str, Any]
    ) -> Sequence[Sequence[tuple[str, bool | None]]]:
        """Return n continuations of each begun answer with whether the whole is right; stored ones come first."""
        self.require_policy()
        problems, labels = some_of_side(self.context, self.inputs, "train", sorted({id_ for id_, _ in begun_answers}))
        continuations, stopped, n_failed = complete_begun(
            self.context, problems, labels, begun_answers, n, self.sampler(changes)
        )
        self.stopped, self.failed = self.stopped or stopped, self.failed + n_failed
        return continuations

    def require_policy(self) -> None:
        """Go on unless the evidence is imported, of which nothing more can be drawn.

        Raises:
            ConfigError: it is.
        """
        if self.context.imported is not None:
            raise ConfigError(
                f"this method samples more attempts, but score.evidence = {self.context.config.score.evidence!r} has "
                "only recorded answers"
            )

    def say(self, text: str) -> None:
        """Report a line."""
        self.context.reporter.say(text)

    @property
    def unfinished(self) -> bool:
        """Whether another run may find more evidence."""
        return bool(self.stopped or self.failed)
