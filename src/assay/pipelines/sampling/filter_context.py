"""Build for each filter what it needs of a run, such as judge or encoder, and list what its result depends on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assay.core import parts
from assay.core.config import Config, SourceConfig
from assay.core.errors import ConfigError, Stopped
from assay.core.ports import Encoder, Filter, FilterContext, Source
from assay.core.types import Drop, Label, Problem, Request, SamplingConfig, Verdict
from assay.embedding.neighbours import FaissNeighbours
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import CachedEncoder, build_encoder
from assay.pipelines.data.sources import build_source
from assay.pipelines.sampling.attempts import StoredRollouts

VERDICTS = """
SELECT problem_id, sample, id, rollout_id, label_id, verifier, version, outcome, reward, extracted, reason, lenient
FROM present_verdicts('strict', ?, ?, ?, ?) QUALIFY row_number() OVER (PARTITION BY id) = 1 ORDER BY problem_id, sample
"""


def build_filters(config: Config) -> list[tuple[str, Filter]]:
    """Build the config's filters, in their order and with their names."""
    return [(name, parts.build_part("filter", name, config.clean.settings.get(name))) for name in config.clean.filters]


def filter_context(
    context: RunContext, part: Filter, problems: Mapping[str, Problem], *, encoder: Encoder | None = None
) -> FilterContext:
    """Build what a filter needs, and nothing else.

    Args:
        context: the run.
        part: the filter.
        problems: those that the filter gets.
        encoder: the config's; None = it is built, and may be fitted to these problems.
    """
    needs = part.needs
    return FilterContext(
        judge=context.judge if "judge" in needs else None,
        encoder=CachedEncoder(context, encoder or _fitted_encoder(context, problems), problems)
        if "encoder" in needs
        else None,
        neighbours=FaissNeighbours() if "neighbours" in needs else None,
        tokenizer=PolicyTokenizer(context) if "tokenizer" in needs else None,
        policy=StoredPolicyGrader(context) if "policy" in needs else None,
        benchmarks={
            name: _read_benchmark(context, name, source) for name, source in build_benchmarks(context, part).items()
        }
        if "benchmarks" in needs
        else None,
    )


def filter_dependencies(context: RunContext, part: Filter, encoder: Callable[[], Encoder] | None) -> list[object]:
    """List what a filter's result depends on beyond its settings and the pool.

    Args:
        context: the run.
        part: the filter.
        encoder: returns the config's, which may be fitted to the pool; None = the pool is not read yet, and only what
            can be known without it is listed.

    Raises:
        ConfigError: a model, an encoder or a benchmark that is not there.
    """
    dependencies: list[object] = [("version", version)] if (version := getattr(part, "version", "1")) != "1" else []
    if "encoder" in part.needs and (encoder is not None or context.config.embed.encoder != "tfidf"):
        dependencies.append(("encoder", (encoder() if encoder else _fitted_encoder(context, {})).revision))
    if "tokenizer" in part.needs or "policy" in part.needs:
        dependencies.append(("policy", context.policy.revision, context.config.policy.sampler.id))
    if "policy" in part.needs:
        dependencies += [("seed", context.config.seed), *(("mode", mode) for mode in context.read_otherwise)]
    if "judge" in part.needs or "policy" in part.needs:
        dependencies.append(("limit_s", context.config.grade.timeout_s))
    if "benchmarks" in part.needs:
        sources = build_benchmarks(context, part)
        for source in sources.values() if encoder is None else ():
            getattr(source, "check", bool)()
        dependencies.append(("benchmarks", [(name, source.fingerprint()) for name, source in sources.items()]))
    return dependencies


def filter_samplings(config: Config) -> list[str]:
    """Return the ids of the samplers under which the config's filters ask the policy."""
    return [
        replace(config.policy.sampler, **part.changes).id
        for _, part in build_filters(config)
        if hasattr(part, "changes")
    ]


def build_benchmarks(context: RunContext, part: Filter) -> dict[str, Source]:
    """Build a filter's benchmarks by name, each as a source that is not read yet.

    Raises:
        ConfigError: none is named, or one is no source.
    """
    tables: Sequence[Mapping[str, Any]] = getattr(part, "against", ())
    if not tables:
        raise ConfigError(
            "filter 'contaminated' needs benchmarks: "
            'clean.settings.contaminated.against = [{ type = "files", paths = ... }]'
        )
    sources: dict[str, Source] = {}
    for table in tables:
        try:
            config = SourceConfig.model_validate(table)
        except ValueError as error:
            raise ConfigError(
                f'clean.settings.contaminated.against: {dict(table)} needs a type, such as type = "files"'
            ) from error
        name = str(
            config.settings.get("name") or config.settings.get("path") or config.settings.get("paths") or config.type
        )
        if name in sources:
            raise ConfigError(f"two benchmarks are named {name!r}; give each its own `name`")
        sources[name] = build_source(context, config)
    return sources


class PolicyTokenizer:
    """Counts the tokens of prompts as the policy's engine does."""

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def count(self, problems: Sequence[Problem]) -> list[int]:
        """Count the prompt tokens of each problem under the policy's own sampler, template and tokenizer."""
        sampler = self.context.config.policy.sampler
        return [
            self.context.engine.count_tokens(
                Request(problem.id, sampler.render(problem), sampler, (0,), self.context.config.seed)
            )
            for problem in problems
        ]


class StoredPolicyGrader:
    """Attempts of the policy with their verdicts, for filters; what is stored is not generated again."""

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, Any]
    ) -> Mapping[str, Sequence[Verdict]]:
        """Attempt each problem n times, and return the verdicts.

        Args:
            problems: those that are attempted; one without a label is left out.
            labels: by problem; the first of each counts.
            n: attempts per problem.
            changes: fields of the config's sampler that take other values.

        Returns:
            The first n verdicts of each problem by sample index, however many are stored.

        Raises:
            Stopped: a limit of the config was reached, or a stop was asked for; what had arrived is stored, and the
                next run goes on from there.
        """
        labelled = {problem.id: problem for problem in problems if labels.get(problem.id)}
        golds = {id_: labels[id_][0] for id_ in labelled}
        sampler: SamplingConfig = replace(self.context.config.policy.sampler, **changes)
        attempts = StoredRollouts(self.context, labelled, golds, sampler=sampler)
        attempts.draw(dict.fromkeys(labelled, n))
        if attempts.stopped:
            raise Stopped(f"{attempts.stopped} while cleaning; a filter that uses the policy needs all of its attempts")
        versions = sorted(
            {f"{label.verifier}@{self.context.judge.version(label.verifier)}" for label in golds.values()}
        )
        ids = sorted(label.id for label in golds.values())
        verdicts: dict[str, list[Verdict]] = {id_: [] for id_ in labelled}
        for row in self.context.lake.rows(VERDICTS, [self.context.policy.revision, sampler.id, ids, versions]):
            id_ = row.pop("problem_id")
            if id_ in verdicts and row.pop("sample") < n:
                verdicts[id_].append(Verdict(**row).in_mode(self.context.mode))
        return verdicts


def _fitted_encoder(context: RunContext, problems: Mapping[str, Problem]) -> Encoder:
    return build_encoder(context, lambda: [problem.text for problem in problems.values()])


def _read_benchmark(context: RunContext, name: str, source: Source) -> list[Problem]:
    """Read the problems of a benchmark.

    Raises:
        ConfigError: it is empty, or no row of it is a problem.
    """
    problems, bad = list[Problem](), list[Drop]()
    for row in source.read():
        if isinstance(row, Drop):
            bad.append(row)
        else:
            problems.append(row[0])
    if not problems:
        raise ConfigError(
            f"benchmark {name!r} holds 0 problems ({len(bad)} bad rows): so nothing can be compared with it"
        )
    if bad:
        context.reporter.warn(
            f"benchmark {name!r}: {len(bad)} of {len(problems) + len(bad)} rows cannot be compared, "
            f"the first: {bad[0].detail}"
        )
    return problems
