"""The program's side of a call: it runs functions of the program and answers with plain data. Standard library only.

Whatever the program does to this code can change only its own answers: what they should be is in no process that it shares.
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

NAME = "program"  # under which the program is a module, so that what it does only as a script is not done
SHOWN = 200  # characters of an exception's text


class ProgramServer:
    """Answers requests about the objects of one program."""

    def __init__(self, channel: Channel, cpu_s: float, most: int) -> None:
        self.channel, self.cpu_s, self.most = channel, cpu_s, most  # bytes of an answer
        self.objects: list[Any] = []
        self.names: dict[str, Any] = {}

    def run(self, program: str) -> None:
        """Run the program's top level, and then answer until the other end is closed."""
        self._reply(lambda: self._load(program))
        while True:
            try:
                verb, *arguments = load(self.channel.receive(), self._resolved)
            except EOFError:
                os._exit(0)
            self._reply(lambda verb=verb, arguments=arguments: VERBS[verb](self, *arguments))  # type: ignore[misc]

    def _load(self, program: str) -> None:
        module = types.ModuleType(NAME)
        sys.modules[NAME] = module
        self.names = module.__dict__
        exec(compile(program, "main.py", "exec"), self.names)  # what a jail is for

    def _reply(self, act: Callable[[], Any]) -> None:
        self._allow_cpu()
        try:
            answer = dump(("value", act()), self._referred)
        except BaseException as error:  # noqa: BLE001  # all that the program raises is an answer
            answer = dump(("raised", [kind.__name__ for kind in type(error).__mro__], _text(error)))
        if len(answer) > self.most:
            answer = dump(("raised", ["ValueError", "Exception"], f"an answer of {len(answer)} bytes"))
        self.channel.send(answer)

    def _allow_cpu(self) -> None:
        """The next answer may take `cpu_s` from here on, as far as the limit of the whole process goes."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(used.ru_utime + used.ru_stime + self.cpu_s)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

    def _referred(self, value: Any) -> list[Any]:
        self.objects.append(value)
        return ["r", len(self.objects) - 1]

    def _resolved(self, data: list[Any]) -> Any:
        if data[0] == "r":
            return self.objects[data[1]]
        if data[0] == "f":
            return lambda *arguments: self._called_back(data[1], arguments)
        raise ValueError("unknown tag")

    def _called_back(self, number: int, arguments: tuple[Any, ...]) -> Any:
        """A function of the tests, called by the program: it runs on the other side."""
        self.channel.send(dump(("call back", number, arguments), self._referred))
        kind, *rest = load(self.channel.receive(), self._resolved)
        if kind != "value":
            raise RuntimeError(str(rest))
        return rest[0]

    def named(self, name: str) -> Any:
        """A name of the program's top level, or `Class.method` of an object made without arguments."""
        owner, _, method = name.rpartition(".")
        if not owner:
            return self.names[name]
        return getattr(self.names[owner](), method)

    def call(self, target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
        """What a call returns, and, where that is None, its arguments as they are now."""
        value = (self.named(target) if isinstance(target, str) else target)(*arguments, **keywords)
        return value, arguments if value is None else None


def state(value: Any) -> tuple[str, Any]:
    """What an object of a class of the program's consists of: the class's name and the attributes."""
    slots = {
        name: getattr(value, name) for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name)
    }
    return type(value).__qualname__, getattr(value, "__dict__", {}) | slots


def _slots(kind: type) -> tuple[str, ...]:
    """Names of a class's own slots that hold attributes; one alone may stand there as a text."""
    names = getattr(kind, "__slots__", ())
    return tuple(
        name for name in ((names,) if isinstance(names, str) else names) if name not in ("__dict__", "__weakref__")
    )


def _text(error: BaseException) -> str:
    with contextlib.suppress(Exception):
        return str(error)[:SHOWN]
    return ""


VERBS: dict[str, Callable[..., Any]] = {
    "name": ProgramServer.named,
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
    "state": lambda server, value: state(value),
}
