"""How trainers call a reward function: verl with one completion or with lists, TRL with lists and the data's columns.

Or as it is shortest to write: (problem, answer, text).
"""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

from assay.core.errors import ConfigError
from assay.core.types import GradingCase

VERL = ("data_source", "solution_str", "ground_truth", "extra_info")
VERL_BATCH = ("data_sources", "solution_strs", "ground_truths", "extra_infos")  # its reward manager `batch`
PLAIN = ("problem", "answer", "text")
GOLD_COLUMNS = ("solution", "answer", "ground_truth")  # under which TRL's rewards look for the gold answer
NO_STEP = SimpleNamespace(global_step=0, max_steps=0, epoch=0.0)  # TRL's trainer_state: nothing has been trained

Function = Callable[..., Any]


def takes_lists(function: Function) -> bool:
    """Return whether a function has the signature of verl's reward manager `batch`."""
    return "solution_strs" in inspect.signature(function).parameters


def call_verl(function: Function, cases: Sequence[GradingCase]) -> list[Any]:
    """Call a function as verl does and return a result per case.

    A row from verl's own data keeps its `data_source` and `extra_info` where the source's `metadata_fields` name them;
    otherwise the problem's source and all of its metadata take their places. The results of coroutines are awaited
    together, and of a list or tuple the first element counts, as in verl.
    """
    rows = [_verl_arguments(case) for case in cases]
    if takes_lists(function):
        results = _await(function(**dict(zip(VERL_BATCH, map(list, zip(*rows, strict=True)), strict=True))))
        return _as_list(results, len(cases))
    results = _await_all([function(**dict(zip(VERL, row, strict=True))) for row in rows])
    return [result[0] if isinstance(result, list | tuple) and result else result for result in results]


def takes_plain(function: Function) -> bool:
    """Return whether a function is called as (problem, answer, text), and not by verl's names."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a built-in, which does not say
        return False
    return not takes_lists(function) and not _binds(signature, **dict.fromkeys(VERL)) and _binds(signature, *PLAIN)


def call_plain(function: Function, cases: Sequence[GradingCase]) -> list[Any]:
    """Call a function per case with the problem (`core.types.Problem`), the gold answer's text and the completion."""
    return _await_all([function(case.problem, case.label.answer, case.rollout.text) for case in cases])


def call_trl(function: Function, cases: Sequence[GradingCase]) -> list[Any]:
    """Call a function as TRL's GRPO trainer does with chats, and return a result per case.

    The columns are what the problems' metadata holds; the gold answer takes the place of `solution`, `answer` and
    `ground_truth` where no column has the name. `trainer_state` is that of a training that has not begun.
    """
    metadata = [json.loads(case.problem.metadata) for case in cases]
    columns = {
        name: [row.get(name) for row in metadata] for name in dict.fromkeys(key for row in metadata for key in row)
    }
    golds = {name: [case.label.answer for case in cases] for name in GOLD_COLUMNS}
    results = function(
        prompts=[[turn._asdict() for turn in case.problem.messages] for case in cases],
        completions=[[{"role": "assistant", "content": case.rollout.text}] for case in cases],
        **{**golds, **columns},
        trainer_state=NO_STEP,
        log_extra=_ignore,
        log_metric=_ignore,
    )
    return _as_list(_await(results), len(cases))


def check_signature(name: str, function: Function) -> None:
    """Check that a trainer's call fits a function's parameters.

    Raises:
        ConfigError: it does not, or the function reads what stored attempts do not hold.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a built-in without a signature
    if name.startswith("trl:"):
        parameter = signature.parameters.get("completion_ids")
        if parameter is not None and parameter.default is parameter.empty:
            raise ConfigError(f"verifier {name!r} needs completion_ids, which stored attempts do not have")
        if not {"completions", "kwargs"} & set(signature.parameters) and not _takes_any(signature):
            raise ConfigError(
                f"verifier {name!r} takes {signature}; TRL calls rewards with prompts=, completions= and columns"
            )
        return
    words = VERL_BATCH if takes_lists(function) else VERL
    if _binds(signature, **dict.fromkeys(words)) or (name.startswith("python:") and takes_plain(function)):
        return
    own = getattr(function, "__name__", type(function).__name__)
    plain = (
        f"a reward is {own}({', '.join(PLAIN)}) -> float, or verl's " if name.startswith("python:") else "verl calls "
    )
    raise ConfigError(f"verifier {name!r} is {own}{signature}; {plain}{own}({', '.join(words)})")


def _binds(signature: inspect.Signature, *arguments: Any, **keywords: Any) -> bool:
    try:
        signature.bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def _takes_any(signature: inspect.Signature) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())


def _verl_arguments(case: GradingCase) -> tuple[Any, str, str, Any]:
    metadata = json.loads(case.problem.metadata)
    source, extra = metadata.get("data_source", case.problem.source), metadata.get("extra_info", metadata)
    return source, case.rollout.text, case.label.answer, extra


def _as_list(results: Any, size: int) -> list[Any]:
    result_list = list(results)
    if len(result_list) != size:
        raise ValueError(f"{len(result_list)} rewards for {size} completions")
    return result_list


def _await(result: Any) -> Any:
    return _await_all([result])[0]


def _await_all(results: Sequence[Any]) -> list[Any]:
    if not any(inspect.isawaitable(result) for result in results):
        return list(results)

    async def gather() -> list[Any]:
        return list(await asyncio.gather(*(_as_awaitable(result) for result in results)))

    return asyncio.run(gather())


async def _as_awaitable(result: Awaitable[Any] | Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def _ignore(*_: Any, **__: Any) -> None:
    """Take what a reward would log."""
