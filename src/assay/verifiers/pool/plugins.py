"""`python:package.module:name`: a reward function or a verifier from outside this package."""

import asyncio
import hashlib
import importlib.util
import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from assay.core.errors import ConfigError
from assay.core.parts import build_part, split_correct_at
from assay.core.ports import Verifier
from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, settle_verdict


@dataclass(frozen=True)
class RewardFunction:
    """A verifier made of a function with verl's signature.

    The signature is (data_source, solution_str, ground_truth, extra_info) -> float or dict. A row from verl's own data
    keeps its `data_source` and `extra_info` where the source's `keep` names them; otherwise the problem's source and
    all of its metadata take their places. A coroutine is awaited, and of a list or tuple the first element counts, as
    in verl. Correct is what the dict says (`acc`, a truth value), else a score of at least `correct_at`; the score is the
    reward. A score that is not a finite number is an error of the verifier. A function whose attribute `graded` is True
    has rewards that need not reach 1, and must be given `correct_at` (`load_verifier`).

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
        return settle_verdict(case, self._grade, verifier=self.name, version=self.version)

    def reads(self, label: Label) -> bool:
        """Return whether there is a gold answer."""
        return bool(label.answer.strip())

    def _grade(self, case: GradingCase) -> Grade:
        metadata = json.loads(case.problem.metadata)
        result = self.function(
            data_source=metadata.get("data_source", case.problem.source),
            solution_str=case.rollout.text,
            ground_truth=case.label.answer,
            extra_info=metadata.get("extra_info", metadata),
        )
        result = asyncio.run(result) if inspect.iscoroutine(result) else result
        result = (
            result[0] if isinstance(result, list | tuple) and result else result
        )  # verl also takes the first of several
        fields = result if isinstance(result, Mapping) else {"score": result}
        score: Any = fields.get("score")
        if isinstance(score, str) or not hasattr(score, "__float__") or not math.isfinite(float(score)):
            return Grade(None, reason=f"score {score!r} is no finite number", failed=True)
        correct = bool(fields["acc"]) if "acc" in fields else float(score) >= self.correct_at
        return Grade(correct, str(fields.get("pred") or ""), "function", reward=float(score))


def source_version(verifier: str) -> str:
    """Return a hash of the file in which a `python:` verifier lives; the module itself is not run."""
    try:
        _, module, _ = verifier.split(":")
        spec = importlib.util.find_spec(module)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"verifier {verifier!r}: {error}") from error
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise ConfigError(f"verifier {verifier!r}: there is no source file of module {module!r}")
    return "source-" + hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:12]


@dataclass(frozen=True)
class Threshold:
    """A verifier from outside whose answers are correct from a reward of `correct_at` on, whatever it says itself."""

    inner: Verifier
    correct_at: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case; outcomes other than correct and wrong stay as they are."""
        verdict = self.inner.judge(case)
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
    part = build_part("verifier", verifier, own)
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
        ConfigError: It is neither.
    """
    if callable(getattr(plugin, "judge", None)) and not isinstance(plugin, type):
        return plugin  # type: ignore[no-any-return]  # it has the methods of a Verifier
    if isinstance(plugin, type) and callable(getattr(plugin, "judge", None)):
        return plugin()  # type: ignore[no-any-return]
    if not callable(plugin):
        raise ConfigError(f"verifier {verifier!r} is a {type(plugin).__name__}, neither a function nor a verifier")
    return cast(
        Verifier, RewardFunction(verifier, source_version(verifier), plugin)
    )  # its version is an attribute of the object, not of the class
