"""Continue begun answers: each is paid for once, stored in `continuations`, and judged with its beginning."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from assay.core.errors import Stopped
from assay.core.types import GradingCase, Label, Problem, Request, Rollout, SamplingConfig
from assay.pipelines.context import remote_model
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.pictures import refuse_pictures
from assay.pipelines.sampling.attempt_rows import replace_surrogates
from assay.pipelines.sampling.attempts import settings_of

PAID = """
SELECT id, text, tokens, ended FROM continuations
WHERE policy = ? AND sampler = ? AND problem_id IN (SELECT unnest(?::VARCHAR[]))
"""
WAVE = 256  # begun answers per commit
FIELDS = ("id", "problem_id", "policy", "policy_name", "sampler", "sample", "seed", "tokens", "prompt_tokens", "engine")
Continued = list[list[tuple[str, bool | None]]]


def complete_begun(
    context: RunContext,
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    begun_answers: Sequence[tuple[str, str]],
    n: int,
    sampler: SamplingConfig,
) -> tuple[Continued, str, int]:
    """Complete begun answers of problems.

    Args:
        context: the run.
        problems: by id.
        labels: by problem id.
        begun_answers: (problem id, begun answer).
        n: continuations of each.
        sampler: how the policy is asked.

    Returns:
        Per begun answer its continuations, each with whether it is right together with its beginning (None = cut, or
        the verifier failed); the limit that stopped it ("" = none); how many the engine failed to write.

    Raises:
        Stopped: the run was asked to stop; what had arrived is committed.
        ConfigError: one of the problems shows a picture.
    """
    refuse_pictures((problems[id_] for id_, _ in begun_answers), "the continuation of begun answers")
    policy = context.engine.policy
    requests = [
        Request(id_, sampler.render(problems[id_]), sampler, tuple(range(n)), context.config.seed, prefix)
        for id_, prefix in begun_answers
    ]
    rows = context.lake.rows(PAID, [policy.revision, sampler.id, sorted({id_ for id_, _ in begun_answers})])
    texts = {row["id"]: (row["text"], row["ended"]) for row in rows}
    missing = [
        Request(
            request.problem_id,
            request.messages,
            sampler,
            tuple(sample for sample in request.samples if request.key(policy.revision, sample) not in texts),
            request.seed,
            request.prefix,
        )
        for request in dict.fromkeys(requests)
    ]
    missing = [request for request in missing if request.samples]
    stopped, n_failed = _draw(context, missing, texts, sampler) if missing else ("", 0)
    return _judged(context, problems, labels, requests, texts), stopped, n_failed


def _draw(
    context: RunContext, missing: Sequence[Request], texts: dict[str, tuple[str, str]], sampler: SamplingConfig
) -> tuple[str, int]:
    """Ask the engine for what is missing, wave by wave; add it to the texts and commit it."""
    settings = [{"id": sampler.id, "settings": settings_of(sampler)}]
    context.append({"sampling_configs": settings, "policies": remote_model.policy_rows(context)})
    waiting, n_failed = iter(missing), 0
    with context.reporter.track("continuations", sum(len(request.samples) for request in missing)) as bar:
        while wave := list(islice(waiting, WAVE)):
            if limit := context.limit_reached():
                return limit, n_failed
            rows: list[dict[str, Any]] = []
            try:
                # engines answer by generators
                with closing(context.engine.generate(wave)) as arrivals:  # type: ignore[type-var]
                    for request, rollouts in zip(wave, arrivals, strict=False):
                        good = [rollout for rollout in rollouts if not (rollout.fault or rollout.refused)]
                        n_failed += len(rollouts) - len(good)
                        rows += [_row(rollout, request.prefix) for rollout in good]
                        context.meter.tokens += sum(rollout.tokens for rollout in good)
                        context.meter.samples += len(good)
                        bar.advance(len(rollouts), note=f"{context.meter.tokens} tokens")
                        if context.stop():
                            raise Stopped("stopped on request; the continuations that arrived are committed")
            finally:
                context.append({"continuations": rows})
                texts.update((row["id"], (row["text"], row["ended"])) for row in rows)
    return "", n_failed


def _row(rollout: Rollout, prefix: str) -> dict[str, Any]:
    return {
        **{name: getattr(rollout, name) for name in FIELDS},
        "begun": len(prefix),
        "text": replace_surrogates(rollout.text),
        "ended": "closed" if rollout.finish == "stop" else "cut",
    }


def _judged(
    context: RunContext,
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    requests: Sequence[Request],
    texts: Mapping[str, tuple[str, str]],
) -> Continued:
    """Judge every continuation together with its beginning."""
    policy = context.engine.policy
    cases, places = [], []
    for place, request in enumerate(requests):
        for sample in request.samples:
            if (key := request.key(policy.revision, sample)) not in texts:
                continue
            text, ended = texts[key]
            rollout = Rollout.of(
                request,
                sample,
                policy=policy,
                engine="",
                text=request.prefix + text,
                tokens=0,
                finish="stop" if ended == "closed" else "length",
            )
            cases.append(GradingCase(problems[request.problem_id], labels[request.problem_id], rollout))
            places.append((place, text))
    continuations: Continued = [[] for _ in requests]
    for (place, text), verdict in zip(places, context.judge.judge(cases), strict=True):
        outcome = verdict.in_mode(context.mode).outcome
        continuations[place].append(
            (text, None if outcome in ("truncated", "verifier_error") else outcome == "correct")
        )
    return continuations
