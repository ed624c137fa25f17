"""The program's side of a call: it runs functions of the program and answers with plain data. Standard library only.

Whatever the program does to this code can change only its own answers: what they should be is in no process that it
shares.
"""

import contextlib
import math
import operator
import os
import resource
import sys
import types
from collections.abc import Callable
from typing import Any

from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.wire_format import dump, load

MODULE_NAME = "program"  # the program is a module of this name, so its code for `__main__` does not run
SHOWN_CHARS = 200  # of an exception's text


class ProgramServer:
    """Answers requests about the objects of one program.

    Args:
        channel: Where requests arrive.
        cpu_s: CPU seconds that one answer may take.
        max_answer_bytes: The longest answer.
    """

    def __init__(self, channel: Channel, cpu_s: float, max_answer_bytes: int) -> None:
        self.channel, self.cpu_s, self.max_answer_bytes = channel, cpu_s, max_answer_bytes
        self.objects: list[Any] = []
        self.names: dict[str, Any] = {}

    def run(self, program: str) -> None:
        """Run the program's top level, and then answer until the other end is closed."""
        self._reply(lambda: self._load(program))
        while True:
            try:
                verb, *arguments = load(self.channel.receive(), self._resolve)
            except EOFError:
                os._exit(0)
            self._reply(lambda verb=verb, arguments=arguments: VERBS[verb](self, *arguments))  # type: ignore[misc]

    def _load(self, program: str) -> None:
        module = types.ModuleType(MODULE_NAME)
        sys.modules[MODULE_NAME] = module
        self.names = module.__dict__
        exec(compile(program, "main.py", "exec"), self.names)  # in a jail

    def _reply(self, act: Callable[[], Any]) -> None:
        self._allow_cpu()
        try:
            answer = dump(("value", act()), self._refer)
        except BaseException as error:  # noqa: BLE001  # whatever the program raises is an answer
            answer = dump(("raised", [kind.__name__ for kind in type(error).__mro__], _error_text(error)))
        if len(answer) > self.max_answer_bytes:
            answer = dump(("raised", ["ValueError", "Exception"], f"an answer of {len(answer)} bytes"))
        self.channel.send(answer)

    def _allow_cpu(self) -> None:
        """Let the next answer take `cpu_s` from now, as far as the limit of the whole process permits."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(usage.ru_utime + usage.ru_stime + self.cpu_s)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

    def _refer(self, value: Any) -> list[Any]:
        self.objects.append(value)
        return ["r", len(self.objects) - 1]

    def _resolve(self, data: list[Any]) -> Any:
        if data[0] == "r":
            return self.objects[data[1]]
        if data[0] == "f":
            return lambda *arguments: self._call_tests(data[1], arguments)
        raise ValueError("unknown tag")

    def _call_tests(self, number: int, arguments: tuple[Any, ...]) -> Any:
        """Call a function of the tests for the program; it runs on the other side."""
        self.channel.send(dump(("call back", number, arguments), self._refer))
        kind, *rest = load(self.channel.receive(), self._resolve)
        if kind != "value":
            raise RuntimeError(str(rest))
        return rest[0]

    def resolve_name(self, name: str) -> Any:
        """Return an object of the program's top level, or the method `Class.method` of a new object of that class."""
        owner, _, method = name.rpartition(".")
        if not owner:
            return self.names[name]
        return getattr(self.names[owner](), method)

    def call(self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
        """Return what a call returns and, where that is None, the call's arguments as they are afterwards."""
        value = (self.resolve_name(target) if isinstance(target, str) else target)(*arguments, **keywords)
        return value, arguments if value is None else None


def describe_state(value: Any) -> tuple[str, Any]:
    """Return what an object of one of the program's classes consists of: the class's name and the attributes."""
    slots = {
        name: getattr(value, name) for base in type(value).__mro__ for name in _slots(base) if hasattr(value, name)
    }
    return type(value).__qualname__, getattr(value, "__dict__", {}) | slots


def _slots(kind: type) -> tuple[str, ...]:
    """Names of a class's own slots that hold attributes; one alone may stand there as a text."""
    names = getattr(kind, "__slots__", ())
    return tuple(
        name for name in ((names,) if isinstance(names, str) else names) if name not in ("__dict__", "__weakref__")
    )


def _error_text(error: BaseException) -> str:
    with contextlib.suppress(Exception):
        return str(error)[:SHOWN_CHARS]
    return ""


VERBS: dict[str, Callable[..., Any]] = {
    "name": ProgramServer.resolve_name,
    "call": ProgramServer.call,
    "attribute": lambda server, value, name: getattr(value, name),
    "set attribute": lambda server, value, name, item: setattr(value, name, item),
    "item": lambda server, value, key: value[key],
    "set item": lambda server, value, key, item: operator.setitem(value, key, item),
    "length": lambda server, value: len(value),
    "iterate": lambda server, value: iter(value),
    "next": lambda server, value: next(value),
    "text": lambda server, value: str(value),
    "shown": lambda server, value: repr(value),
    "truth": lambda server, value: bool(value),
    "is a": lambda server, value, kind: isinstance(value, kind),
    "state": lambda server, value: describe_state(value),
}
