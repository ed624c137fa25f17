"""Tree searches of many problems at once on one engine: each text is paid for once, each finished tree is stored.

On an engine that answers in batches all trees advance in lockstep: the next steps of all that want steps are one batch, the rests of all
that want rests another, and a tree that is finished leaves. On one that streams, a tree advances when its own answer is there. What was
generated is stored as `continuations`, keyed by its beginning; a killed search is therefore run again up to where it was, free of tokens.
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
from assay.pipelines.sampling.attempts import COMMIT_S, settings_of, storable

STORED = """
SELECT s.id, s.problem_id, s.iterations, s.solved_at, s.tokens, n.visits, n.n_correct, n.n_wrong, n.n_truncated
FROM searches s JOIN search_nodes n ON n.search = s.id AND n.node = 0 WHERE s.id IN (SELECT unnest(?::VARCHAR[]))
"""
PAID = """
SELECT id, text, tokens, ended FROM continuations
WHERE policy = ? AND sampler IN (SELECT unnest(?::VARCHAR[])) AND problem_id IN (SELECT unnest(?::VARCHAR[]))
"""

LIVE = 1024  # searches at once: more fill no engine


@dataclass(slots=True)
class Running:
    """One problem's search in its course."""

    id: str  # searches.id
    problem: Problem
    label: Label
    grow: Generator[TreeRequest, TreeReply, Tree]
    ask: TreeRequest
    tree: Tree | None = None  # once it is finished
    heard: dict[int, SearchStep] = field(default_factory=dict)  # answers to `ask` so far, by sample

    def tell(self, told: TreeReply) -> None:
        """Goes on to the next question, or to the end."""
        self.heard = {}
        try:
            self.ask = self.grow.send(told)
        except StopIteration as end:
            self.tree = end.value


class Searches:
    """Searches under one set of rules, for one policy."""

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
        self.step, self.rest = samplers(context.config.policy.sampler, rules)
        self.policy = context.engine.policy
        self.stopped = ""  # the limit that was reached, as words
        self.failed = 0  # answers that the engine could not bring
        self._paid: dict[str, SearchStep] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {"continuations": [], "searches": [], "search_nodes": []}
        self._since = time.monotonic()
        self._done: dict[str, SearchResult] = {}
        self._bar: Progress | None = None

    def run(self, ids: Sequence[str]) -> dict[str, SearchResult]:
        """Every search that is finished, stored ones first.

        Raises:
            Stopped: the run was asked to stop; what had arrived is committed.
        """
        found = self._stored(ids)
        missing = [id_ for id_ in ids if id_ not in found]
        if not missing:
            return found
        self._open(missing)
        with self.context.reporter.track("searches", len(missing)) as bar:
            self._bar = bar
            (self._streamed if isinstance(self.context.engine, StreamingEngine) else self._lockstep)(deque(missing))
            self._commit()
        if self.context.stop():
            raise Stopped("asked to stop; what the searches had heard is committed")
        return found | self._done

    def missing(self, ids: Sequence[str]) -> list[str]:
        """The problems whose search is not stored."""
        found = self._stored(ids)
        return [id_ for id_ in ids if id_ not in found]

    def _stored(self, ids: Sequence[str]) -> dict[str, SearchResult]:
        return {
            row["problem_id"]: _searched(row)
            for row in self.context.lake.rows(STORED, [[self.key(id_) for id_ in ids]])
        }

    def key(self, id_: str) -> str:
        """searches.id of a problem's search."""
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
        settings = [{"id": each.id, "settings": settings_of(each)} for each in (self.step, self.rest)]
        self.context.lake.append(
            {"sampling_configs": settings, "policies": remote_model.row(self.context)}, run=self.context.run
        )

    def _begin(self, id_: str) -> Running:
        rng = np.random.default_rng(derive_seed("search", id_, self.context.config.seed))
        grow = search(self.rules, rng)
        return Running(self.key(id_), self.problems[id_], self.labels[id_], grow, next(grow))

    def _lockstep(self, fresh: deque[str]) -> None:
        """Searches batch by batch; between two every tree has gone as far as it can."""
        waiting: list[Running] = []
        while (waiting or fresh) and not self._halted():
            waiting += self._begun(fresh, LIVE - len(waiting))
            for kind in (Expand, Complete):
                asking = {each.problem.id: each for each in waiting if isinstance(each.ask, kind)}
                requests = [self._request(each) for each in asking.values()]
                for rollouts in self._heard(self.context.engine.generate(requests)) if requests else ():
                    self._take(rollouts, asking)
                waiting = self._settled(waiting)
                if self._halted():
                    break

    def _streamed(self, fresh: deque[str]) -> None:
        """Searches each of which goes on when its own answer is there."""
        engine = self.context.engine
        assert isinstance(engine, StreamingEngine)
        asking: dict[str, Running] = {}
        flying, queue = set[str](), deque[Running]()

        def requests() -> Iterator[Request | None]:
            while (flying or fresh) and not self._halted():
                while fresh and not queue and len(flying) < LIVE:
                    for each in self._begun(fresh, 1):
                        asking[each.problem.id] = each
                        flying.add(each.problem.id)
                        queue.append(each)
                yield self._request(queue.popleft()) if queue else None

        for rollouts in self._heard(engine.stream(requests())):
            self._take(rollouts, asking)
            met = [asking[id_] for id_ in dict.fromkeys(rollout.problem_id for rollout in rollouts)]
            whole = [each for each in met if len(each.heard) == len(_samples(each.ask))]
            queue.extend(self._settled(whole))
            lost = {rollout.problem_id for rollout in rollouts if rollout.fault}  # the next run asks again
            flying -= lost | {each.problem.id for each in whole if each.problem.id in self._done}

    def _begun(self, fresh: deque[str], most: int) -> list[Running]:
        """Up to `most` new searches that ask the engine; what was paid for before may have ended some."""
        return self._settled([self._begin(fresh.popleft()) for _ in range(min(most, len(fresh)))])

    def _settled(self, live: Sequence[Running]) -> list[Running]:
        """Those that still ask the engine, after all verdicts are given and all that was paid for before is told."""
        while True:
            judged = [each for each in live if not each.tree and isinstance(each.ask, NodeJudge)]
            for each, outcome in zip(judged, self._verdicts(judged), strict=True):
                each.tell(outcome)
            told = [(each, steps) for each in live if not each.tree and (steps := self._steps(each))]
            for each, steps in told:
                each.tell(steps)
            if not judged and not told:
                break
        for each in live:
            if each.tree:
                self._store(each, each.tree)
        return [each for each in live if not each.tree]

    def _verdicts(self, asking: Sequence[Running]) -> list[Any]:
        return (
            [
                verdict.in_mode(self.context.mode).outcome
                for verdict in self.context.judge.judge([self._case(each) for each in asking])
            ]
            if asking
            else []
        )

    def _case(self, each: Running) -> GradingCase:
        assert isinstance(each.ask, NodeJudge)
        request = Request(each.problem.id, (), self.rest, (0,), self.context.config.seed, each.ask.text)
        finish = "stop" if each.ask.closed else "length"
        rollout = Rollout.of(request, 0, policy=self.policy, engine="", text=each.ask.text, tokens=0, finish=finish)  # type: ignore[arg-type]
        return GradingCase(each.problem, each.label, rollout)

    def _steps(self, each: Running) -> tuple[SearchStep, ...]:
        """The answers to what it asks, once all are there; () before."""
        if isinstance(each.ask, NodeJudge):
            return ()
        for sample in each.ask.samples:
            if sample not in each.heard and (
                step := self._paid.pop(self._prompt(each).key(self.policy.revision, sample), None)
            ):
                each.heard[sample] = step
        return (
            tuple(each.heard[sample] for sample in each.ask.samples) if len(each.heard) == len(each.ask.samples) else ()
        )

    def _prompt(self, each: Running) -> Request:
        assert not isinstance(each.ask, NodeJudge)
        sampler = self.step if isinstance(each.ask, Expand) else self.rest
        return Request(
            each.problem.id,
            sampler.render(each.problem),
            sampler,
            each.ask.samples,
            self.context.config.seed,
            each.ask.prefix,
        )

    def _request(self, each: Running) -> Request:
        """What is still missing of what it asks."""
        prompt = self._prompt(each)
        return replace(prompt, samples=tuple(sample for sample in prompt.samples if sample not in each.heard))

    def _heard(self, found: Iterator[tuple[Rollout, ...]]) -> Iterator[tuple[Rollout, ...]]:
        """What the engine brings until a stop, metered; what it had brought is committed where it breaks."""
        meter = self.context.meter
        try:
            with closing(found):  # type: ignore[type-var]  # engines answer by generators
                while not self.context.stop():
                    began = time.monotonic()
                    rollouts = next(found, None)
                    meter.engine_s += time.monotonic() - began
                    if rollouts is None:
                        break
                    meter.tokens += sum(rollout.tokens for rollout in rollouts)
                    meter.samples += len(rollouts)
                    yield rollouts
        except EngineError:
            self._commit()
            raise

    def _take(self, rollouts: Sequence[Rollout], asking: Mapping[str, Running]) -> None:
        """Notes each answer with the tree that asked for it; what failed is told and stays unanswered."""
        for rollout in rollouts:
            each = asking[rollout.problem_id]
            if rollout.fault:
                self._fail(rollout)
                continue
            step = step_of(rollout, each.ask, self.rules)
            each.heard[rollout.sample] = step
            self._rows["continuations"].append(_continuation(rollout, each.ask, step))
        if time.monotonic() - self._since > COMMIT_S:
            self._commit()

    def _fail(self, rollout: Rollout) -> None:
        if not self.failed:
            self.context.reporter.warn(
                f"an answer failed, and its search waits for the next run; the first: {rollout.fault}"
            )
        self.failed += 1

    def _halted(self) -> bool:
        if not self.stopped and (limit := self.context.limit_reached()):
            self.stopped = limit
            self.context.reporter.warn(f"{limit}; searches that are not finished go on in the next run")
        return (
            bool(self.stopped or (self.failed and not isinstance(self.context.engine, StreamingEngine)))
            or self.context.stop()
        )

    def _store(self, each: Running, tree: Tree) -> None:
        """Rows of a finished search."""
        row = {
            "id": each.id,
            "scoring_id": self.scoring,
            "problem_id": each.problem.id,
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
            _node(each.id, tree, place, 1 / self.rules.children) for place in range(len(tree.nodes))
        ]
        self._done[each.problem.id] = SearchResult(
            each.problem.id, tree.iterations, tree.solved_at, tree.counts, tree.tokens
        )
        if self._bar:
            self._bar.advance(1, note=f"{self.context.meter.tokens} tokens")

    def _commit(self) -> None:
        if any(self._rows.values()):
            self.context.lake.append(self._rows, run=self.context.run)
        self._rows = {name: [] for name in self._rows}
        self._since = time.monotonic()


def samplers(base: SamplingConfig, rules: SearchConfig) -> tuple[SamplingConfig, SamplingConfig]:
    """How one step and how the rest of an answer are asked for: the plan's sampler but for temperature, top_p, cap and delimiter.

    Raises:
        ConfigError: the plan's own stop strings hold the delimiter, so that no answer has two steps.
    """
    if rules.delimiter and rules.delimiter in base.stop:
        raise ConfigError(
            f"policy.stop holds {rules.delimiter!r}, the delimiter of the search's steps: every answer would end after one step"
        )
    like = replace(base, temperature=rules.temperature, top_p=rules.top_p)
    ends = (rules.delimiter, *base.stop) if rules.delimiter else base.stop
    rest = rules.step_tokens * max(1, rules.steps - 1)
    return replace(like, stop=ends, max_tokens=min(rules.step_tokens, base.max_tokens)), replace(
        like, max_tokens=min(rest, base.max_tokens)
    )


def step_of(rollout: Rollout, ask: TreeRequest, rules: SearchConfig) -> SearchStep:
    """What an answer of the engine is in the tree. Where a backend does not say why it stopped, only an empty text ends an answer."""
    if rollout.finish == "error":
        return SearchStep("", rollout.tokens, "cut")
    said = storable(rollout.text)  # what a later run will read
    if isinstance(ask, Complete):
        text, trim = trim_steps(said, delimiter=rules.delimiter, steps=ask.steps, mark=rules.mark)
        marked = bool(rules.mark) and rules.mark in text
        return SearchStep(
            text, rollout.tokens, "closed" if marked or (rollout.finish == "stop" and not trim) else "cut"
        )
    unsaid = rollout.stopped is None and bool(said)
    delimited = rollout.finish == "stop" and bool(rules.delimiter) and (rollout.stopped == rules.delimiter or unsaid)
    text = said + (rules.delimiter if delimited else "")
    marked = bool(rules.mark) and rules.mark in text
    return SearchStep(
        text, rollout.tokens, "closed" if marked or not (delimited or rollout.finish == "length") else "open"
    )


def _samples(ask: TreeRequest) -> tuple[int, ...]:
    return () if isinstance(ask, NodeJudge) else ask.samples


def _continuation(rollout: Rollout, ask: TreeRequest, step: SearchStep) -> dict[str, Any]:
    assert not isinstance(ask, NodeJudge)
    kept = (
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
        **{name: getattr(rollout, name) for name in kept},
        "begun": len(ask.prefix),
        "text": step.text,
        "ended": step.end,
    }


def _node(search_id: str, tree: Tree, place: int, prior: float) -> dict[str, Any]:
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


def _searched(row: Mapping[str, Any]) -> SearchResult:
    told = {"correct": row["n_correct"], "wrong": row["n_wrong"], "truncated": row["n_truncated"]}
    return SearchResult(
        row["problem_id"],
        row["iterations"],
        row["solved_at"],
        Counts(**told, error=row["visits"] - sum(told.values())),
        row["tokens"],
    )
