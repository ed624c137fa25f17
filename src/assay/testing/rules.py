"""Raise one AssertionError that names the rule that was broken."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def require(condition: object, rule: str) -> None:
    """Raise an AssertionError with the rule unless the condition holds.

    Raises:
        AssertionError: it does not hold.
    """
    if not condition:
        raise AssertionError(rule)


def require_error(kind: type[Exception], text: str, call: Callable[[], Any], rule: str) -> None:
    """Require that a call raises an error of this kind whose message contains the text.

    Raises:
        AssertionError: it raises nothing, or its message lacks the text. Errors of other kinds pass through.
    """
    try:
        call()
    except kind as error:
        require(text in str(error), f"{rule}; the message is {str(error)!r} and lacks {text!r}")
    else:
        raise AssertionError(f"{rule}; nothing was raised")


@contextmanager
def no_global_randomness() -> Iterator[None]:
    """Require that the global generators of NumPy and `random` are not used: a part draws from its `rng`.

    Raises:
        AssertionError: one of them was used.
    """
    before: tuple[Any, Any] = np.random.get_state(legacy=False), random.getstate()
    yield
    after: tuple[Any, Any] = np.random.get_state(legacy=False), random.getstate()
    same = (before[0]["state"]["key"] == after[0]["state"]["key"]).all() and before[0]["state"]["pos"] == after[0][
        "state"
    ]["pos"]
    require(same and before[1] == after[1], "a part draws from its own rng, never from the global generators")
