"""The tests' side of a call: tests that are code, run where the program is not. Standard library only.

A name that the tests do not define stands for the program's object of that name, which is asked over a channel. What it returns is
plain data of builtin types, or a `Remote`: an object whose attributes and items are asked for, and that no operator of the program's
compares.
"""

import ast
import builtins
import importlib.util
import time
import typing
from collections.abc import Callable, Iterator
from typing import Any

from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.wire_format import dump, load

NOTE_S = 0.25  # CPU seconds in the program's service between two notes of them
ALIASES = {"np": "numpy", "pd": "pandas", "sp": "scipy"}
OTHERS = frozenset(
    {*ALIASES.values(), "sympy", "torch", "pytest", "unittest"}
)  # modules by which a program must not judge itself
LIBRARY = {  # names that a program often imports and tests use: taken from here, so that no program judges itself by them
    **dict.fromkeys(("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"), "collections"),
    **dict.fromkeys(
        [
            "ceil",
            "cos",
            "exp",
            "fabs",
            "floor",
            "gcd",
            "inf",
            "isclose",
            "isfinite",
            "isinf",
            "isnan",
            "lcm",
            "log",
            "log10",
            "log2",
            "nan",
            "pi",
            "sin",
            "sqrt",
            "tan",
        ],
        "math",
    ),
    **dict.fromkeys(
        [
            "accumulate",
            "chain",
            "combinations",
            "combinations_with_replacement",
            "islice",
            "permutations",
            "zip_longest",
        ],
        "itertools",
    ),
    **dict.fromkeys(("ascii_letters", "ascii_lowercase", "ascii_uppercase"), "string"),
    "deepcopy": "copy",
    "reduce": "functools",
    "Decimal": "decimal",
    "Fraction": "fractions",
    "date": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
}
SHAPES: dict[Any, list[type]] = {
    "value": [],
    "raised": [list, str],
    "call back": [int, tuple],
}  # the first items of a message
HIDDEN = (
    "StopIteration",
    "StopAsyncIteration",
    "GeneratorExit",
    "SystemExit",
    "KeyboardInterrupt",
)  # that would end a loop of the tests', or them


class ProgramLost(BaseException):
    """The program has ended, or says what nobody asked; no test can catch it by accident."""


class Remote:
    """An object of the program's."""

    def __init__(self, program: "Program", number: int) -> None:
        object.__setattr__(self, "_of", (program, number))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return _of(self)[0].call(self, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        if (
            name.startswith("__")
            and name.endswith("__")
            and name not in ("__name__", "__doc__", "__dict__", "__class__")
        ):
            raise AttributeError(name)
        return self._ask("attribute", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set attribute", name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("set item", key, value)

    def __len__(self) -> int:
        return int(self._ask("length"))

    def __iter__(self) -> Iterator[Any]:
        iterator = self._ask("iterate")
        if not isinstance(iterator, Remote):
            raise TypeError("no iterator")
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item

    def __next__(self) -> Any:
        return _of(self)[0].ask("next", self, ends=True)

    def __str__(self) -> str:
        return str.__str__(self._ask("text"))

    def __repr__(self) -> str:
        return str.__str__(self._ask("shown"))

    def __bool__(self) -> bool:
        return self._ask("truth") is True

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and self._ask("is a", value, flipped=True) is True

    def __eq__(self, other: object) -> bool:
        """By class and attributes, compared here; an object of the program's equals nothing else."""
        if not isinstance(other, Remote):
            return False
        return _of(self) == _of(other) or self._state() == other._state()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_of(self)[1])

    def _state(self) -> Any:
        return _of(self)[0].ask("state", self)

    def _ask(self, verb: str, *arguments: Any, flipped: bool = False) -> Any:
        program = _of(self)[0]
        return program.ask(verb, *arguments, self) if flipped else program.ask(verb, self, *arguments)


class Program:
    """The program behind its channel; `note` is told now and then how many CPU seconds it took to serve it: to ask, to read, to be called back."""

    def __init__(self, channel: Channel, note: Callable[[float], None] = lambda seconds: None) -> None:
        self.channel, self.note = channel, note
        self.served_s = self.noted_s = 0.0
        self.began: float | None = None  # CPU time at which the question at work began
        self.functions: list[Callable[..., Any]] = []  # of the tests', that the program may call
        self.loss = ""  # why it is lost: a test that catches everything has not held either

    def call(self, target: Remote, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """What a call returns; arguments that it has changed are changed here too where it returns None."""
        answer = self.ask("call", target, arguments, keywords)
        if type(answer) is not tuple or len(answer) != 2:
            raise self._lost("a malformed answer")
        value, changed = answer
        if value is None and isinstance(changed, tuple):
            for mine, theirs in zip(arguments, changed):
                _copy_back(mine, theirs)
        return value

    def ask(self, verb: str, *arguments: Any, ends: bool = False) -> Any:
        """The program's answer; an exception of its is raised here as the nearest builtin type."""
        outermost = self.began is None
        if outermost:
            self.began = time.process_time()
        try:
            question = dump((verb, *arguments), self._referred)
            self._send(question)
            return self._answer(ends=ends)
        finally:
            if outermost:
                self.served_s, self.began = self._served(), None

    def _served(self) -> float:
        """CPU seconds in the program's service so far; they are told where they have grown."""
        served_s = self.served_s + (time.process_time() - self.began if self.began is not None else 0.0)
        if served_s >= self.noted_s + NOTE_S:
            self.noted_s = served_s
            self.note(served_s)
        return served_s

    def start(self) -> None:
        """Wait until the program's top level has run.

        Raises:
            ProgramBroken: it raised something.
        """
        try:
            self._answer()
        except Exception as error:  # noqa: BLE001  # whatever it is, it was the program's
            raise ProgramBroken(words(error)) from None

    def _answer(self, *, ends: bool = False) -> Any:
        while True:
            kind, rest = self._received()
            if kind == "call back":
                self._call_back(*rest)
                self._served()
            elif kind == "value":
                return rest[0]
            else:
                raise _exception(rest[0], rest[1], ends=ends)

    def _received(self) -> tuple[str, list[Any]]:
        """One message of the program's, of a known shape."""
        try:
            kind, *rest = load(self.channel.receive(), self._resolved)
        except EOFError:
            raise self._lost("the program has ended") from None
        except (ValueError, TypeError) as error:
            raise self._lost(f"a malformed answer: {error}") from None
        shape = SHAPES.get(kind) if isinstance(kind, str) else None
        if (
            shape is None
            or not rest
            or [type(item) for item in rest[: len(shape)]] != shape
            or (kind == "raised" and not rest[0])
        ):
            raise self._lost("a malformed answer")
        return kind, rest

    def _send(self, data: bytes) -> None:
        try:
            self.channel.send(data)
        except EOFError:
            raise self._lost("the program has ended") from None

    def _lost(self, reason: str) -> ProgramLost:
        self.loss = reason
        return ProgramLost(reason)

    def _call_back(self, number: int, arguments: tuple[Any, ...]) -> None:
        try:
            answer = dump(("value", self.functions[number](*arguments)), self._referred)
        except (Exception, TestFault) as error:  # noqa: BLE001  # it is the program's to meet
            answer = dump(("raised", [type(error).__name__]))
        self._send(answer)

    def _referred(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["r", _of(value)[1]]
        if callable(value) and not isinstance(value, type):
            self.functions.append(value)
            return ["f", len(self.functions) - 1]
        raise TestFault(f"the test gives the program a {type(value).__name__}, which is no plain data")

    def _resolved(self, data: list[Any]) -> Any:
        if data[0] == "r" and type(data[1]) is int:
            return Remote(self, data[1])
        raise ValueError("unknown tag")


class TestFault(BaseException):
    """A test that cannot be run on any program."""

    __test__ = False  # no class of tests


class ProgramBroken(BaseException):
    """A program whose top level raises."""


class Names(dict[str, Any]):
    """The tests' own names, and behind them those of builtins, of modules and of the program."""

    def __init__(self, program: Program) -> None:
        super().__init__(__builtins__=builtins, __name__="__main__")
        self.program = program
        self.modules: frozenset[str] = frozenset()  # names that the present test only takes attributes of
        self.library: frozenset[str] = frozenset()  # names of the standard library's that are not the program's
        self.theirs: frozenset[str] = frozenset()  # builtins' names that mean the program's functions

    def read(self, code: str) -> Any:
        """Compile a test, and settle whose its names are.

        Raises:
            SyntaxError: no Python.
        """
        tree = ast.parse(code)
        self.modules = frozenset(_bases(tree) - _used(tree))
        free = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        } - _bound(tree)
        unknown = {
            name for name in free if name not in self and not hasattr(builtins, name) and self._module(name) is None
        }
        foreign = unknown - LIBRARY.keys()
        self.library = frozenset(unknown & LIBRARY.keys() if foreign else ())
        called = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        builtin = {name for name in called & free if hasattr(builtins, name) and name not in self}
        alone = not unknown and not any(
            name in self for name in free
        )  # what earlier tests named may be the program's answer
        self.theirs = frozenset(builtin if alone and len(builtin) == 1 else ())
        return compile(tree, "tests.py", "exec")

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) and name not in self.theirs:
            raise KeyError(name)
        if (module := self._module(name)) is not None:
            return module
        if name in self.library:
            return getattr(importlib.import_module(LIBRARY[name]), name)
        if name in typing.__all__:
            return getattr(typing, name)
        try:
            return self.program.ask("name", name)
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def _module(self, name: str) -> Any:
        """A module that the program alone may have imported; it is taken from here and not from the program."""
        whole = ALIASES.get(name, name)
        if name not in self.modules:
            return None
        if importlib.util.find_spec(whole) is None:
            if whole in OTHERS:
                raise TestFault(f"the test uses {whole}; name it in `packages`")
            return None
        return importlib.import_module(whole)


def serve(parent: Channel, program: Program) -> None:
    """Run tests in their order, in one set of names, until the other end is closed; notes of the program's service come before an answer."""
    program.note = lambda seconds: parent.send(dump(("served", seconds)))
    names, started = Names(program), False
    while True:
        code = load(parent.receive())
        try:
            if not started:
                program.start()
                started = True
            answer = judge(code, names)
        except ProgramBroken as error:
            answer = ("broken", str(error))
        except ProgramLost as error:
            answer = ("lost", str(error))
        parent.send(dump(answer))


def judge(code: str, names: Names) -> tuple[str, str]:
    """Run one test.

    Returns:
        (passed, failed or fault; why).

    Raises:
        ProgramLost: the program ended meanwhile.
    """
    try:
        compiled = names.read(code)
    except TestFault as error:
        return "fault", str(error)
    except (SyntaxError, ValueError, RecursionError) as error:
        return "fault", words(error)
    try:
        exec(compiled, names)  # a label's test, in a jail
    except TestFault as error:
        return "fault", str(error)
    except ImportError as error:
        return "failed" if "of_program" in error.__dict__ else "fault", words(error)
    except ProgramLost:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever else ends a test early, it has not held
        return "failed", words(error)
    if names.program.loss:
        raise ProgramLost(names.program.loss)
    return "passed", ""


def words(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}".removesuffix(": ").split("\n")[0]


def _of(value: Remote) -> tuple[Program, int]:
    pair: tuple[Program, int] = object.__getattribute__(value, "_of")
    return pair


def _exception(kinds: list[str], text: str, *, ends: bool) -> Exception:
    """The nearest builtin exception; one that would end a loop or the tests is a RuntimeError, unless an iterator's end was asked for."""
    kinds = [str(name) for name in kinds]
    if ends and kinds[:1] == ["StopIteration"]:
        return StopIteration()
    near = next(
        (
            kind
            for name in kinds
            if isinstance(kind := getattr(builtins, name, None), type) and issubclass(kind, Exception)
        ),
        RuntimeError,
    )
    kind = RuntimeError if near is Exception or near.__name__ in HIDDEN or kinds[0] in HIDDEN else near
    if issubclass(kind, (UnicodeError, BaseExceptionGroup)):
        kind = ValueError
    error = kind(text if kinds[0] == kind.__name__ else f"{kinds[0]}: {text}")
    error.__dict__["of_program"] = True
    return error


def _copy_back(mine: Any, theirs: Any) -> None:
    if type(mine) is type(theirs) and isinstance(mine, list):
        mine[:] = theirs
    elif type(mine) is type(theirs) and isinstance(mine, (dict, set)):
        mine.clear()
        mine.update(theirs)


def _bases(tree: ast.AST) -> set[str]:
    """Names that an attribute is taken of."""
    return {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def _used(tree: ast.AST) -> set[str]:
    """Names that are used in another way."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in inner}


def _bound(tree: ast.AST) -> set[str]:
    """Names that the test itself gives a meaning, anywhere in it."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names
