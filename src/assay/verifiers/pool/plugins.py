"""`python:package.module:name`: a reward function or a verifier from outside this package."""

import asyncio
import contextlib
import hashlib
import importlib.util
import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from assay.core.errors import ConfigError
from assay.core.ports import Verifier
from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, settle_verdict

VERL = ("data_source", "solution_str", "ground_truth", "extra_info")
PLAIN = ("problem", "answer", "text")


@dataclass(frozen=True)
class RewardFunction:
    """A verifier made of a reward function: `reward(problem, answer, text) -> float`, or one with verl's signature.

    The plain form gets the problem (`core.types.Problem`: its `text`, and `metadata` as JSON), the gold answer's text
    and the completion. verl's is (data_source, solution_str, ground_truth, extra_info) -> float or dict. A row from verl's own data
    keeps its `data_source` and `extra_info` where the source's `keep` names them; otherwise the problem's source and
    all of its metadata take their places. A coroutine is awaited, and of a list or tuple the first element counts, as
    in verl. Correct is what the dict says (`acc`, a truth value), else a score of at least 1; the score is the reward.
    A score that is not a finite number is an error of the verifier.

    The function is trusted and runs with the rights of the caller, but text that it evaluates might change it. A case
    whose text is more than words and numbers (`isolation.inert_text`) is therefore judged in a fork of a process that
    has imported the function's module and seen no text. What the function loads at its first call is then loaded for
    every case: load it at import, or set `reward.evaluates_text = False`, and one process judges many cases.
    """

    name: str
    version: str  # of the function's source
    function: Callable[..., Any]
    plain: bool = False  # called as (problem, answer, text), not by verl's names

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
        result = self._call(case)
        result = asyncio.run(result) if inspect.iscoroutine(result) else result
        result = (
            result[0] if isinstance(result, list | tuple) and result else result
        )  # verl also takes the first of several
        fields = result if isinstance(result, Mapping) else {"score": result}
        score: Any = fields.get("score")
        if isinstance(score, str) or not hasattr(score, "__float__") or not math.isfinite(float(score)):
            return Grade(None, reason=f"score {score!r} is no finite number", failed=True)
        correct = bool(fields["acc"]) if "acc" in fields else float(score) >= 1
        return Grade(correct, str(fields.get("pred") or ""), "function", reward=float(score))

    def _call(self, case: GradingCase) -> Any:
        if self.plain:
            return self.function(case.problem, case.label.answer, case.rollout.text)
        metadata = json.loads(case.problem.metadata)
        return self.function(
            data_source=metadata.get("data_source", case.problem.source),
            solution_str=case.rollout.text,
            ground_truth=case.label.answer,
            extra_info=metadata.get("extra_info", metadata),
        )


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


def wrap_plugin(verifier: str, plugin: Any) -> Verifier:
    """Return a built part as a verifier: itself where it has `judge`, a wrapper where it is a function.

    Raises:
        ConfigError: It is neither, or a function with another signature than a reward's.
    """
    if callable(getattr(plugin, "judge", None)) and not isinstance(plugin, type):
        return plugin  # type: ignore[no-any-return]  # it has the methods of a Verifier
    if isinstance(plugin, type) and callable(getattr(plugin, "judge", None)):
        return plugin()  # type: ignore[no-any-return]
    if not callable(plugin):
        raise ConfigError(f"verifier {verifier!r} is a {type(plugin).__name__}, neither a function nor a verifier")
    return cast(
        Verifier, RewardFunction(verifier, source_version(verifier), plugin, _is_plain(verifier, plugin))
    )  # its version is an attribute of the object, not of the class


def _is_plain(verifier: str, function: Callable[..., Any]) -> bool:
    """Return whether a function is called as (problem, answer, text) and not by verl's names.

    Raises:
        ConfigError: it can be called neither way.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin, which does not say
        return False
    for is_plain, bind in ((False, dict.fromkeys(VERL)), (True, None)):
        with contextlib.suppress(TypeError):
            signature.bind(**bind) if bind else signature.bind(*PLAIN)
            return is_plain
    name = getattr(function, "__name__", type(function).__name__)
    raise ConfigError(
        f"verifier {verifier!r} is {name}{signature}; a reward is {name}({', '.join(PLAIN)}) -> float, "
        f"or verl's {name}({', '.join(VERL)})"
    )
