"""Tree searches of many problems at once on one engine: each text is paid for once, each finished tree is stored.

On an engine that answers in batches all trees advance in lockstep: one batch holds the next steps of all trees that
expand, another one the completions of all that complete, and a finished tree leaves. On a streaming engine a tree
advances as soon as its own answer is there. What was generated is stored as `continuations`, keyed by its prefix, so a
killed search is run again up to where it was without generating anything.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from assay.core.errors import ConfigError, EngineError, Stopped
from assay.core.identity import canonical_json, content_id, derive_seed
from assay.core.ports import Progress, StreamingEngine
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import Counts, GradingCase, Label, Problem, Request, Rollout, SamplingConfig
from assay.maths.search.tree import (
    Complete,
    Expand,
    NodeJudge,
    SearchStep,
    Tree,
    TreeReply,
    TreeRequest,
    search,
    trim_steps,
)
from assay.pipelines.context import remote_model
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.pictures import refuse_pictures
from assay.pipelines.sampling.attempt_rows import replace_surrogates
from assay.pipelines.sampling.attempts import COMMIT_S, settings_of

STORED = """
SELECT s.id, s.problem_id, s.iterations, s.solved_at, s.tokens, n.visits, n.n_correct, n.n_wrong, n.n_truncated
FROM searches s JOIN search_nodes n ON n.search = s.id AND n.node = 0 WHERE s.id IN (SELECT unnest(?::VARCHAR[]))
"""
PAID = """
SELECT id, text, tokens, ended FROM continuations
WHERE policy = ? AND sampler IN (SELECT unnest(?::VARCHAR[])) AND problem_id IN (SELECT unnest(?::VARCHAR[]))
"""

LIVE = 1024  # searches at once, which is enough to keep any engine busy


@dataclass(slots=True)
class Running:
    """The search of one problem while it is under way."""

    id: str  # searches.id
    problem: Problem
    label: Label
    grow: Generator[TreeRequest, TreeReply, Tree]
    ask: TreeRequest
    tree: Tree | None = None  # once it is finished
    answers: dict[int, SearchStep] = field(default_factory=dict)  # answers to `ask` so far, by sample

    def advance(self, reply: TreeReply) -> None:
        """Give the search the reply to its request; it then has its next request, or its tree."""
        self.answers = {}
        try:
            self.ask = self.grow.send(reply)
        except StopIteration as end:
            self.tree = end.value


class Searches:
    """Tree searches of many problems under one set of rules, for one policy.

    Args:
        context: the run, with its lake, engine and judge.
        problems: the problems that may be searched, by id.
        labels: the present label of each of them.
        rules: of the search.
        scoring: the scoring under which finished searches are stored.
    """

    def __init__(
        self,
        context: RunContext,
        problems: Mapping[str, Problem],
        labels: Mapping[str, Label],
        rules: SearchConfig,
        *,
        scoring: str,
    ) -> None:
        self.context, self.problems, self.labels, self.rules, self.scoring = context, problems, labels, rules, scoring
        self.step, self.rest = search_samplers(context.config.policy.sampler, rules)
        self.policy = context.policy
        self.stopped = ""  # the limit that was reached, as words
        self.failed = 0  # answers that the engine failed to generate
        self._paid: dict[str, SearchStep] = {}  # stored continuations by their key
        self._rows: dict[str, list[dict[str, Any]]] = {"continuations": [], "searches": [], "search_nodes": []}
        self._since = time.monotonic()
        self._done: dict[str, SearchResult] = {}
        self._bar: Progress | None = None

    def run(self, ids: Sequence[str]) -> dict[str, SearchResult]:
        """Search the problems whose search is not stored.

        Returns:
            The results of all finished searches by problem, stored ones included.

        Raises:
            Stopped: the run was asked to stop; what had arrived is committed.
            ConfigError: one of the problems shows a picture.
        """
        stored_nodes = self._stored(ids)
        missing = [id_ for id_ in ids if id_ not in stored_nodes]
        if not missing:
            return stored_nodes
        refuse_pictures((self.problems[id_] for id_ in missing), "a tree search")
        self._open(missing)
        with self.context.reporter.track("searches", len(missing)) as bar:
            self._bar = bar
            (self._run_streaming if isinstance(self.context.engine, StreamingEngine) else self._run_in_lockstep)(
                deque(missing)
            )
            self._commit()
        if self.context.stop():
            raise Stopped("asked to stop; what the searches had heard is committed")
        return stored_nodes | self._done

    def missing(self, ids: Sequence[str]) -> list[str]:
        """List the problems whose search is not stored."""
        stored_nodes = self._stored(ids)
        return [id_ for id_ in ids if id_ not in stored_nodes]

    def _stored(self, ids: Sequence[str]) -> dict[str, SearchResult]:
        return {
            row["problem_id"]: _to_result(row)
            for row in self.context.lake.rows(STORED, [[self.key(id_) for id_ in ids]])
        }

    def key(self, id_: str) -> str:
        """Return the id of a problem's search in `searches`: the hash of all that its result depends on."""
        label = self.labels[id_]
        judge = (label.id, label.verifier, self.context.judge.version(label.verifier))
        return content_id(
            "search",
            id_,
            *judge,
            self.policy.revision,
            self.step.id,
            self.rest.id,
            canonical_json(asdict(self.rules)),
            self.context.config.seed,
            *self.context.read_otherwise,
        )

    def _open(self, ids: Sequence[str]) -> None:
        rows = self.context.lake.rows(PAID, [self.policy.revision, [self.step.id, self.rest.id], list(ids)])
        self._paid = {row["id"]: SearchStep(row["text"], row["tokens"], row["ended"]) for row in rows}
        remote_model.require_stored_policy(self.context)
        settings = [{"id": sampler.id, "settings": settings_of(sampler)} for sampler in (self.step, self.rest)]
        self.context.lake.append(
            {"sampling_configs": settings, "policies": remote_model.policy_rows(self.context)}, run=self.context.run
        )

    def _begin(self, id_: str) -> Running:
        rng = np.random.default_rng(derive_seed("search", id_, self.context.config.seed))
        grow = search(self.rules, rng)
        return Running(self.key(id_), self.problems[id_], self.labels[id_], grow, next(grow))

    def _run_in_lockstep(self, fresh: deque[str]) -> None:
        """Search batch by batch; between two batches every tree goes as far as it can without the engine."""
        waiting: list[Running] = []
        while (waiting or fresh) and not self._must_halt():
            waiting += self._begin_some(fresh, LIVE - len(waiting))
            for kind in (Expand, Complete):
                asking = {running.problem.id: running for running in waiting if isinstance(running.ask, kind)}
                requests = [self._request(running) for running in asking.values()]
                for rollouts in self._meter_arrivals(self.context.engine.generate(requests)) if requests else ():
                    self._note_answers(rollouts, asking)
                waiting = self._settle(waiting)
                if self._must_halt():
                    break

    def _run_streaming(self, fresh: deque[str]) -> None:
        """Search so that each tree goes on as soon as its own answer has arrived."""
        engine = self.context.engine
        assert isinstance(engine, StreamingEngine)
        asking: dict[str, Running] = {}
        flying, queue = set[str](), deque[Running]()

        def requests() -> Iterator[Request | None]:
            while (flying or fresh) and not self._must_halt():
                while fresh and not queue and len(flying) < LIVE:
                    for running in self._begin_some(fresh, 1):
                        asking[running.problem.id] = running
                        flying.add(running.problem.id)
                        queue.append(running)
                yield self._request(queue.popleft()) if queue else None

        for rollouts in self._meter_arrivals(engine.stream(requests())):
            self._note_answers(rollouts, asking)
            met = [asking[id_] for id_ in dict.fromkeys(rollout.problem_id for rollout in rollouts)]
            whole = [running for running in met if len(running.answers) == len(_samples(running.ask))]
            queue.extend(self._settle(whole))
            failed_ids = {rollout.problem_id for rollout in rollouts if rollout.fault}  # the next run asks again
            flying -= failed_ids | {running.problem.id for running in whole if running.problem.id in self._done}

    def _begin_some(self, fresh: deque[str], most: int) -> list[Running]:
        """Begin up to `most` searches; return those that ask the engine, since stored answers may have ended some."""
        return self._settle([self._begin(fresh.popleft()) for _ in range(min(most, len(fresh)))])

    def _settle(self, live: Sequence[Running]) -> list[Running]:
        """Advance searches by verdicts and stored answers as far as they go; return those that still ask the engine."""
        while True:
            judging = [running for running in live if not running.tree and isinstance(running.ask, NodeJudge)]
            for running, outcome in zip(judging, self._judge(judging), strict=True):
                running.advance(outcome)
            answered_searches = [
                (running, steps) for running in live if not running.tree and (steps := self._steps(running))
            ]
            for running, steps in answered_searches:
                running.advance(steps)
            if not judging and not answered_searches:
                break
        for running in live:
            if running.tree:
                self._store(running, running.tree)
        return [running for running in live if not running.tree]

    def _judge(self, asking: Sequence[Running]) -> list[Any]:
        return (
            [
                verdict.in_mode(self.context.mode).outcome
                for verdict in self.context.judge.judge([self._case(running) for running in asking])
            ]
            if asking
            else []
        )

    def _case(self, running: Running) -> GradingCase:
        assert isinstance(running.ask, NodeJudge)
        request = Request(running.problem.id, (), self.rest, (0,), self.context.config.seed, running.ask.text)
        finish = "stop" if running.ask.closed else "length"
        rollout = Rollout.of(request, 0, policy=self.policy, engine="", text=running.ask.text, tokens=0, finish=finish)  # type: ignore[arg-type]
        return GradingCase(running.problem, running.label, rollout)

    def _steps(self, running: Running) -> tuple[SearchStep, ...]:
        """Return the answers to a search's request once all are there, () before."""
        if isinstance(running.ask, NodeJudge):
            return ()
        for sample in running.ask.samples:
            if sample not in running.answers and (
                step := self._paid.pop(self._prompt(running).key(self.policy.revision, sample), None)
            ):
                running.answers[sample] = step
        return (
            tuple(running.answers[sample] for sample in running.ask.samples)
            if len(running.answers) == len(running.ask.samples)
            else ()
        )

    def _prompt(self, running: Running) -> Request:
        assert not isinstance(running.ask, NodeJudge)
        sampler = self.step if isinstance(running.ask, Expand) else self.rest
        return Request(
            running.problem.id,
            sampler.render(running.problem),
            sampler,
            running.ask.samples,
            self.context.config.seed,
            running.ask.prefix,
        )

    def _request(self, running: Running) -> Request:
        """Make the request for those answers of a search that are still missing."""
        prompt = self._prompt(running)
        return replace(prompt, samples=tuple(sample for sample in prompt.samples if sample not in running.answers))

    def _meter_arrivals(self, arrivals: Iterator[tuple[Rollout, ...]]) -> Iterator[tuple[Rollout, ...]]:
        """Yield what arrives until a stop, and meter it; where the engine breaks, commit what had arrived."""
        meter = self.context.meter
        try:
            with closing(arrivals):  # type: ignore[type-var]  # engines answer by generators
                while not self.context.stop():
                    began = time.monotonic()
                    rollouts = next(arrivals, None)
                    meter.engine_s += time.monotonic() - began
                    if rollouts is None:
                        break
                    meter.tokens += sum(rollout.tokens for rollout in rollouts)
                    meter.samples += len(rollouts)
                    yield rollouts
        except EngineError:
            self._commit()
            raise

    def _note_answers(self, rollouts: Sequence[Rollout], asking: Mapping[str, Running]) -> None:
        """Give each answer to the search that asked for it; a failed one is reported and stays unanswered."""
        for rollout in rollouts:
            running = asking[rollout.problem_id]
            if rollout.fault:
                self._count_failed(rollout)
                continue
            step = step_of(rollout, running.ask, self.rules)
            running.answers[rollout.sample] = step
            self._rows["continuations"].append(_continuation_row(rollout, running.ask, step))
        if time.monotonic() - self._since > COMMIT_S:
            self._commit()

    def _count_failed(self, rollout: Rollout) -> None:
        if not self.failed:
            self.context.reporter.warn(
                f"an answer failed, and its search waits for the next run; the first: {rollout.fault}"
            )
        self.failed += 1

    def _must_halt(self) -> bool:
        if not self.stopped and (limit := self.context.limit_reached()):
            self.stopped = limit
            self.context.reporter.warn(f"{limit}; searches that are not finished go on in the next run")
        return (
            bool(self.stopped or (self.failed and not isinstance(self.context.engine, StreamingEngine)))
            or self.context.stop()
        )

    def _store(self, running: Running, tree: Tree) -> None:
        """Add the rows of a finished search to the next commit."""
        row = {
            "id": running.id,
            "scoring_id": self.scoring,
            "problem_id": running.problem.id,
            "policy": self.policy.revision,
            "sampler": self.step.id,
            "settings": canonical_json(asdict(self.rules)),
            "seed": self.context.config.seed,
            "iterations": tree.iterations,
            "solved_at": tree.solved_at,
            "censored": tree.solved_at is None,
            "tokens": tree.tokens,
        }
        self._rows["searches"].append(row)
        self._rows["search_nodes"] += [
            _node_row(running.id, tree, place, 1 / self.rules.children) for place in range(len(tree.nodes))
        ]
        self._done[running.problem.id] = SearchResult(
            running.problem.id, tree.iterations, tree.solved_at, tree.counts, tree.tokens
        )
        if self._bar:
            self._bar.advance(1, note=f"{self.context.meter.tokens} tokens")

    def _commit(self) -> None:
        if any(self._rows.values()):
            self.context.lake.append(self._rows, run=self.context.run)
        self._rows = {name: [] for name in self._rows}
        self._since = time.monotonic()


def search_samplers(base: SamplingConfig, rules: SearchConfig) -> tuple[SamplingConfig, SamplingConfig]:
    """Return the samplers for one step and for the rest of an answer.

    Args:
        base: the config's sampler, of which both are copies but for temperature, top_p, cap and stop strings.
        rules: of the search.

    Raises:
        ConfigError: the config's own stop strings hold the delimiter, so that no answer would have two steps.
    """
    if rules.delimiter and rules.delimiter in base.stop:
        raise ConfigError(
            f"policy.stop holds {rules.delimiter!r}, the delimiter of the search's steps: "
            "every answer would end after one step"
        )
    like = replace(base, temperature=rules.temperature, top_p=rules.top_p)
    ends = (rules.delimiter, *base.stop) if rules.delimiter else base.stop
    rest = rules.step_tokens * max(1, rules.steps - 1)
    return replace(like, stop=ends, max_tokens=min(rules.step_tokens, base.max_tokens)), replace(
        like, max_tokens=min(rest, base.max_tokens)
    )


def step_of(rollout: Rollout, ask: TreeRequest, rules: SearchConfig) -> SearchStep:
    """Make a step of the tree of an answer of the engine.

    Where a backend does not say which stop string ended a text, only an empty text ends an answer.
    """
    if rollout.finish == "error":
        return SearchStep("", rollout.tokens, "cut")
    answer = replace_surrogates(rollout.text)  # what a later run will read
    if isinstance(ask, Complete):
        text, trim = trim_steps(answer, delimiter=rules.delimiter, steps=ask.steps, mark=rules.mark)
        marked = bool(rules.mark) and rules.mark in text
        return SearchStep(
            text, rollout.tokens, "closed" if marked or (rollout.finish == "stop" and not trim) else "cut"
        )
    unsaid = rollout.stopped is None and bool(answer)
    delimited = rollout.finish == "stop" and bool(rules.delimiter) and (rollout.stopped == rules.delimiter or unsaid)
    text = answer + (rules.delimiter if delimited else "")
    marked = bool(rules.mark) and rules.mark in text
    return SearchStep(
        text, rollout.tokens, "closed" if marked or not (delimited or rollout.finish == "length") else "open"
    )


def _samples(ask: TreeRequest) -> tuple[int, ...]:
    return () if isinstance(ask, NodeJudge) else ask.samples


def _continuation_row(rollout: Rollout, ask: TreeRequest, step: SearchStep) -> dict[str, Any]:
    assert not isinstance(ask, NodeJudge)
    fields = (
        "id",
        "problem_id",
        "policy",
        "policy_name",
        "sampler",
        "sample",
        "seed",
        "tokens",
        "prompt_tokens",
        "engine",
    )
    return {
        **{name: getattr(rollout, name) for name in fields},
        "begun": len(ask.prefix),
        "text": step.text,
        "ended": step.end,
    }


def _node_row(search_id: str, tree: Tree, place: int, prior: float) -> dict[str, Any]:
    node = tree.nodes[place]
    return {
        "id": content_id("node", search_id, place),
        "search": search_id,
        "node": place,
        "parent": node.parent,
        "depth": node.depth,
        "text": node.text,
        "tokens": node.tokens,
        "visits": node.visits,
        "n_correct": node.counts.correct,
        "n_wrong": node.counts.wrong,
        "n_truncated": node.counts.truncated,
        "value": node.value,
        "prior": None if node.completes or node.parent is None else prior,
        "rollout_id": None,
    }


def _to_result(row: Mapping[str, Any]) -> SearchResult:
    counts = {"correct": row["n_correct"], "wrong": row["n_wrong"], "truncated": row["n_truncated"]}
    return SearchResult(
        row["problem_id"],
        row["iterations"],
        row["solved_at"],
        Counts(**counts, error=row["visits"] - sum(counts.values())),
        row["tokens"],
    )
