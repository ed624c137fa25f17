"""One run of one config on one lake: what every stage works with, and the ledger of what is already done."""

import importlib.metadata
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from assay.core import parts
from assay.core.config import Config, GradeConfig
from assay.core.errors import DISTRIBUTION, EngineError, Stopped
from assay.core.identity import canonical_json, content_id
from assay.core.policy_config import PolicyConfig
from assay.core.ports import Engine, Reporter
from assay.core.secrets import redact_secrets
from assay.core.types import Label, Mode, Policy, SamplingConfig
from assay.pipelines.context.edited_parts import outside_versions
from assay.pipelines.context.first_attempts import FirstAttempts
from assay.pipelines.context.imported import DRAWN, ImportedEvidence, find_imported, match_imported_labels
from assay.pipelines.context.known_policy import known_policy
from assay.pipelines.context.limits import limit_reached
from assay.pipelines.context.results import FIRST_STAGE_NAMES, StageKey, StageResult
from assay.stores.lake import Lake, Rows
from assay.verifiers.outside.plugins import CallLimits
from assay.verifiers.pool.grader import Grader

UNKNOWN_REVISION = "unknown"  # of a policy whose server does not answer, and of which the lake holds nothing
WATCHED = (
    "torch",
    "transformers",
    "trl",
    "xllamacpp",
    "math-verify",
    "faiss-cpu",
    "reasoning-gym",
    "duckdb",
    "pyarrow",
)


@dataclass(slots=True)
class VerdictChanges:
    """How many stored verdicts this run judged again, per reading, by (outcome before, outcome now)."""

    strict: Counter[tuple[str, str]] = field(default_factory=Counter)
    lenient: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """One row per reading and pair of outcomes, equal pairs included."""
        return [
            {"reading": name, "before": before, "now": after, "rollouts": many}
            for name, pairs in (("strict", self.strict), ("lenient", self.lenient))
            for (before, after), many in sorted(pairs.items())
        ]


@dataclass(slots=True)
class Usage:
    """What this run has generated, and the time that it has taken."""

    tokens: int = 0
    samples: int = 0
    engine_s: float = 0.0  # wall time inside the policy's engine
    busy_s: float = 0.0  # of the places of a streaming engine: a second of n busy places is n
    busiest: int = 0  # places of a streaming engine that were busy at once
    drain_s: float = 0.0  # wall time at the ends of a streaming engine's work, in which places had become free
    encoder_s: float = 0.0  # wall time inside the encoder
    waiting: bool = False  # nothing is being written and no new answer judged, so a stop may interrupt at once
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def count_busy(self, places: int, seconds: float) -> None:
        """Count so many busy places of a streaming engine for so long."""
        self.busy_s += places * seconds
        self.busiest = max(self.busiest, places)
        self.drain_s += seconds * (places < self.busiest)


class RunContext:
    """A config, its lake and its run; engine and judge are opened at first use and closed at the end."""

    def __init__(
        self,
        config: Config,
        lake: Lake,
        reporter: Reporter,
        *,
        command: str = "",
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.config, self.lake, self.reporter, self.command, self.stop = config, lake, reporter, command, stop
        self.meter = Usage()
        self.warned: set[str] = set()
        self.first_attempts = FirstAttempts(config.score)
        self.moved = VerdictChanges()  # verdicts that a new version of a verifier changed
        self.retry_refused = False  # ask again for what a server refused before
        self.halted = ""  # why this run draws no more attempts, in words
        self.outcome = ""  # how the run ended, where its caller sets it: done, partly, failed
        self.partial: list[StageResult] = []  # stages that a limit left partly done
        self.sides: dict[str, tuple[str, list[str]]] = {}  # by side: what was asked for last, and the ids
        self.run = content_id("run", time.time_ns(), config.model_dump(mode="json"), command)

    @cached_property
    def engine(self) -> Engine:
        """The policy's engine; building it loads no model."""
        return build_engine(self.config.policy)

    @cached_property
    def policy(self) -> Policy:
        """The policy whose attempts count.

        A served one is known by what the lake holds of it, and its server is asked only where the lake knows none.
        Whoever makes a new attempt calls `remote_model.require_stored_policy` first.
        """
        if self.imported is not None:
            return self.imported.policy
        if self.config.policy.revision or not hasattr(type(self.engine), "identity"):
            return self.engine.policy
        return known_policy(self.lake, self.config.policy) or self.engine.policy

    @cached_property
    def imported(self) -> ImportedEvidence | None:
        """The imported attempts that are this config's evidence; None where the policy attempts the problems.

        Raises:
            ConfigError: the lake holds no such attempts.
        """
        return None if self.config.score.evidence == DRAWN else find_imported(self.lake, self.config)

    @property
    def sampler(self) -> SamplingConfig:
        """How the attempts that count were sampled."""
        return self.imported.sampling if self.imported is not None else self.config.policy.sampler

    def verifier_version(self, verifier: str) -> str:
        """Return `name@version` of the verdicts that count, for labels of this verifier."""
        if self.imported is not None and self.imported.verifier:
            return self.imported.verifier
        return f"{verifier}@{self.judge.version(verifier)}"

    def counted_verdicts(self, labels: Mapping[str, Label]) -> tuple[list[str], list[str]]:
        """Return the ids of the labels, and `name@version` of the verifiers, of the verdicts that count.

        Verdicts that came with imported attempts count while the gold is the one that they were given for. Where it was
        corrected since, the label's own verifier judges the texts.

        Args:
            labels: the present label of each problem.
        """
        ids = {label.id for label in labels.values()}
        versions = {self.verifier_version(label.verifier) for label in labels.values()}
        if self.imported is not None and self.imported.verifier:
            same, corrected = match_imported_labels(self.lake, self.policy.revision, self.sampler.id, labels)
            ids.update(same)
            own = {labels[id_].verifier for id_ in corrected}
            versions.update(f"{name}@{self.judge.version(name)}" for name in own)
        return sorted(ids), sorted(versions)

    def suppose_policy(self) -> None:
        """Go on without a server that does not answer, where the lake holds no attempts of its policy either.

        No stage that depends on the policy is then done. This is for looking, not for attempts, which ask the server.
        """
        try:
            _ = self.policy
        except EngineError as error:
            self.reporter.warn(f"{error}; the lake holds no attempts of this policy")
            self.__dict__["policy"] = Policy(self.config.policy.model, UNKNOWN_REVISION)

    @property
    def mode(self) -> Mode:
        """Which reading of a verdict counts: `grade.mode`."""
        return self.config.grade.mode

    @property
    def read_otherwise(self) -> list[str]:
        """The mode as part of a key, where it is not the default; so the keys of strict lakes stay as they were."""
        return [] if self.mode == "strict" else [self.mode]

    @cached_property
    def judge(self) -> Grader:
        """The verifiers, in worker processes that can be killed."""
        return build_grader(self.config.grade)

    @contextmanager
    def cuttable(self) -> Iterator[None]:
        """Mark work that a stop may interrupt at any point, since nothing but time is lost."""
        before, self.meter.waiting = self.meter.waiting, True
        try:
            yield
        finally:
            self.meter.waiting = before

    def append(self, rows: Mapping[str, Rows]) -> None:
        """Commit rows of this run, all or none; no stop interrupts it."""
        before, self.meter.waiting = self.meter.waiting, False
        try:
            self.lake.append(rows, run=self.run)
        finally:
            self.meter.waiting = before

    def heed(self) -> None:
        """Go on unless the run was asked to stop.

        Raises:
            Stopped: it was; what was committed is kept.
        """
        if getattr(self.stop, "asked", False):  # by a signal; other reasons end a run only in stages that pay
            raise Stopped("stopped on request; everything committed is kept")

    def beside(self, config: Config) -> "RunContext":
        """Return the context of another config in the same run, with its lake, reporter, stop, meter and warnings."""
        other = RunContext(config, self.lake, self.reporter, command=self.command, stop=self.stop)
        other.run, other.meter, other.warned, other.moved = self.run, self.meter, self.warned, self.moved
        other.retry_refused, other.partial = self.retry_refused, self.partial
        return other

    def limit_reached(self) -> str:
        """Return which of the config's limits this run has reached, in words; "" = none."""
        return self.halted or limit_reached(self.config.limit, self.meter.tokens, self.meter.seconds)

    def finished(self, stage: str, key: StageKey) -> StageResult | None:
        """Look a stage's result up in the ledger; None where it was never finished for this key."""
        names = [stage, FIRST_STAGE_NAMES.get(stage, stage)]
        query = "SELECT * FROM stages WHERE stage IN (?, ?) AND key = ? LIMIT 1"
        rows = self.lake.query_again(query, [*names, str(key)]).to_pylist()
        if not rows:
            return None
        row = rows[0]
        return StageResult(
            stage, key, row["rows_in"], row["rows_out"], parse_json(row["detail"]), row["seconds"], reused=True
        )

    def finish(
        self, outcome: StageResult, rows: Mapping[str, Rows] | None = None, *, first: Iterable[Mapping[str, Rows]] = ()
    ) -> StageResult:
        """Commit a stage's rows and its line in the ledger at once; a partly done stage has rows and no line.

        Args:
            outcome: the stage's result.
            rows: by table.
            first: further rows of large results, each of which is a commit before; killed between two, a run adds the
                rest.
        """
        for part in first:
            self.append(part)
        entry = {
            "id": content_id("stage", FIRST_STAGE_NAMES.get(outcome.stage, outcome.stage), str(outcome.key)),
            "stage": outcome.stage,
            "key": str(outcome.key),
            "rows_in": outcome.rows_in,
            "rows_out": outcome.rows_out,
            "detail": canonical_json(dict(outcome.detail)),
            "seconds": outcome.seconds,
        }
        self.append({**(rows or {}), "stages": [] if outcome.partly else [entry]})
        if outcome.partly:
            self.partial.append(outcome)
        return outcome

    def log_run(self, event: str, outcome: str | None = None) -> None:
        """Write the run's start or end; of several processes of one run, only the first one does."""
        if os.environ.get("RANK", "0") != "0":
            return
        meter = self.meter
        row = {
            "id": content_id("run-event", self.run, event),
            "event": event,
            "command": self.command,
            "plan": canonical_json(redact_secrets(self.config.model_dump(mode="json"))),
            "versions": canonical_json({**list_versions(), **outside_versions(self.config)}),
            "outcome": outcome,
            "tokens": meter.tokens,
            "samples": meter.samples,
            "seconds": meter.seconds,
            "policy": self.policy.revision if "policy" in self.__dict__ else None,
            "time": time.time(),
        }
        self.lake.append({"runs": [row]}, run=self.run)

    def close(self) -> None:
        """Close the engine and the judge's workers, if they were started."""
        for name in ("engine", "judge"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> "RunContext":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_engine(policy: PolicyConfig) -> Engine:
    """Build the engine that a config's `[policy]` names, without loading a model.

    Raises:
        ConfigError: an unknown engine or setting.
    """
    settings = (
        policy.settings if policy.engine in ("scripted", "replay") else {"model": policy.model, **policy.settings}
    )
    if policy.revision:
        settings["revision"] = policy.revision
    return parts.build_part("engine", policy.engine, settings, other_keys=type(policy).model_fields)  # type: ignore[no-any-return]


def build_grader(grade: GradeConfig) -> Grader:
    """Build the verifiers of a config's `[grade]` table, in worker processes."""
    return Grader(
        limit_s=grade.timeout_s,
        workers=grade.workers,
        allow_code=grade.allow_code,
        settings=grade.settings,
        env=grade.env,
        outside={name: CallLimits(**table.model_dump()) for name, table in grade.outside.items()},
    )


def list_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages on which results may depend."""
    return {
        "python": platform.python_version(),
        **{name: of for name in (DISTRIBUTION, *WATCHED) if (of := _installed(name)) is not None},
    }


def installed_version() -> str:
    """Return the version of this package; "" where it is not installed."""
    return _installed(DISTRIBUTION) or ""


@cache  # each takes 4 ms to look up, and every run asks for ten of them twice
def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def parse_json(text: str) -> Any:
    """Parse JSON."""
    return json.loads(text)
