"""What filters borrow from other rooms, built for one job; and what their results depend on, for the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.core import parts
from assay.core.errors import PlanError, Stopped
from assay.core.plan import Plan, SourcePlan
from assay.core.ports import Bench, Encoder, Filter, Source
from assay.core.types import Drop, Label, Problem, Request, Sampler, Verdict
from assay.embedding.neighbours import FaissNeighbours
from assay.pipelines.attempts import Attempts
from assay.pipelines.job import Job
from assay.pipelines.vectors import Remembered, coder

VERDICTS = """
SELECT r.problem_id, r.sample, v.id, v.rollout_id, v.label_id, v.verifier, v.version, v.outcome, v.reward, v.extracted, v.reason, v.lenient
FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id
WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided AND v.label_id IN (SELECT unnest(?::VARCHAR[]))
  AND v.verifier || '@' || v.version IN (SELECT unnest(?::VARCHAR[]))
QUALIFY row_number() OVER (PARTITION BY v.id) = 1
ORDER BY r.problem_id, r.sample
"""


def filters(plan: Plan) -> list[tuple[str, Filter]]:
    """The plan's filters in their order, by name."""
    return [(name, parts.build("filter", name, plan.clean.settings.get(name))) for name in plan.clean.filters]


def bench(job: Job, part: Filter, problems: Mapping[str, Problem]) -> Bench:
    """What this filter needs and nothing else; `problems` are all members of the pool, to which an encoder is fitted."""
    needs = part.needs
    return Bench(
        judge=job.judge if "judge" in needs else None,
        encoder=_encoder(job, problems) if "encoder" in needs else None,
        neighbours=FaissNeighbours() if "neighbours" in needs else None,
        tokenizer=PolicyTokenizer(job) if "tokenizer" in needs else None,
        policy=PolicyAsked(job) if "policy" in needs else None,
        benchmarks={name: _read(job, name, source) for name, source in benchmarks(part).items()} if "benchmarks" in needs else None,
    )


def depends(job: Job, part: Filter, problems: Mapping[str, Problem] | None) -> list[object]:
    """Beyond its settings and the pool, what this filter's result depends on; without `problems`, only what can be known before they are read.

    Raises:
        PlanError: a model, an encoder or a benchmark that is not there.
    """
    found: list[object] = [("version", version)] if (version := getattr(part, "version", "1")) != "1" else []
    if "encoder" in part.needs and (problems is not None or job.plan.embed.encoder != "tfidf"):
        found.append(("encoder", _coder(job, problems or {}).revision))
    if "tokenizer" in part.needs or "policy" in part.needs:
        found.append(("policy", job.engine.policy.revision, job.plan.policy.sampler.id))
    if "policy" in part.needs:
        found += [("seed", job.plan.seed), *(("mode", mode) for mode in job.read_otherwise)]
    if "judge" in part.needs or "policy" in part.needs:
        found.append(("limit_s", job.plan.grade.limit_s))
    if "benchmarks" in part.needs:
        sources = benchmarks(part)
        for source in sources.values() if problems is None else ():
            getattr(source, "check", bool)()
        found.append(("benchmarks", [(name, source.fingerprint()) for name, source in sources.items()]))
    return found


def samplers(plan: Plan) -> list[str]:
    """The ids of the samplers under which the plan's filters ask the policy."""
    return [replace(plan.policy.sampler, **part.changes).id for _, part in filters(plan) if hasattr(part, "changes")]


def benchmarks(part: Filter) -> dict[str, Source]:
    """A filter's benchmarks by name, each a source that is built but not read.

    Raises:
        PlanError: none is named, or one is no source.
    """
    tables: Sequence[Mapping[str, Any]] = getattr(part, "against", ())
    if not tables:
        raise PlanError("filter 'contaminated' needs benchmarks: clean.settings.contaminated.against = [{ part = \"files\", paths = ... }]")
    found: dict[str, Source] = {}
    for table in tables:
        try:
            plan = SourcePlan.model_validate(table)
        except ValueError as error:
            raise PlanError(f'clean.settings.contaminated.against: {dict(table)} names no part, such as part = "files"') from error
        name = str(plan.settings.get("name") or plan.settings.get("path") or plan.settings.get("paths") or plan.part)
        if name in found:
            raise PlanError(f"two benchmarks are named {name!r}; `name` tells them apart")
        found[name] = parts.build("source", plan.part, plan.settings)
    return found


class PolicyTokenizer:
    """Prompt lengths as the policy's engine counts them."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def count(self, problems: Sequence[Problem]) -> list[int]:
        """Prompt tokens of each problem under the policy's own sampler, template and tokenizer."""
        sampler = self.job.plan.policy.sampler
        return [self.job.engine.count_tokens(Request(each.id, sampler.render(each), sampler, (0,), self.job.plan.seed)) for each in problems]


class PolicyAsked:
    """The policy's graded attempts through the lake: what is stored is not paid for again."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, Any]
    ) -> Mapping[str, Sequence[Verdict]]:
        """The first n verdicts by sample index, however many are stored, for each problem that has a label (its first).

        Raises:
            Stopped: a limit of the plan was reached, or a stop was asked for; what had arrived is stored, and the next run goes on from there.
        """
        asked = {each.id: each for each in problems if labels.get(each.id)}
        golds = {id_: labels[id_][0] for id_ in asked}
        sampler: Sampler = replace(self.job.plan.policy.sampler, **changes)
        attempts = Attempts(self.job, asked, golds, sampler=sampler)
        attempts.draw(dict.fromkeys(asked, n))
        if attempts.stopped:
            raise Stopped(f"{attempts.stopped} while cleaning; a filter that asks the policy needs all of its attempts")
        versions = sorted({f"{label.verifier}@{self.job.judge.version(label.verifier)}" for label in golds.values()})
        ids = sorted(label.id for label in golds.values())
        found: dict[str, list[Verdict]] = {id_: [] for id_ in asked}
        for row in self.job.lake.rows(VERDICTS, [self.job.engine.policy.revision, sampler.id, ids, versions]):
            id_ = row.pop("problem_id")
            if id_ in found and row.pop("sample") < n:
                found[id_].append(Verdict(**row).under(self.job.mode))
        return found


def _encoder(job: Job, problems: Mapping[str, Problem]) -> Remembered:
    return Remembered(job, _coder(job, problems), problems)


def _coder(job: Job, problems: Mapping[str, Problem]) -> Encoder:
    return coder(job, lambda: [problem.text for problem in problems.values()])


def _read(job: Job, name: str, source: Source) -> list[Problem]:
    """The problems of a benchmark.

    Raises:
        PlanError: it is empty, or no row of it is a problem.
    """
    held, bad = list[Problem](), list[Drop]()
    for each in source.read():
        if isinstance(each, Drop):
            bad.append(each)
        else:
            held.append(each[0])
    if not held:
        raise PlanError(f"benchmark {name!r} holds 0 problems ({len(bad)} bad rows): nothing could be found in it")
    if bad:
        job.narrator.warn(f"benchmark {name!r}: {len(bad)} of {len(held) + len(bad)} rows cannot be compared, the first: {bad[0].detail}")
    return held
