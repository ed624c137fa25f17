"""Judge with verifiers behind worker processes: a hang, a crash or a memory bomb costs one case and its time limit."""

import contextlib
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from types import TracebackType
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.parts import build_part, is_outside
from assay.core.secrets import environment_variables
from assay.core.types import GradingCase, Label, Verdict
from assay.maths.text.golds import readings
from assay.verifiers.answers.verdicts import expand_readings
from assay.verifiers.isolation.inert_text import is_inert
from assay.verifiers.outside.plugins import CallLimits, source_version
from assay.verifiers.pool.batch import WorkerBatch
from assay.verifiers.pool.fork_server import may_evaluate_text
from assay.verifiers.pool.replies import Judgement, JudgingStop
from assay.verifiers.pool.stop_reasons import find_stop, settle_stops
from assay.verifiers.pool.worker_process import Worker, collect_answers

SHORT_CHARS = 256  # answers up to this long are looked up among those of their batch
CACHE_SIZE = 200_000  # judgements


class Grader:
    """Judge cases with the verifier that each label names, in the order given; implements `core.ports.Judge`.

    What a verifier decides in bounded time is decided in this process. The rest goes to at most `workers` processes per
    verifier, started when first needed. A case that takes longer than `limit_s`, crashes or uses up its memory is
    killed, without effect on the others. It is wrong where it computed all that time, or where it stops again when
    tried alone; it is a `verifier_error` where its gold answer stops as well, or where the machine was busy
    (`stop_reasons`). A Grader uses no signals and works from any thread, one batch at a time. Its workers end with
    `close()`, and when this process dies.

    Args:
        limit_s: Seconds per case, where a verifier has no limit of its own.
        workers: Worker processes per verifier, at most.
        memory: Bytes that a judging process may map beyond what it has at its start.
        allow_code: Whether verifiers that run programs written by a model may be used.
        settings: The settings of verifiers by name; they are part of a verdict's version.
        env: Names of the caller's environment variables that workers see besides the common ones
            (`isolation.environment`); verifiers of this package that may evaluate text do not see them.
        outside: How verifiers from outside are called, by name: their own time limits, environment and batches.

    Raises:
        ValueError: There is no worker, or no time.
    """

    def __init__(
        self,
        limit_s: float = 5.0,
        workers: int = 2,
        *,
        memory: int = 2 << 30,
        allow_code: bool = False,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        env: Sequence[str] = (),
        outside: Mapping[str, CallLimits] | None = None,
    ) -> None:
        if limit_s <= 0 or workers < 1:
            raise ValueError(f"{workers} workers with {limit_s} s per case: both must be above 0")
        self.limit_s, self.size, self.memory = limit_s, workers, memory
        self.allow_code = allow_code
        self.settings = settings or {}
        self.env = tuple(env)
        self.outside = outside or {}
        self._workers: dict[str, list[Worker]] = {}  # by verifier
        self._parts: dict[str, Any] = {}
        self.tracebacks: dict[str, str] = {}  # the first of each verifier that raised
        self._cache: OrderedDict[bytes, Any] = OrderedDict()
        self._lock = threading.RLock()
        self._end = weakref.finalize(self, _close_workers, self._workers)

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers; the next batch would start new ones."""
        with self._lock:
            _close_workers(self._workers)

    def warm(self, verifier: str) -> None:
        """Start all workers of a verifier, and wait until they have loaded it; otherwise the first batch does."""
        with self._lock:
            self.version(verifier)
            getattr(self._local_part(verifier), "warm_glance", lambda: None)()
            workers = self._workers.setdefault(verifier, [])
            workers += [self._start_worker(verifier) for _ in range(self.size - len(workers))]
            while not all(worker.is_free for worker in workers):
                collect_answers(workers, deque())

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of all workers, and of the children that judge for them."""
        return tuple(pid for workers in self._workers.values() for worker in workers for pid in worker.pids)

    def version(self, verifier: str) -> str:
        """Return the version under which verdicts are stored.

        It is the verifier's own, or a hash of the source file of one from outside, followed by a hash of its settings
        where there are any.

        Raises:
            ConfigError: There is no such verifier.
        """
        part_version = source_version(verifier) if is_outside(verifier) else str(self._build_part(verifier).version)
        settings = self.settings.get(verifier)
        return f"{part_version}+{content_id(settings)[:8]}" if settings else part_version

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        """Judge cases: one verdict per case, in the same order.

        Raises:
            ConfigError: A label names a verifier that does not exist or cannot be loaded.
        """
        with self._lock:
            variants_by_case = [expand_readings(case) for case in cases]  # one per reading of the gold answer
            variants = [variant for case_variants in variants_by_case for variant in case_variants]
            verdicts = iter(self._judge_all(variants, [variant.label.verifier for variant in variants], "judge"))
            return [
                next(verdicts)
                if case_variants[0] is case
                else self._choose_best(case, [next(verdicts) for _ in case_variants])
                for case, case_variants in zip(cases, variants_by_case, strict=True)
            ]

    def _choose_best(self, case: GradingCase, verdicts: Sequence[Verdict]) -> Verdict:
        """Return the verdict on a case: the best of those on the readings of its gold answer."""
        best: Verdict = max(
            verdicts,
            key=lambda verdict: (
                verdict.outcome == "correct",
                verdict.lenient == "correct",
                verdict.outcome != "verifier_error",
            ),
        )
        own_verdict: Verdict = _as_verdict(best, case, best.version)
        return own_verdict

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        """Return whether each gold answer can be parsed; False where trying hangs or crashes.

        Raises:
            ConfigError: As for `judge`.
        """
        with self._lock:
            variants_by_label = [
                [
                    label if answer == label.answer else replace(label, answer=answer)
                    for answer in readings(label.answer, label.verifier)
                ]
                for label in labels
            ]
            variants = [variant for label_variants in variants_by_label for variant in label_variants]
            readable = iter(self._judge_all(variants, [variant.verifier for variant in variants], "reads"))
            return [any(next(readable) for _ in label_variants) for label_variants in variants_by_label]

    def _judge_all(self, rows: Sequence[Any], verifiers: Sequence[str], method: str) -> list[Any]:
        results: list[Any] = [None] * len(rows)
        for verifier in dict.fromkeys(verifiers):
            indices = [index for index, name in enumerate(verifiers) if name == verifier]
            if method == "judge" and self._limits(verifier).batch_size > 1:
                self._judge_batches(verifier, [rows[index] for index in indices])
            self._judge_with(verifier, method, indices, rows, results)
        while len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return results

    def _judge_batches(self, verifier: str, cases: Sequence[GradingCase]) -> None:
        """Judge cases several per call, and cache the answers; those of a call that stops are judged one by one."""
        version, size = self.version(verifier), self._limits(verifier).batch_size
        rows = {_cache_key("judge", version, case, lambda _: None): _strip_logprobs(case) for case in cases}
        new_keys = [key for key in rows if key not in self._cache]
        calls = {b"%d" % start: new_keys[start : start + size] for start in range(0, len(new_keys), size)}
        answers: dict[bytes, Any] = {}
        with self._open_batch(verifier, "judge_many", answers) as batch:
            for call, keys in calls.items():
                batch.add(call, tuple(rows[key] for key in keys))
            batch.finish()
        for call, keys in calls.items():
            if isinstance(answers[call], list) and len(answers[call]) == len(keys):
                self._cache.update(zip(keys, answers[call], strict=True))

    def _judge_with(
        self, verifier: str, method: str, indices: Sequence[int], rows: Sequence[Any], results: list[Any]
    ) -> None:
        """Fill in one verifier's results for its rows; workers begin while this process still looks at the rest."""
        glance, essence = self._get_glance(verifier, method), self._get_essence(verifier, method)
        version = self.version(verifier)
        waiting: dict[bytes, list[int]] = {}  # by cache key, the rows that a worker's answer is for
        short_answers: dict[tuple[str, str, str] | None, Verdict] = {}  # rollouts of one problem repeat each other
        with self._open_batch(verifier, method, self._cache) as batch:
            for index in indices:
                short_key = _short_answer_key(rows[index]) if method == "judge" else None
                if short_key in short_answers:
                    results[index] = _as_verdict(short_answers[short_key], rows[index], version)
                    continue
                result = glance(rows[index])
                if result is None:
                    key = _cache_key(method, version, rows[index], essence)
                    if key not in waiting and key not in self._cache:
                        batch.add(key, _strip_logprobs(rows[index]))
                    waiting.setdefault(key, []).append(index)
                    continue
                own_version = method != "judge" or result.version == version
                results[index] = result if own_version else _as_verdict(result, rows[index], version)
                if short_key:
                    short_answers[short_key] = results[index]
            batch.finish()
        if method == "judge":
            self._settle_stops(verifier, {key: rows[waiting_rows[0]] for key, waiting_rows in waiting.items()})
        for key, waiting_rows in waiting.items():
            for index in waiting_rows:
                results[index] = _as_verdict(self._cache[key], rows[index], version)

    def _get_glance(self, verifier: str, method: str) -> Callable[[Any], Any]:
        """Return what may be called in this process.

        It decides everything for a bounded verifier, what the hook `glance` decides for another, and nothing for one
        from outside.
        """
        part = self._local_part(verifier)
        if getattr(part, "bounded", False):
            return getattr(part, method)  # type: ignore[no-any-return]
        glance = getattr(part, {"judge": "glance", "reads": "glance_label"}[method], None)
        return glance or (lambda row: None)

    def _get_essence(self, verifier: str, method: str) -> Callable[[GradingCase], str | None]:
        """Return the verifier's hook `essence`: the part of a case's text on which its verdict depends."""
        part = self._local_part(verifier) if method == "judge" else None
        return getattr(part, "essence", None) or (lambda case: None)

    def _settle_stops(self, verifier: str, rows: Mapping[bytes, GradingCase]) -> None:
        """Decide what stopped rows amount to; try some again, one after the other, while nothing else runs."""
        retries = getattr(self._local_part(verifier), "retries", False)
        stops = {}
        for key, row in rows.items():
            answer = self._cache[key]
            if (stop := find_stop(answer, retries=retries)) is not None:
                stops[key] = (row, stop)
                if stop.trace:
                    self.tracebacks.setdefault(verifier, stop.trace)
        if stops:
            self._cache.update(
                settle_stops(
                    stops,
                    lambda row: self._retry_alone(verifier, row, retries),
                    lambda label: self._is_readable(verifier, label),
                )
            )

    def _retry_alone(self, verifier: str, row: GradingCase, retries: bool) -> Judgement | JudgingStop:
        """Judge one row in a new process; what `glance` decides needs none."""
        if (verdict := self._get_glance(verifier, "judge")(row)) is not None:
            return Judgement(verdict.outcome, verdict.reward, verdict.extracted, verdict.reason, verdict.lenient)
        answers: dict[bytes, Any] = {}
        with self._open_batch(verifier, "judge", answers, fresh=True) as batch:
            batch.add(b"", _strip_logprobs(row))
            batch.finish()
        return find_stop(answers[b""], retries=retries) or answers[b""]

    def _is_readable(self, verifier: str, label: Label) -> bool:
        results: list[Any] = [None]
        self._judge_with(verifier, "reads", [0], [label], results)
        return bool(results[0])

    def _build_part(self, verifier: str) -> Any:
        if verifier not in self._parts:
            part = build_part("verifier", verifier, self.settings.get(verifier))
            if getattr(part, "dangerous", False) and not self.allow_code:
                raise ConfigError(
                    f"verifier {verifier!r} runs programs that a model wrote; "
                    "set `grade.allow_code = true` in the config to allow it"
                )
            if refusal := getattr(part, "refusal", lambda: "")():
                raise ConfigError(f"verifier {verifier!r}: {refusal}")
            self._parts[verifier] = part
        return self._parts[verifier]

    def _local_part(self, verifier: str) -> Any:
        """Return the verifier, built in this process; None for one from outside, which is loaded in workers only."""
        return None if is_outside(verifier) else self._build_part(verifier)

    def _start_worker(self, verifier: str) -> Worker:
        part, limits = self._local_part(verifier), self._limits(verifier)
        settings = self.settings.get(verifier, {})
        named = (*self.env, *limits.env, *environment_variables(settings))
        env_names = () if getattr(part, "evaluates_text", False) else named
        limit_s: Any = limits.timeout_s or getattr(part, "limit_s", self.limit_s)
        return Worker(verifier, limit_s, self.memory, settings, env_names)

    def _limits(self, verifier: str) -> CallLimits:
        return self.outside.get(verifier) or CallLimits()

    @contextlib.contextmanager
    def _open_batch(
        self, verifier: str, method: str, answers: MutableMapping[bytes, Any], *, fresh: bool = False
    ) -> Iterator[WorkerBatch]:
        """Open a batch for one verifier's workers; after a failure these are closed: half a batch is in their pipes."""
        workers = self._workers.setdefault(verifier, [])
        try:
            part = self._local_part(verifier)
            suspect = getattr(part, "suspect", lambda row: False)
            needs_own_process = _own_process_test(part) if may_evaluate_text(verifier, part) else None
            yield WorkerBatch(
                workers,
                lambda: self._start_worker(verifier),
                self.size,
                method,
                answers,
                suspect,
                needs_own_process=needs_own_process,
                fresh=fresh,
            )
        except BaseException:
            _close_workers({verifier: workers})
            raise


def _close_workers(workers: dict[str, list[Worker]]) -> None:
    for verifier_workers in workers.values():
        for worker in verifier_workers:
            worker.close()
        verifier_workers.clear()


def _own_process_test(part: Any) -> Callable[[Any], bool]:
    """Return a test of whether a row's text, or the part that its verifier evaluates, could act when evaluated."""
    evaluated_text = getattr(part, "evaluated", lambda case: case.rollout.text)

    def needs_own_process(row: Any) -> bool:
        if isinstance(row, tuple):  # the cases of one call
            return any(needs_own_process(case) for case in row)
        label = row if isinstance(row, Label) else row.label
        return not is_inert(label.answer) or (row is not label and not is_inert(evaluated_text(row)))

    return needs_own_process


def _short_answer_key(case: GradingCase) -> tuple[str, str, str] | None:
    """Return all that the verdict on a short answer depends on; None for a long one. A label names its problem too."""
    rollout = case.rollout
    return (case.label.id, rollout.finish, rollout.text) if len(rollout.text) <= SHORT_CHARS else None


def _strip_logprobs(row: Any) -> Any:
    """Return the row without log-probabilities, which no verifier reads."""
    if isinstance(row, Label) or row.rollout.logprobs is None:
        return row
    return replace(row, rollout=replace(row.rollout, logprobs=None))


def _cache_key(method: str, version: str, row: Any, essence: Callable[[GradingCase], str | None]) -> bytes:
    """Hash all that a result depends on; texts are long and may hold anything."""
    label = row if isinstance(row, Label) else row.label
    parts = [method, label.verifier, version, label.answer]
    if not isinstance(row, Label) and (essential_text := essence(row)) is not None:
        parts += [essential_text, row.rollout.finish]
    elif not isinstance(row, Label):
        parts += [row.rollout.text, row.rollout.finish, row.problem.id, row.problem.metadata, row.problem.source]
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def _as_verdict(answer: Any, case: Any, version: str) -> Any:
    """Return a cached judgement as the verdict on this case."""
    if not isinstance(answer, Verdict | Judgement):
        return answer
    return Verdict.of(
        case,
        verifier=case.label.verifier,
        version=version,
        outcome=answer.outcome,
        reward=answer.reward,
        extracted=answer.extracted,
        reason=answer.reason,
        lenient=answer.lenient,
    )
