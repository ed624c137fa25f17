"""The laws of the house that no import contract and no linter sees. `docs/house.md` gives the reasons."""

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from assay.core.parts import PACKAGE, ROOMS, class_name, list_parts, load_part

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
PARTS = [(kind, name) for kind in ROOMS for name in list_parts(kind)]

LONGEST_FILE, LONGEST_FUNCTION = 440, 64  # lines, without docstrings, which are as long as a caller needs
LONGEST_NAME = 83  # characters of a test's name
MAY_IMPORT = {  # library: the rooms in which its name may be imported, in whatever way
    "prefect": {"flows"},
    "prefect_ray": {"flows"},
    "ray": {"flows"},
    "duckdb": {"stores"},
    "pyarrow.dataset": {"stores"},
    "faiss": {"embedding"},
    "sentence_transformers": {"embedding"},
    "torch": {"training", "engines", "embedding"},
    "transformers": {"training", "engines", "embedding"},
    "trl": {"training", "engines", "embedding"},
    "vllm": {"training", "engines", "embedding"},
    "xllamacpp": {"engines"},
    "math_verify": {"verifiers"},
    "pint": {"verifiers"},
    "reasoning_gym": {"sources", "verifiers"},
    "starlette": {"viewer"},
    "uvicorn": {"viewer"},
    "typer": {"cli"},
    "rich": {"cli"},
}
WRITES_PARQUET = {"write_table", "write_dataset", "write_to_dataset", "ParquetWriter", "to_parquet"}
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "prefect",
    "ray",
    "faiss",
    "sentence_transformers",
    "datasets",
    "sklearn",
    "math_verify",
    "reasoning_gym",
}
PRESENT = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
MACHINE = re.compile(r"/(?:root|work|home|Users|tmp/[a-z])/|\b[a-z0-9.-]*(?:pypi\.org|pythonhosted\.org)\b")
UNFINISHED = re.compile(r"\b(?:raise NotImplementedError|TODO|FIXME|XXX)\b")


def room(path: Path) -> str:
    """The first folder under src/assay; the file's own name for what lies there directly."""
    return path.relative_to(PACKAGE).parts[0]


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def tree(path: Path) -> ast.Module:
    """The syntax of a file; all of them take three seconds, so a test looks into those whose text asks for it."""
    return ast.parse(text(path))


@cache
def imported(path: Path) -> tuple[tuple[str, int], ...]:
    """Every module that a file names in an import, in `require("...")` or in `import_module("...")`, with its line; functions included."""
    return tuple(imports(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    package = ["assay", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module, node.lineno
            yield from ((f"{module}.{each.name}", node.lineno) for each in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("require", "import_module") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value, node.lineno


def called(node: ast.Call) -> str:
    return (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )


def spot(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def text_files() -> list[Path]:
    """What people read or run, apart from this file."""
    folders = [ROOT / name for name in ("src", "tests", "configs", "docs", "benchmarks", "examples", ".ci")]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()] + [
        path for path in ROOT.iterdir() if path.is_file()
    ]
    kinds = {".py", ".md", ".toml", ".txt", ".cfg", ".sh", ".sql", ".yaml", ".yml", "", ".ipynb"}
    skipped = {".git", "__pycache__", "results"}  # .git: a file where this is a worktree
    return [
        path
        for path in found
        if path.suffix in kinds
        and path != Path(__file__)
        and not skipped & set(path.parts)
        and "egg-info" not in str(path)
    ]


def run_python(code: str) -> set[str]:
    """Names of the top-level modules that are loaded after this code has run in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{PRESENT}"], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


# Rooms and libraries


def test_a_library_is_imported_only_in_its_rooms() -> None:
    strays = [
        f"{spot(path, line)} imports {module}; only {sorted(rooms)} may"
        for path in SOURCES
        for module, line in imported(path)
        for library, rooms in MAY_IMPORT.items()
        if (module == library or module.startswith(library + ".")) and room(path) not in rooms
    ]
    assert strays == []


def test_parquet_is_written_only_in_stores() -> None:
    strays = [
        f"{spot(path, node.lineno)} calls {called(node)}"
        for path in SOURCES
        if room(path) != "stores" and any(name in text(path) for name in WRITES_PARQUET)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and called(node) in WRITES_PARQUET
    ]
    assert strays == []


def test_parts_of_one_room_never_import_each_other() -> None:
    """Files starting with `_` are no parts: a room's parts may share them, and they import no part."""
    strays = []
    for folder in {PACKAGE / each for each in ROOMS.values()}:
        inside = "assay." + ".".join(folder.relative_to(PACKAGE).parts) + "."
        parts = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
        for path in folder.glob("*.py"):
            for module, line in imported(path):
                other = module.removeprefix(inside).partition(".")[0] if module.startswith(inside) else ""
                if other in parts and other != path.stem:
                    strays.append(f"{spot(path, line)} imports {module}")
    assert strays == []


def test_no_room_imports_the_package_itself() -> None:
    """`from assay import score` would reach the top floor by a door that the contract leaves open."""
    rooms = {path.stem for path in PACKAGE.iterdir()}
    strays = [
        spot(path, node.lineno)
        for path in SOURCES
        if path.parent != PACKAGE and re.search(r"from assay import|import .*\bassay\b", text(path))
        for node in ast.walk(tree(path))
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "assay"
            and not {each.name for each in node.names} <= rooms
        )
        or (isinstance(node, ast.Import) and "assay" in {each.name for each in node.names})
    ]
    assert strays == []


def test_no_module_keeps_its_globals_in_the_registry_of_overloads() -> None:
    """Beside torch it is never freed; with a module that reaches DuckDB, every command would end with a list of leaks."""
    found = [str(path) for path in SOURCES for module, _ in imported(path) if module == "typing.overload"]
    assert found == []


def test_nothing_inside_the_package_is_a_script() -> None:
    scripts = [path for path in SOURCES if path.name != "__main__.py" and "__name__ ==" in text(path)]
    assert scripts == []


# What loads what


def test_help_loads_no_heavy_library() -> None:
    call = "with contextlib.suppress(SystemExit): runpy.run_module('assay', run_name='__main__')"
    loaded = run_python(f"import contextlib, runpy, sys\nsys.argv = ['assay', 'curate', '--help']\n{call}")
    assert loaded & (HEAVY | {"duckdb"}) == set()
    assert "typer" in loaded
    assert "numpy" not in loaded, "it takes as long as all the rest of a help text"


def test_importing_the_package_loads_nothing_else() -> None:
    assert run_python("import assay") - run_python("") - sys.stdlib_module_names == {"assay"}


def test_importing_every_part_loads_no_heavy_library() -> None:
    code = f"from assay.core.parts import load_part\nfor kind, name in {[each for each in PARTS if each[0] != 'table']!r}: load_part(kind, name)"
    assert run_python(code) & HEAVY == set()


# Parts


@pytest.mark.parametrize(("kind", "name"), [each for each in PARTS if each[0] != "table"])
def test_a_part_is_named_after_its_file_and_frozen(kind: str, name: str) -> None:
    part = load_part(kind, name)
    assert part.__name__ == class_name(name)
    assert part.__dataclass_params__.frozen
    assert part.__doc__


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_a_part_has_a_twin_test(kind: str, name: str) -> None:
    """A table's twin is `tests/stores/test_tables.py`, which holds every schema to the same rules."""
    twin = ROOT / "tests" / ("stores/test_tables.py" if kind == "table" else f"{ROOMS[kind]}/test_{name}.py")
    assert twin.is_file(), f"{ROOMS[kind]}/{name}.py has no {twin.relative_to(ROOT)}"


@pytest.mark.parametrize(("kind", "name"), [each for each in PARTS if each[0] != "table"])
def test_a_part_has_a_row_in_methods(kind: str, name: str) -> None:
    """Tables are documented column by column in `docs/store.md` instead."""
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    file = Path(inspect.getfile(load_part(kind, name))).relative_to(PACKAGE)
    rows = [line for line in page.splitlines() if line.startswith("|") and f"`{file}`" in line]
    assert len(rows) == 1, f"{len(rows)} rows of docs/methods.md name `{file}`"
    told = (
        rows[0]
        .split(" | ")[2]
        .replace("the fields of files", " ".join(each.name for each in fields(load_part("source", "files"))))
    )
    untold = [each.name for each in fields(load_part(kind, name)) if each.init and each.name not in told]
    assert untold == [], f"settings of {name} that its row leaves out"


# Size and words


def test_the_walk_of_one_problem_names_files_and_names_that_exist() -> None:
    walk = (ROOT / "docs/house.md").read_text(encoding="utf-8").partition("## The walk of one problem")[2]
    calls = re.findall(r"^\| \w* ?\| `([\w/]+\.py): (\w+)` \|", walk.partition("\n## ")[0], re.MULTILINE)
    assert len(calls) == int(re.search(r"^(\d+) calls in \1 files", walk, re.MULTILINE)[1])  # type: ignore[index]
    missing = [
        f"{path}: {name}"
        for path, name in calls
        if not re.search(rf"^(class|def) {name}\b", (PACKAGE / path).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_no_stage_is_called_like_another_command() -> None:
    from assay.cli.apps import curate_app

    commands = [command.name for command in curate_app.registered_commands]
    assert sorted(set(commands)) == sorted(name or "" for name in commands)


def test_no_class_name_stands_for_two_things() -> None:
    """Parts and stages are named after their files, whatever their room: the source `hub` and the export `hub`."""
    places: dict[str, list[str]] = {}
    for path in SOURCES:
        for name in re.findall(r"^ *class (\w+)", text(path), re.MULTILINE):
            if name != class_name(path.stem):
                places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert len(places) > 300
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def doc_lines(node: ast.AST) -> int:
    """Lines of the docstrings in a file, class or function."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = [inner.body[0] for inner in ast.walk(node) if isinstance(inner, documented) and ast.get_docstring(inner)]
    return sum((doc.end_lineno or doc.lineno) - doc.lineno + 1 for doc in docs)


def test_a_file_holds_one_idea() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(text(path).splitlines()) - doc_lines(tree(path))
        for path in SOURCES
        if len(text(path).splitlines()) > LONGEST_FILE
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_a_function_fits_on_a_screen() -> None:
    lines = {
        f"{spot(path, node.lineno)} {node.name}": (node.end_lineno or 0) - node.lineno + 1 - doc_lines(node)
        for path in SOURCES
        if len(text(path).splitlines()) > LONGEST_FUNCTION
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lines) > 1_000
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}


def test_every_file_says_what_it_is() -> None:
    silent = [str(path.relative_to(ROOT)) for path in SOURCES if not text(path).startswith(('"""', 'r"""'))]
    assert silent == []


def test_every_package_says_what_is_in_it_and_how_to_add_to_it() -> None:
    packages = {path: ast.get_docstring(tree(path)) or "" for path in SOURCES if path.name == "__init__.py"}
    assert len(packages) > 40
    brief = [
        str(path.relative_to(ROOT))
        for path, doc in packages.items()
        if path.parent != PACKAGE
        and (len(doc.splitlines()) < 3 or not re.search(r"\b(add|new|another|change)\b", doc, re.IGNORECASE))
    ]
    assert brief == []


def test_no_file_knows_this_machine() -> None:
    """No path of one computer's folders, and no host of a package registry, which a user's own pip configuration chooses."""
    found = [
        f"{spot(path, number)}: {match[0]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := MACHINE.search(line))
    ]
    assert found == []


def test_nothing_in_the_package_is_left_for_later() -> None:
    found = [
        f"{spot(path, number)}: {match[0]}"
        for path in SOURCES
        for number, line in enumerate(text(path).splitlines(), 1)
        if (match := UNFINISHED.search(line))
    ]
    assert found == []


def test_the_name_of_a_test_is_a_short_sentence() -> None:
    names = [name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", text(path))]
    assert len(names) > 3_000
    assert [name for name in names if len(name) > LONGEST_NAME] == []


def test_tests_are_no_packages() -> None:
    assert [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("__init__.py")] == []


# Pages


def test_every_file_that_a_page_names_exists() -> None:
    """`selectors/frontier.py` is a file under src/assay or under the root; so are `docs/...`, `tests/...` and `configs/...`."""
    pages = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    named = [
        (page, name)
        for page in pages
        for name in re.findall(r"`([\w./-]+\.(?:py|md|toml))`", page.read_text(encoding="utf-8"))
    ]
    real = [(page, name) for page, name in named if "NAME" not in name]
    lost = [
        f"{page.name}: {name}" for page, name in real if not any((base / name).exists() for base in (PACKAGE, ROOT))
    ]
    assert lost == []


def test_the_house_page_names_every_room() -> None:
    page = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert {name for name in rooms if f"{name}/" not in page} == set()


def tree_blocks() -> dict[str, set[str]]:
    """The words of the tree in docs/house.md by folder, such as `selectors` or `pipelines/data`."""
    tree = (ROOT / "docs" / "house.md").read_text(encoding="utf-8").partition("## Where things lie")[2].split("```")[1]
    blocks: dict[str, set[str]] = {}
    folders: list[str] = []
    for line in tree.partition("src/assay/\n")[2].splitlines():
        depth, name = re.match(r"( *)(\w*/?)", line).groups()  # type: ignore[union-attr]
        if not depth:
            break
        if name.endswith("/") and len(depth) in (2, 20):
            folders = [name[:-1]] if len(depth) == 2 else [folders[0], f"{folders[0]}/{name[:-1]}"]
        for folder in folders:
            blocks.setdefault(folder, set()).update(re.findall(r"\w+", line))
    return blocks


def test_the_tree_on_the_house_page_names_every_file_of_its_folders() -> None:
    """Of the rooms of parts, of `pipelines`, and of those whose files are no parts; `maths` and machinery have folders alone."""
    blocks = tree_blocks()
    whole = [
        *ROOMS.values(),
        "core",
        "flows",
        "testing",
        "stores",
        "training",
        "reports",
        "embedding",
        "integrations",
        "api",
    ]
    folders = {folder for folder in whole if folder in blocks and folder != "stores/tables"} | {
        name for name in blocks if "pipelines/" in name
    }
    assert len(folders) > 20
    files = {
        f"{folder}/{path.name}"
        for folder in folders
        for path in (PACKAGE / folder).iterdir()
        if path.suffix == ".py" and not path.stem.startswith("_") and path.stem not in blocks[folder]
    }
    assert files == set()


def test_the_tree_on_the_house_page_names_no_file_that_is_gone() -> None:
    there = {path.stem for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts}
    words = set().union(*(words for folder, words in tree_blocks().items() if folder.startswith("pipelines/")))
    assert {word for word in words if "_" in word} - there == set()
