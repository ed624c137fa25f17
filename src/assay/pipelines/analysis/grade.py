"""Grading of single answers without a config or a lake, for notebooks, tests and `curate grade`."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, get_args

from assay.core.errors import ConfigError
from assay.core.identity import canonical_json
from assay.core.types import Finish, GradingCase, Label, Problem, Rollout, Verdict
from assay.verifiers.pool.grader import Grader

EMPTY_PROBLEM = Problem.of("")  # stands for the question where none is passed


def grade(
    text: str,
    *,
    gold: Any,
    verifier: str = "math",
    metadata: Mapping[str, Any] | None = None,
    finish: str = "stop",
    prompt: str = "",
    settings: Mapping[str, Any] | None = None,
    allow_code: bool = False,
) -> Verdict:
    """Judge one answer against its gold answer.

    What a verifier decides in bounded time is decided in this process; the rest goes to a worker process, which stays
    for further calls and ends with this process.

    Args:
        text: the answer of a model, whole.
        gold: the gold answer; a number is read as it is written, and the tests of a code problem may be an object or a
            list.
        verifier: a part in verifiers/, or python:package.module:name.
        metadata: fields of the problem that the verifier reads, such as `choices` or a generator's entry.
        finish: "stop" where the model ended by itself, "length" where it was cut, "error".
        prompt: the question, for verifiers that look at it.
        settings: the verifier's settings.
        allow_code: whether the verifier `code` may run the program that the answer holds, in its sandbox.

    Returns:
        The verdict: `outcome` (strict), `lenient` (where it differs), `reward`, `extracted` and `reason`.

    Raises:
        ConfigError: an unknown verifier, setting or finish, or a program without `allow_code`.

    >>> grade("So the answer is \\\\boxed{4}.", gold=4, verifier="numeric").outcome
    'correct'
    """
    case = case_of(text, gold=gold, verifier=verifier, metadata=metadata, finish=finish, prompt=prompt)
    return grade_all([case], settings={verifier: dict(settings or {})}, allow_code=allow_code)[0]


def grade_all(
    cases: Sequence[GradingCase], *, settings: Mapping[str, Mapping[str, Any]] | None = None, allow_code: bool = False
) -> list[Verdict]:
    """Judge many answers at once by the workers that this process keeps.

    Args:
        cases: as `case_of` makes them.
        settings: {verifier: its settings}.
        allow_code: as in `grade`.

    Returns:
        One verdict per case, in their order.

    Raises:
        ConfigError: as `grade`.
    """
    given_settings = {name: dict(options) for name, options in (settings or {}).items() if options}
    return _shared_grader(canonical_json(given_settings), allow_code, os.getpid()).judge(cases)


def case_of(
    text: str,
    *,
    gold: Any,
    verifier: str = "math",
    metadata: Mapping[str, Any] | None = None,
    finish: str = "stop",
    prompt: str = "",
) -> GradingCase:
    """Put an answer and its gold answer together; the arguments are those of `grade`.

    Raises:
        ConfigError: a text that is none, or an unknown finish.
    """
    if not isinstance(text, str):
        raise ConfigError(f"an answer must be a string, found {type(text).__name__}")
    if not isinstance(verifier, str) or not isinstance(metadata or {}, Mapping) or not isinstance(prompt, str):
        raise ConfigError("verifier and prompt must be strings, metadata must be an object")
    if finish not in get_args(Finish):
        raise ConfigError(f"finish = {finish!r}; known are {', '.join(get_args(Finish))}")
    try:
        problem = Problem.of(prompt, metadata=metadata) if prompt or metadata else EMPTY_PROBLEM
        label = Label.of(problem.id, _gold_text(gold), verifier=verifier)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"the gold answer, the prompt and the metadata must be text or plain JSON data: {error}"
        ) from error
    return GradingCase(problem, label, Rollout("graded", problem.id, "", "", "", 0, -1, text, 0, finish))  # type: ignore[arg-type]


def rows_of(lines: Iterable[str], **defaults: Any) -> list[GradingCase]:
    """Read answers from JSON lines of {text, gold} and, where a row has its own, verifier, metadata, finish and prompt.

    Args:
        lines: one object per line; blank lines are passed over.
        defaults: arguments of `case_of` for rows that lack them.

    Raises:
        ConfigError: a line is no object, or a row lacks its text or its gold answer.
    """
    cases = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ConfigError(
                f"line {number} must be an object with the fields text and gold, found {type(row).__name__}"
            )
        own = {
            name: row[name]
            for name in ("gold", "verifier", "metadata", "finish", "prompt")
            if row.get(name) is not None
        }
        if "text" not in row or ("gold" not in own and defaults.get("gold") is None):
            lacking = "text" if "text" not in row else "gold (--gold gives one for all)"
            raise ConfigError(f"line {number} has no field {lacking}; its fields: {', '.join(map(str, row))[:200]}")
        try:
            cases.append(case_of(row["text"], **{**defaults, **own}))
        except ConfigError as error:
            raise ConfigError(f"line {number}: {error}") from error
    return cases


def _gold_text(gold: Any) -> str:
    """Return a gold answer as text."""
    if isinstance(gold, str):
        return gold
    if isinstance(gold, list | tuple | dict):
        return json.dumps(gold, ensure_ascii=False)
    if gold is None or isinstance(gold, bytes):
        raise ValueError(f"a gold answer must be a string or a number, found {type(gold).__name__}")
    return str(gold)


@lru_cache(maxsize=4)
def _shared_grader(settings: str, allow_code: bool, _process: int) -> Grader:
    """Return the grader of these settings, with one worker per verifier; a forked child has its own."""
    return Grader(workers=1, settings=json.loads(settings), allow_code=allow_code)
