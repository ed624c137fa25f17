"""A reward function or a verifier from outside this package, as a verifier."""

import hashlib
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from assay.core.errors import ConfigError
from assay.core.parts import build_part, find_file, split_correct_at
from assay.core.ports import Verifier
from assay.core.secrets import resolve_environment
from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, expand_readings, settle_verdict
from assay.verifiers.outside.conventions import call_plain, call_trl, call_verl, check_signature, takes_plain


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How a verifier from outside is called; `[grade.outside."NAME"]` in a config. No part of a verdict's version."""

    timeout_s: float | None = None  # of one call, of a batch as a whole; None = `grade.timeout_s`
    env: tuple[str, ...] = ()  # further environment variables that its workers see, by name, besides `grade.env`
    batch_size: int = 1  # completions per call


@dataclass(frozen=True)
class RewardFunction:
    """A verifier made of a reward function: `reward(problem, answer, text) -> float`, or one as verl or TRL call it.

    The plain form gets the problem (`core.types.Problem`: its `text`, and `metadata` as JSON), the gold answer's text
    and the completion. verl's is (data_source, solution_str, ground_truth, extra_info) -> float or dict, or the same
    with lists, as its reward manager `batch` has it; TRL's is (prompts, completions, **columns) -> list of floats.
    `conventions` says what takes the place of each. A coroutine is awaited. Correct is what a dict says (`acc`, a truth
    value), else a score of at least `correct_at`; the score is the reward. A score that is not a finite number is an
    error of the verifier. A function whose attribute `graded` is True has rewards that need not reach 1, and must be
    given `correct_at` (`load_verifier`).

    The function is trusted and runs with the rights of the caller, but text that it evaluates might change it. A case
    whose text is more than words and numbers (`isolation.inert_text`) is therefore judged in a fork of a process that
    has imported the function's module and seen no text. What the function loads at its first call is then loaded for
    every case: load it at import, or set `reward.evaluates_text = False`, and one process judges many cases.
    """

    name: str
    version: str  # of the function's source
    function: Callable[..., Any]
    correct_at: float = 1.0  # the lowest score of a correct answer

    @property
    def evaluates_text(self) -> bool:
        """Return whether cases need processes of their own, which a function's attribute of this name may deny."""
        return bool(getattr(self.function, "evaluates_text", True))

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case with the function, in this process."""
        return self.judge_many([case])[0]

    def judge_many(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        """Judge cases by one call where the function takes lists or is a coroutine, in this process."""
        variants = [variant for case in cases for variant in expand_readings(case)]
        graded = [variant for variant in variants if variant.rollout.finish != "error"]
        plain = self.name.startswith("python:") and takes_plain(self.function)
        call = call_trl if self.name.startswith("trl:") else call_plain if plain else call_verl
        results = iter(call(self.function, graded) if graded else [])
        grades = {id(variant): _read_grade(next(results), self.correct_at) for variant in graded}
        by_reading = {
            (variant.rollout.id, variant.label.id): grades.get(id(variant)) or Grade(None, failed=True)
            for variant in variants
        }

        def look_up(variant: GradingCase) -> Grade:
            return by_reading[(variant.rollout.id, variant.label.id)]

        return [settle_verdict(case, look_up, verifier=self.name, version=self.version) for case in cases]

    def reads(self, label: Label) -> bool:
        """Return whether there is a gold answer."""
        return bool(label.answer.strip())


def _read_grade(result: Any, correct_at: float) -> Grade:
    fields = result if isinstance(result, Mapping) else {"score": result}
    score: Any = fields.get("score")
    if isinstance(score, str) or not hasattr(score, "__float__") or not math.isfinite(float(score)):
        return Grade(None, reason=f"score {score!r} is no finite number", failed=True)
    correct = bool(fields["acc"]) if "acc" in fields else float(score) >= correct_at
    return Grade(correct, str(fields.get("pred") or ""), "function", reward=float(score))


def source_version(verifier: str) -> str:
    """Return a hash of the file in which a verifier from outside lives; the module itself is not run."""
    prefix, _, place = verifier.partition(":")
    try:
        if prefix == "verifiers":
            return hash_file(_module_file(place.replace("-", "_"), verifier))
        module, _ = place.split(":")
        return hash_file(find_file(module) if module.endswith(".py") else _module_file(module, verifier))
    except (ValueError, ImportError, OSError) as error:
        raise ConfigError(f"verifier {verifier!r}: {error}") from error


def hash_file(path: Path) -> str:
    """Return the version of a source file: a hash of its bytes."""
    return "source-" + hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _module_file(module: str, verifier: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise ConfigError(f"verifier {verifier!r}: cannot find the source file of module {module!r}")
    return Path(spec.origin)


@dataclass(frozen=True)
class Threshold:
    """A verifier from outside whose answers are correct from a reward of `correct_at` on, whatever it says itself."""

    inner: Verifier
    correct_at: float

    def __getattr__(self, name: str) -> Any:
        hook = getattr(self.inner, name)
        return hook if name != "judge_many" else lambda cases: [self._decide(verdict) for verdict in hook(cases)]

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case; outcomes other than correct and wrong stay as they are."""
        return self._decide(self.inner.judge(case))

    def _decide(self, verdict: Verdict) -> Verdict:
        if verdict.outcome not in ("correct", "wrong"):
            return verdict
        return replace(verdict, outcome="correct" if verdict.reward >= self.correct_at else "wrong", lenient=None)


def load_verifier(verifier: str, settings: Mapping[str, Any]) -> Verifier:
    """Build a verifier with its settings, and for one from outside with the reward from which an answer is correct.

    Args:
        verifier: Its name.
        settings: Of `grade.settings`; `correct_at` among them is the threshold, unless it is a field of the part.

    Raises:
        ConfigError: It cannot be built, or it says that its rewards are graded and there is no `correct_at`.
    """
    own, correct_at = split_correct_at(verifier, settings)
    part = build_part("verifier", verifier, resolve_environment(own, f"verifier {verifier!r}"))
    if getattr(part, "graded", False) and "correct_at" not in settings:
        raise ConfigError(
            f"verifier {verifier!r} gives graded rewards: `correct_at` in [grade.settings.{verifier!r}] must say from "
            "which reward on an answer is correct"
        )
    wrapped = wrap_plugin(verifier, part)
    if correct_at is None:
        return wrapped
    if isinstance(wrapped, RewardFunction):
        return cast(Verifier, replace(wrapped, correct_at=correct_at))
    return cast(Verifier, Threshold(wrapped, correct_at))


def wrap_plugin(verifier: str, plugin: Any) -> Verifier:
    """Return a built part as a verifier: itself where it has `judge`, a wrapper where it is a function.

    Raises:
        ConfigError: It is neither, or a trainer could not call it.
    """
    if verifier.startswith("verifiers:"):
        return cast(Verifier, plugin())  # `tasksets.load_taskset`
    if callable(getattr(plugin, "judge", None)) and not isinstance(plugin, type):
        return plugin  # type: ignore[no-any-return]  # it has the methods of a Verifier
    if isinstance(plugin, type) and callable(getattr(plugin, "judge", None)):
        return plugin()  # type: ignore[no-any-return]
    if not callable(plugin):
        raise ConfigError(f"verifier {verifier!r} must be a function or a verifier, found {type(plugin).__name__}")
    check_signature(verifier, plugin)
    # its version is an attribute of the object, not of the class
    return cast(Verifier, RewardFunction(verifier, source_version(verifier), plugin))
