"""The tests' side of a call: tests that are code, run where the program is not. Standard library only.

A name that the tests do not define stands for the program's object of that name, which is requested over a channel.
What it returns is plain data of builtin types, or a `Remote`: an object whose attributes and items are requested in
turn, and which no operator of the program's own compares.
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
MODULE_ALIASES = {"np": "numpy", "pd": "pandas", "sp": "scipy"}
# modules that must not come from the program
OPTIONAL_MODULES = frozenset({*MODULE_ALIASES.values(), "sympy", "torch", "pytest", "unittest"})
LIBRARY_NAMES = {  # that programs often import and tests use; taken from here, not from the program
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
MESSAGE_SHAPES: dict[Any, list[type]] = {
    "value": [],
    "raised": [list, str],
    "call back": [int, tuple],
}  # types of the first items of each kind of message
LOOP_ENDING = (
    "StopIteration",
    "StopAsyncIteration",
    "GeneratorExit",
    "SystemExit",
    "KeyboardInterrupt",
)  # exceptions that would end a loop of the tests, or the tests themselves


class ProgramLost(BaseException):
    """The program has ended, or answers what nobody asked; no test can catch this by accident."""


class Remote:
    """An object of the program."""

    def __init__(self, program: "RemoteProgram", number: int) -> None:
        object.__setattr__(self, "_of", (program, number))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return _unwrap(self)[0].call(self, arguments, keywords)

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
        return _unwrap(self)[0].ask("next", self, ends=True)

    def __str__(self) -> str:
        return str.__str__(self._ask("text"))

    def __repr__(self) -> str:
        return str.__str__(self._ask("shown"))

    def __bool__(self) -> bool:
        return self._ask("truth") is True

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and self._ask("is a", value, flipped=True) is True

    def __eq__(self, other: object) -> bool:
        """Compare by class and attributes, here; an object of the program equals nothing else."""
        if not isinstance(other, Remote):
            return False
        return _unwrap(self) == _unwrap(other) or self._state() == other._state()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(_unwrap(self)[1])

    def _state(self) -> Any:
        return _unwrap(self)[0].ask("state", self)

    def _ask(self, verb: str, *arguments: Any, flipped: bool = False) -> Any:
        program = _unwrap(self)[0]
        return program.ask(verb, *arguments, self) if flipped else program.ask(verb, self, *arguments)


class RemoteProgram:
    """The program at the other end of a channel.

    Args:
        channel: to the program's process.
        note: is called now and then with the CPU seconds that it took to serve the program: to ask, to read, to be
            called back.
    """

    def __init__(self, channel: Channel, note: Callable[[float], None] = lambda seconds: None) -> None:
        self.channel, self.note = channel, note
        self.served_s = self.noted_s = 0.0
        self.began: float | None = None  # CPU time at which the question at work began
        self.functions: list[Callable[..., Any]] = []  # of the tests, that the program may call
        self.loss = ""  # why it is lost: even a test that catches everything then fails

    def call(self, target: Remote, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return what a call returns; arguments that it has changed are changed here too, where it returns None."""
        answer = self.ask("call", target, arguments, keywords)
        if type(answer) is not tuple or len(answer) != 2:
            raise self._report_loss("a malformed answer")
        value, changed_arguments = answer
        if value is None and isinstance(changed_arguments, tuple):
            for own, new in zip(arguments, changed_arguments):
                _copy_back(own, new)
        return value

    def ask(self, verb: str, *arguments: Any, ends: bool = False) -> Any:
        """Return the program's answer to a request; an exception of its is raised as the nearest builtin type."""
        outermost = self.began is None
        if outermost:
            self.began = time.process_time()
        try:
            question = dump((verb, *arguments), self._refer)
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
            ProgramBroken: It raised something.
        """
        try:
            self._answer()
        except Exception as error:  # noqa: BLE001  # whatever it is, the program raised it
            raise ProgramBroken(describe_error(error)) from None

    def _answer(self, *, ends: bool = False) -> Any:
        while True:
            kind, rest = self._receive()
            if kind == "call back":
                self._call_back(*rest)
                self._served()
            elif kind == "value":
                return rest[0]
            else:
                raise _builtin_exception(rest[0], rest[1], ends=ends)

    def _receive(self) -> tuple[str, list[Any]]:
        """Receive one message from the program, of a known shape."""
        try:
            kind, *rest = load(self.channel.receive(), self._resolve)
        except EOFError:
            raise self._report_loss("the program has ended") from None
        except (ValueError, TypeError) as error:
            raise self._report_loss(f"a malformed answer: {error}") from None
        shape = MESSAGE_SHAPES.get(kind) if isinstance(kind, str) else None
        if (
            shape is None
            or not rest
            or [type(item) for item in rest[: len(shape)]] != shape
            or (kind == "raised" and not rest[0])
        ):
            raise self._report_loss("a malformed answer")
        return kind, rest

    def _send(self, data: bytes) -> None:
        try:
            self.channel.send(data)
        except EOFError:
            raise self._report_loss("the program has ended") from None

    def _report_loss(self, reason: str) -> ProgramLost:
        self.loss = reason
        return ProgramLost(reason)

    def _call_back(self, number: int, arguments: tuple[Any, ...]) -> None:
        try:
            answer = dump(("value", self.functions[number](*arguments)), self._refer)
        except (Exception, TestFault) as error:  # noqa: BLE001  # the program has to handle it
            answer = dump(("raised", [type(error).__name__]))
        self._send(answer)

    def _refer(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["r", _unwrap(value)[1]]
        if callable(value) and not isinstance(value, type):
            self.functions.append(value)
            return ["f", len(self.functions) - 1]
        raise TestFault(f"the test gives the program a {type(value).__name__}, which is not plain data")

    def _resolve(self, data: list[Any]) -> Any:
        if data[0] == "r" and type(data[1]) is int:
            return Remote(self, data[1])
        raise ValueError("unknown tag")


class TestFault(BaseException):
    """A test that cannot be run, whatever the program."""

    __test__ = False  # pytest does not collect it


class ProgramBroken(BaseException):
    """A program whose top level raises."""


class Namespace(dict[str, Any]):
    """The tests' own names, and behind them those of builtins, modules and the program."""

    def __init__(self, program: RemoteProgram) -> None:
        super().__init__(__builtins__=builtins, __name__="__main__")
        self.program = program
        self.modules: frozenset[str] = frozenset()  # names of which the present test only takes attributes
        self.library: frozenset[str] = frozenset()  # names that are taken from the standard library
        self.shadowed_builtins: frozenset[str] = frozenset()  # names of builtins that stand for the program's functions

    def compile_test(self, code: str) -> Any:
        """Compile a test, and decide to whom its names belong.

        Raises:
            SyntaxError: It is not Python.
        """
        tree = ast.parse(code)
        self.modules = frozenset(_attribute_bases(tree) - _plain_uses(tree))
        free_names = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        } - _bound_names(tree)
        unknown_names = {
            name
            for name in free_names
            if name not in self and not hasattr(builtins, name) and self._module(name) is None
        }
        program_names = unknown_names - LIBRARY_NAMES.keys()
        self.library = frozenset(unknown_names & LIBRARY_NAMES.keys() if program_names else ())
        called_names = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        builtin_names = {name for name in called_names & free_names if hasattr(builtins, name) and name not in self}
        # a name of an earlier test may hold the program's answer
        only_builtins = not unknown_names and not any(name in self for name in free_names)
        self.shadowed_builtins = frozenset(builtin_names if only_builtins and len(builtin_names) == 1 else ())
        return compile(tree, "tests.py", "exec")

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) and name not in self.shadowed_builtins:
            raise KeyError(name)
        if (module := self._module(name)) is not None:
            return module
        if name in self.library:
            return getattr(importlib.import_module(LIBRARY_NAMES[name]), name)
        if name in typing.__all__:
            return getattr(typing, name)
        try:
            return self.program.ask("name", name)
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def _module(self, name: str) -> Any:
        """Return a module that only the program may have imported; it is taken from here, not from the program."""
        module_name = MODULE_ALIASES.get(name, name)
        if name not in self.modules:
            return None
        if importlib.util.find_spec(module_name) is None:
            if module_name in OPTIONAL_MODULES:
                raise TestFault(f"the test uses {module_name}; name it in `packages`")
            return None
        return importlib.import_module(module_name)


def serve(parent: Channel, program: RemoteProgram) -> None:
    """Run tests in their order, in one namespace, until the other end is closed.

    Notes of the program's service come before an answer.
    """
    program.note = lambda seconds: parent.send(dump(("served", seconds)))
    names, is_started = Namespace(program), False
    while True:
        code = load(parent.receive())
        try:
            if not is_started:
                program.start()
                is_started = True
            answer = run_test(code, names)
        except ProgramBroken as error:
            answer = ("broken", str(error))
        except ProgramLost as error:
            answer = ("lost", str(error))
        parent.send(dump(answer))


def run_test(code: str, names: Namespace) -> tuple[str, str]:
    """Run one test.

    Returns:
        ("passed", "failed" or "fault"; the reason).

    Raises:
        ProgramLost: The program ended meanwhile.
    """
    try:
        compiled = names.compile_test(code)
    except TestFault as error:
        return "fault", str(error)
    except (SyntaxError, ValueError, RecursionError) as error:
        return "fault", describe_error(error)
    try:
        exec(compiled, names)  # the test of a label, in a jail
    except TestFault as error:
        return "fault", str(error)
    except ImportError as error:
        return "failed" if "of_program" in error.__dict__ else "fault", describe_error(error)
    except ProgramLost:
        raise
    except BaseException as error:  # noqa: BLE001  # a test that ends early in any other way has failed
        return "failed", describe_error(error)
    if names.program.loss:
        raise ProgramLost(names.program.loss)
    return "passed", ""


def describe_error(error: BaseException) -> str:
    """Describe an exception in one line."""
    return f"{type(error).__name__}: {error}".removesuffix(": ").split("\n")[0]


def _unwrap(value: Remote) -> tuple[RemoteProgram, int]:
    pair: tuple[RemoteProgram, int] = object.__getattribute__(value, "_of")
    return pair


def _builtin_exception(kinds: list[str], text: str, *, ends: bool) -> Exception:
    """Make the nearest builtin exception of one that the program raised.

    An exception that would end a loop or the tests becomes a RuntimeError, unless an iterator's end was asked for.
    """
    kinds = [str(name) for name in kinds]
    if ends and kinds[:1] == ["StopIteration"]:
        return StopIteration()
    nearest = next(
        (
            kind
            for name in kinds
            if isinstance(kind := getattr(builtins, name, None), type) and issubclass(kind, Exception)
        ),
        RuntimeError,
    )
    kind = (
        RuntimeError if nearest is Exception or nearest.__name__ in LOOP_ENDING or kinds[0] in LOOP_ENDING else nearest
    )
    if issubclass(kind, (UnicodeError, BaseExceptionGroup)):
        kind = ValueError
    error = kind(text if kinds[0] == kind.__name__ else f"{kinds[0]}: {text}")
    error.__dict__["of_program"] = True
    return error


def _copy_back(own: Any, changed: Any) -> None:
    if type(own) is type(changed) and isinstance(own, list):
        own[:] = changed
    elif type(own) is type(changed) and isinstance(own, (dict, set)):
        own.clear()
        own.update(changed)


def _attribute_bases(tree: ast.AST) -> set[str]:
    """Return the names of which an attribute is taken."""
    return {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def _plain_uses(tree: ast.AST) -> set[str]:
    """Return the names that are used in any other way."""
    attribute_bases = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in attribute_bases}


def _bound_names(tree: ast.AST) -> set[str]:
    """Return the names to which the test itself gives a meaning, anywhere in it."""
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
