"""`python:package.module:name`: a lab's own reward function, or its own verifier, under this house's verdicts."""

import asyncio
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
from assay.verifiers.answers.verdicts import Grade, settle


@dataclass(frozen=True)
class Outside:
    """A function with verl's signature (data_source, solution_str, ground_truth, extra_info) -> float or dict, as a verifier.

    A row of verl's own keeps its `data_source` and `extra_info` where the source's `keep` names them; else the problem's source and all of
    its metadata take their places. A coroutine is awaited, of a list or tuple the first element counts, as in verl.
    Correct where the dict says so (`acc`, a truth value) or else where the score is at least 1; the score is the reward. A score that is
    no finite number is an error of the verifier.

    The function is trusted and runs with the rights of the caller, but text that it evaluates might change it: a case whose text is more than
    words and numbers (`_inert`) is judged in a fork of a process that has imported its module and seen no text. What it loads at its first call is
    then loaded for every case: load at import, or set `reward.evaluates_text = False`, and one process judges many cases.
    """

    name: str
    version: str  # of the function's source
    function: Callable[..., Any]

    @property
    def evaluates_text(self) -> bool:
        """Whether cases need processes of their own, which a function's attribute of this name may deny."""
        return bool(getattr(self.function, "evaluates_text", True))

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; whatever the function does, it does here."""
        return settle(case, self._grade, verifier=self.name, version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether there is a gold answer."""
        return bool(label.answer.strip())

    def _grade(self, case: GradingCase) -> Grade:
        kept = json.loads(case.problem.metadata)
        found = self.function(
            data_source=kept.get("data_source", case.problem.source),
            solution_str=case.rollout.text,
            ground_truth=case.label.answer,
            extra_info=kept.get("extra_info", kept),
        )
        found = asyncio.run(found) if inspect.iscoroutine(found) else found
        found = (
            found[0] if isinstance(found, list | tuple) and found else found
        )  # verl, too, takes the first of several
        told = found if isinstance(found, Mapping) else {"score": found}
        score: Any = told.get("score")
        if isinstance(score, str) or not hasattr(score, "__float__") or not math.isfinite(float(score)):
            return Grade(None, reason=f"score {score!r} is no finite number", failed=True)
        right = bool(told["acc"]) if "acc" in told else float(score) >= 1
        return Grade(right, str(told.get("pred") or ""), "function", reward=float(score))


def source_version(verifier: str) -> str:
    """The hash of the file that a `python:` verifier lives in; its package is found, the module itself is not run.

    Raises:
        ConfigError: no such module.
    """
    try:
        _, module, _ = verifier.split(":")
        spec = importlib.util.find_spec(module)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"verifier {verifier!r}: {error}") from error
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise ConfigError(f"verifier {verifier!r}: there is no source file of module {module!r}")
    return "source-" + hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:12]


def wrap(verifier: str, part: Any) -> Verifier:
    """A built part as a verifier: itself where it judges, its wrapping where it is a function.

    Raises:
        ConfigError: neither.
    """
    if callable(getattr(part, "judge", None)) and not isinstance(part, type):
        return part  # type: ignore[no-any-return]  # a part met structurally
    if isinstance(part, type) and callable(getattr(part, "judge", None)):
        return part()  # type: ignore[no-any-return]
    if not callable(part):
        raise ConfigError(f"verifier {verifier!r} is a {type(part).__name__}, neither a function nor a verifier")
    return cast(
        Verifier, Outside(verifier, source_version(verifier), part)
    )  # its version belongs to the object, not to the class
