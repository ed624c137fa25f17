"""Continue stored attempts that a token cap cut, up to a longer cap; those that ended by themselves count too.

A cut attempt is the beginning of a longer one: continued under the same policy and settings, it has the distribution of
an attempt that was drawn at the longer cap. What is continued is the token ids where they are stored, and else the
text, which may be split into other tokens than those that were sampled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.types import ExtendedSampling, Label, Problem, Request, Rollout, SamplingConfig, rollout_id
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.sampling.attempts import StoredRollouts, settings_of
from assay.pipelines.sampling.exclusive import exclusive_sampling

CHUNK = 2_000  # problems whose texts are in memory at once
ATTEMPTS = """
SELECT id, problem_id, sample, tokens, finish FROM attempts
WHERE policy = ? AND sampler = ? AND step IS NULL AND NOT guided AND problem_id IN (SELECT unnest(?::VARCHAR[]))
ORDER BY problem_id, sample
"""
CONTINUED = "SELECT id, extends FROM rollouts WHERE policy = ? AND sampler = ? AND extends IS NOT NULL"
BEGINNINGS = """
SELECT r.id, r.problem_id, r.sample, r.tokens, r.prompt_tokens, t.text, t.token_ids, t.logprobs
FROM rollouts r JOIN completions t USING (id) WHERE r.id IN (SELECT unnest(?::VARCHAR[]))
"""


@dataclass(frozen=True, slots=True)
class Beginning:
    """An attempt that the shorter cap cut."""

    id: str
    problem_id: str
    sample: int
    tokens: int
    prompt_tokens: int
    text: str
    token_ids: tuple[int, ...] | None
    logprobs: tuple[float, ...] | None


def extend(context: RunContext, inputs: StageResults, max_tokens: int) -> dict[str, Any]:
    """Let the train side's stored attempts count under a longer cap, and continue those that are cut.

    A run that stops, or whose engine fails, keeps what it has drawn; the same call goes on from there. The attempts of
    a problem count under the longer cap once none of them is left to be continued.

    Args:
        context: the run, whose `policy.max_tokens` is the shorter cap.
        inputs: the results of the stages before scoring.
        max_tokens: the longer cap.

    Returns:
        {from, to: the caps; finished: attempts that count as they are; continued: now; by_text: of these, those whose
        token ids are not stored; left: cut attempts that are not continued yet; problems: whose attempts all count
        under the longer cap; tokens: generated now; tokens_kept: of the attempts that count, those that were generated
        before}.

    Raises:
        ConfigError: the cap is not longer, or there is nothing to extend.
        Stopped: the run was asked to stop; what had arrived is kept.
    """
    source: SamplingConfig = context.config.policy.sampler
    if max_tokens <= source.max_tokens:
        raise ConfigError(f"--max-tokens {max_tokens} must be above policy.max_tokens = {source.max_tokens}")
    problems, labels = read_side(context, inputs, "train")
    target = replace(source, max_tokens=max_tokens)
    with exclusive_sampling(context, sorted(problems)):
        attempts = _read_attempts(context, source, sorted(problems))
        if not attempts:
            raise ConfigError(
                f"no attempts of {context.policy.name!r} at policy.max_tokens = {source.max_tokens} are stored: "
                "there is nothing to extend; `curate run` samples at the cap of the config"
            )
        work = Extension(context, problems, labels, source, target, attempts)
        work.run()
        return work.count()


def _read_attempts(context: RunContext, sampler: SamplingConfig, ids: Sequence[str]) -> list[dict[str, Any]]:
    return context.lake.rows(ATTEMPTS, [context.policy.revision, sampler.id, list(ids)])


class Extension(StoredRollouts):
    """The continued attempts of one policy, from one cap to a longer one.

    Args:
        context: the run.
        problems: that were attempted.
        labels: of each.
        source: how they were sampled.
        target: the same with the longer cap.
        stored: rows of ATTEMPTS under the source.
    """

    def __init__(
        self,
        context: RunContext,
        problems: Mapping[str, Problem],
        labels: Mapping[str, Label],
        source: SamplingConfig,
        target: SamplingConfig,
        attempts: Sequence[dict[str, Any]],
    ) -> None:
        super().__init__(context, problems, labels, sampler=ExtendedSampling(**asdict(target), source=source.id))
        self.source, self.target, self.rows = source, target, list(attempts)
        self.by_text = 0  # attempts continued in this run whose token ids were not at hand
        self._begun: dict[tuple[str, int], Beginning] = {}  # by problem and sample: of the requests under way
        self._done = self._read_continued()

    def run(self) -> None:
        """Continue what is cut, problem by problem in an order that is independent of difficulty, and count it.

        Raises:
            Stopped: as `StoredRollouts.draw`; what had arrived is kept.
        """
        self.context.first_attempts.trusted += sum(row["finish"] == "stop" for row in self.rows)
        self.context.lake.append(
            {"sampling_configs": [{"id": self.target.id, "settings": settings_of(self.target)}]}, run=self.context.run
        )
        try:
            for ids in _chunks(self._cut_ids()):
                if self.stopped:
                    break
                self._begun = {(row.problem_id, row.sample): row for row in self._read_beginnings(ids)}
                missing: dict[str, tuple[int, ...]] = {}
                for id_, sample in self._begun:
                    missing[id_] = (*missing.get(id_, ()), sample)
                self._generate(missing)
        finally:
            self._done = self._read_continued()
            self._count_whole_problems()

    def count(self) -> dict[str, Any]:
        """Count what was done and what is left, as `extend` returns it."""
        cut_rows = [row for row in self.rows if row["finish"] == "length"]
        open_ = {row["problem_id"] for row in cut_rows if row["id"] not in self._done}
        whole = [row for row in self.rows if row["problem_id"] not in open_]
        return {
            "from": self.source.max_tokens,
            "to": self.target.max_tokens,
            "finished": sum(row["finish"] != "length" for row in whole),
            "continued": self.context.meter.samples,
            "by_text": self.by_text,
            "left": sum(row["id"] not in self._done for row in cut_rows),
            "problems": len({row["problem_id"] for row in whole}),
            "tokens": self.context.meter.tokens,
            "tokens_kept": sum(row["tokens"] for row in whole),
        }

    def _read_continued(self) -> dict[str, str]:
        """Return the continued attempts that are stored, by the attempt that each goes on from."""
        rows = self.context.lake.rows(CONTINUED, [self.policy.revision, self.sampler.id])
        return {row["extends"]: row["id"] for row in rows}

    def _cut_ids(self) -> list[str]:
        """List the cut attempts that are not continued yet, problem by problem."""
        cut_rows = [row for row in self.rows if row["finish"] == "length" and row["id"] not in self._done]
        seed = self.context.config.seed
        return [
            row["id"]
            for row in sorted(cut_rows, key=lambda row: (content_id("order", seed, row["problem_id"]), row["sample"]))
        ]

    def _read_beginnings(self, ids: Sequence[str]) -> Iterator[Beginning]:
        rows = {row["id"]: row for row in self.context.lake.rows(BEGINNINGS, [list(ids)])}
        for id_ in ids:
            row = rows[id_]
            yield Beginning(
                **{
                    **row,
                    **{name: None if row[name] is None else tuple(row[name]) for name in ("token_ids", "logprobs")},
                }
            )

    def requests(self, missing: Mapping[str, tuple[int, ...]]) -> list[Request]:
        """Make one request per attempt, since each has a beginning of its own."""
        keeps = getattr(type(self.context.engine), "keeps_tokens", False)
        return [
            replace(
                self.request(id_, (sample,)),
                sampler=replace(self.source, max_tokens=self.target.max_tokens - continuation.tokens),
                prefix=continuation.text,
                prefix_tokens=continuation.token_ids if keeps else None,
            )
            for id_, samples in missing.items()
            for sample in samples
            if (continuation := self._begun[id_, sample])
        ]

    def _commit(self, wave: Sequence[Rollout]) -> None:
        super()._commit([self._join(rollout) for rollout in wave])

    def _join(self, rollout: Rollout) -> Rollout:
        """Join a continued attempt with its beginning."""
        continuation = self._begun[rollout.problem_id, rollout.sample]
        exact = continuation.token_ids is not None and getattr(type(self.context.engine), "keeps_tokens", False)
        self.by_text += not exact
        logprobs = (*continuation.logprobs, *rollout.logprobs) if continuation.logprobs and rollout.logprobs else None
        ids = (
            (*continuation.token_ids, *rollout.token_ids)
            if exact and continuation.token_ids and rollout.token_ids
            else None
        )
        return replace(
            rollout,
            id=rollout_id(continuation.problem_id, self.policy.revision, self.sampler.id, continuation.sample),
            sampler=self.sampler.id,
            text=rollout.text if exact else continuation.text + rollout.text,
            tokens=continuation.tokens + rollout.tokens,
            prompt_tokens=continuation.prompt_tokens,
            logprobs=logprobs,
            token_ids=ids,
            extends=continuation.id,
            tokens_before=continuation.tokens,
        )

    def _count_whole_problems(self) -> None:
        """Let the attempts of a problem count under the longer cap once none of them is left to be continued."""
        unfinished_ids = {
            row["problem_id"] for row in self.rows if row["finish"] == "length" and row["id"] not in self._done
        }
        extension_rows = self.context.lake.rows("SELECT rollout_id FROM extensions WHERE sampler = ?", [self.target.id])
        extended_ids = {row["rollout_id"] for row in extension_rows}
        sample_indices: dict[str, set[int]] = {}
        for row in _read_attempts(self.context, self.target, sorted(self.problems)):
            sample_indices.setdefault(row["problem_id"], set()).add(row["sample"])
        rows = []
        for row in self.rows:
            counts = self._done.get(row["id"], row["id"]) if row["finish"] == "length" else row["id"]
            if row["problem_id"] in unfinished_ids or counts in extended_ids:
                continue
            used_indices = sample_indices.setdefault(row["problem_id"], set())
            sample = row["sample"] if row["sample"] not in used_indices else max(used_indices) + 1
            used_indices.add(sample)
            key = content_id("extension", counts, self.target.id)
            rows.append({"id": key, "rollout_id": counts, "sampler": self.target.id, "sample": sample})
        self.context.append({"extensions": rows})


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
