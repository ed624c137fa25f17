"""Verifiers behind worker processes that can be killed: a hang, a crash or a memory bomb costs one case and its time limit."""

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
from assay.core.parts import build_part
from assay.core.types import GradingCase, Label, Verdict
from assay.maths.text.golds import readings
from assay.verifiers.answers.verdicts import read
from assay.verifiers.isolation.inert_text import inert
from assay.verifiers.pool.batch import WorkerBatch
from assay.verifiers.pool.fork_server import runs_text
from assay.verifiers.pool.plugins import source_version
from assay.verifiers.pool.replies import Judged, JudgingStop
from assay.verifiers.pool.stop_reasons import as_stop, settle_stops
from assay.verifiers.pool.worker_process import Worker, answers

SHORT = 256  # characters of an answer that may be looked up among those of its batch
CACHED = 200_000  # judgements kept


class Grader:
    """Judges cases with the verifier that each label names, in the order given; implements `core.ports.Judge`.

    What a verifier decides in bounded time is decided in this process; the rest goes to at most `workers` processes a verifier, started
    when first needed. A case that takes longer than `limit_s`, dies or eats its memory is killed; all others are unaffected. It is wrong where
    it computed all that time, or where it stops again when it is tried alone; it is a `verifier_error` where its gold answer stops as well,
    or where the machine was busy (`_stops`). Needs no signals and works from any thread (one batch at a time). Workers end with `close()`, and
    when this process dies; of the caller's environment they see what `_environment` lists and, but for `reasoning_gym`, the names in `env`.

    Raises:
        ValueError: no worker, or no time.
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
    ) -> None:
        if limit_s <= 0 or workers < 1:
            raise ValueError(f"{workers} workers with {limit_s} s a case; both must be positive")
        self.limit_s, self.size, self.memory = limit_s, workers, memory
        self.allow_code = allow_code  # True: verifiers that run what a model wrote may be used
        self.settings = settings or {}  # {verifier: its settings}; they are part of the version
        self.env = tuple(env)  # names of the caller's environment that workers see too
        self._workers: dict[str, list[Worker]] = {}  # by verifier
        self._parts: dict[str, Any] = {}
        self.tracebacks: dict[str, str] = {}  # by verifier that raised: its first
        self._cache: OrderedDict[bytes, Any] = OrderedDict()
        self._lock = threading.RLock()
        self._end = weakref.finalize(self, _stop_all, self._workers)

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No worker is left; the next batch would start new ones."""
        with self._lock:
            _stop_all(self._workers)

    def warm(self, verifier: str) -> None:
        """All workers of a verifier are started and have imported it (also done by the first batch that needs them).

        Raises:
            ConfigError: as `judge`.
        """
        with self._lock:
            self.version(verifier)
            crew = self._workers.setdefault(verifier, [])
            crew += [self._worker(verifier) for _ in range(self.size - len(crew))]
            while not all(worker.free for worker in crew):
                answers(crew, deque())

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of all workers and of the children that judge for them."""
        return tuple(pid for crew in self._workers.values() for worker in crew for pid in worker.pids)

    def version(self, verifier: str) -> str:
        """The version under which verdicts are stored: the part's own, or the hash of an outside part's source file.

        Raises:
            ConfigError: no such verifier.
        """
        own = source_version(verifier) if verifier.startswith("python:") else str(self._part(verifier).version)
        chosen = self.settings.get(verifier)
        return f"{own}+{content_id(chosen)[:8]}" if chosen else own

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        """One verdict a case, in the order of the cases.

        Raises:
            ConfigError: a label names a verifier that does not exist or cannot be loaded.
        """
        with self._lock:
            parts = [read(case) for case in cases]
            flat = [part for each in parts for part in each]
            told = iter(self._all(flat, [case.label.verifier for case in flat], "judge"))
            return [self._best(case, each, [next(told) for _ in each]) for case, each in zip(cases, parts, strict=True)]

    def _best(self, case: GradingCase, parts: Sequence[GradingCase], verdicts: Sequence[Verdict]) -> Verdict:
        """The verdict on a case from those on the readings of its gold answer."""
        if parts[0] is case:
            return verdicts[0]
        best: Verdict = max(
            verdicts,
            key=lambda told: (told.outcome == "correct", told.lenient == "correct", told.outcome != "verifier_error"),
        )
        own: Verdict = _as_own(best, case, best.version)
        return own

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        """Whether each gold answer can be parsed; False where trying hangs or crashes.

        Raises:
            ConfigError: as `judge`.
        """
        with self._lock:
            parts = [
                [
                    each if answer == each.answer else replace(each, answer=answer)
                    for answer in readings(each.answer, each.verifier)
                ]
                for each in labels
            ]
            flat = [part for each in parts for part in each]
            told = iter(self._all(flat, [label.verifier for label in flat], "reads"))
            return [any(next(told) for _ in each) for each in parts]

    def _all(self, rows: Sequence[Any], verifiers: Sequence[str], verb: str) -> list[Any]:
        found: list[Any] = [None] * len(rows)
        for verifier in dict.fromkeys(verifiers):
            self._of_one(
                verifier, verb, [index for index, each in enumerate(verifiers) if each == verifier], rows, found
            )
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return found

    def _of_one(self, verifier: str, verb: str, places: Sequence[int], rows: Sequence[Any], found: list[Any]) -> None:
        """Fills in what one verifier says of its rows; workers begin while this process still looks at the rest."""
        glance, version, essence = self._glance(verifier, verb), self.version(verifier), self._essence(verifier, verb)
        waiting: dict[bytes, list[int]] = {}
        alike: dict[
            tuple[str, str, str] | None, Verdict
        ] = {}  # short answers of this batch: the samples of one problem repeat each other
        with self._desk(verifier, verb, self._cache) as desk:
            for index in places:
                short = _short(rows[index]) if verb == "judge" else None
                if short in alike:
                    found[index] = _as_own(alike[short], rows[index], version)
                    continue
                told = glance(rows[index])
                if told is None:
                    key = _key(verb, version, rows[index], essence)
                    if key not in waiting and key not in self._cache:
                        desk.take(key, _slim(rows[index]))
                    waiting.setdefault(key, []).append(index)
                    continue
                found[index] = (
                    told if verb != "judge" or told.version == version else _as_own(told, rows[index], version)
                )
                if short:
                    alike[short] = found[index]
            desk.finish()
        if verb == "judge":
            self._settle(verifier, {key: rows[indices[0]] for key, indices in waiting.items()})
        for key, indices in waiting.items():
            for index in indices:
                found[index] = _as_own(self._cache[key], rows[index], version)

    def _glance(self, verifier: str, verb: str) -> Callable[[Any], Any]:
        """What may be decided here: everything of a bounded verifier, what `glance` decides of another, nothing of an outside one."""
        part = self._inside(verifier)
        if getattr(part, "bounded", False):
            return getattr(part, verb)  # type: ignore[no-any-return]
        glance = getattr(part, {"judge": "glance", "reads": "glance_label"}[verb], None)
        return glance or (lambda row: None)

    def _essence(self, verifier: str, verb: str) -> Callable[[GradingCase], str | None]:
        """The part of a case's text on which its verdict depends, where the verifier can tell."""
        part = self._inside(verifier) if verb == "judge" else None
        return getattr(part, "essence", None) or (lambda case: None)

    def _settle(self, verifier: str, rows: Mapping[bytes, GradingCase]) -> None:
        """Decides what stopped rows amount to; tries some again, one after the other, with nothing beside them."""
        retries = getattr(self._inside(verifier), "retries", False)
        stops = {}
        for key, row in rows.items():
            answer = self._cache[key]
            if (stop := as_stop(answer, retries=retries)) is not None:
                stops[key] = (row, stop)
                if stop.trace:
                    self.tracebacks.setdefault(verifier, stop.trace)
        if stops:
            self._cache.update(
                settle_stops(
                    stops,
                    lambda row: self._alone(verifier, row, retries),
                    lambda label: self._readable(verifier, label),
                )
            )

    def _alone(self, verifier: str, row: GradingCase, retries: bool) -> Judged | JudgingStop:
        """The answer of a new process to one row; what `glance` decides needs none."""
        if (told := self._glance(verifier, "judge")(row)) is not None:
            return Judged(told.outcome, told.reward, told.extracted, told.reason, told.lenient)
        answered: dict[bytes, Any] = {}
        with self._desk(verifier, "judge", answered, anew=True) as desk:
            desk.take(b"", _slim(row))
            desk.finish()
        return as_stop(answered[b""], retries=retries) or answered[b""]

    def _readable(self, verifier: str, label: Label) -> bool:
        found: list[Any] = [None]
        self._of_one(verifier, "reads", [0], [label], found)
        return bool(found[0])

    def _part(self, verifier: str) -> Any:
        if verifier not in self._parts:
            part = build_part("verifier", verifier, self.settings.get(verifier))
            if getattr(part, "dangerous", False) and not self.allow_code:
                raise ConfigError(
                    f"verifier {verifier!r} runs programs that a model wrote; `grade.allow_code = true` in the plan allows it"
                )
            if refusal := getattr(part, "refusal", lambda: "")():
                raise ConfigError(f"verifier {verifier!r}: {refusal}")
            self._parts[verifier] = part
        return self._parts[verifier]

    def _inside(self, verifier: str) -> Any:
        """The part, built here; None for an outside one, which is loaded in workers alone."""
        return None if verifier.startswith("python:") else self._part(verifier)

    def _worker(self, verifier: str) -> Worker:
        part = self._inside(verifier)
        names = () if getattr(part, "evaluates_text", False) else self.env
        return Worker(
            verifier, getattr(part, "limit_s", self.limit_s), self.memory, self.settings.get(verifier, {}), names
        )

    @contextlib.contextmanager
    def _desk(
        self, verifier: str, verb: str, answered: MutableMapping[bytes, Any], *, anew: bool = False
    ) -> Iterator[WorkerBatch]:
        """Rows for the workers of one verifier; on the way out of a failure they are stopped, for half a batch is in their pipes."""
        crew = self._workers.setdefault(verifier, [])
        try:
            part = self._inside(verifier)
            suspect, alone = (
                getattr(part, "suspect", lambda row: False),
                _needs_own(part) if runs_text(verifier, part) else None,
            )
            yield WorkerBatch(
                crew, lambda: self._worker(verifier), self.size, verb, answered, suspect, alone=alone, anew=anew
            )
        except BaseException:
            _stop_all({verifier: crew})
            raise


def _stop_all(workers: dict[str, list[Worker]]) -> None:
    for crew in workers.values():
        for worker in crew:
            worker.close()
        crew.clear()


def _needs_own(part: Any) -> Callable[[Any], bool]:
    """Whether a row's text, or the part of it that its verifier reads, could act if it were evaluated."""
    read = getattr(part, "evaluated", lambda case: case.rollout.text)

    def needs_own(row: Any) -> bool:
        label = row if isinstance(row, Label) else row.label
        return not inert(label.answer) or (row is not label and not inert(read(row)))

    return needs_own


def _short(case: GradingCase) -> tuple[str, str, str] | None:
    """What a verdict on a short answer depends on: its label, which names the problem too, and what was said; None for a long one."""
    rollout = case.rollout
    return (case.label.id, rollout.finish, rollout.text) if len(rollout.text) <= SHORT else None


def _slim(row: Any) -> Any:
    """A row without log-probabilities, which no verifier reads."""
    if isinstance(row, Label) or row.rollout.logprobs is None:
        return row
    return replace(row, rollout=replace(row.rollout, logprobs=None))


def _key(verb: str, version: str, row: Any, essence: Callable[[GradingCase], str | None]) -> bytes:
    """What an answer depends on, hashed: texts are long and may hold anything."""
    label = row if isinstance(row, Label) else row.label
    parts = [verb, label.verifier, version, label.answer]
    if not isinstance(row, Label) and (said := essence(row)) is not None:
        parts += [said, row.rollout.finish]
    elif not isinstance(row, Label):
        parts += [row.rollout.text, row.rollout.finish, row.problem.id, row.problem.metadata, row.problem.source]
    digest = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def _as_own(answer: Any, case: Any, version: str) -> Any:
    """A cached judgement as the verdict of this case."""
    if not isinstance(answer, Verdict | Judged):
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
