"""The machinery asks parts for no hook that `core.hooks` does not declare."""

import ast
from pathlib import Path

import assay
from assay.core import hooks
from assay.core.parts import build_part, list_parts
from assay.core.ports import CardExport, Export

MACHINERY = ("pipelines", "flows", "verifiers/pool")
PARTS = {"part", "source", "encoder", "self._inside(verifier)"}
CLASSES = [CardExport, *(value for name, value in vars(hooks).items() if name.endswith("Hooks"))]
DEFAULT_OF_CONFIG = {
    "limit_s",
    "apart",
    "group_size",
    "changes",
    "joint_keys",
}  # their defaults are settings, so they are comments there


def asked_of_parts() -> set[str]:
    """The hooks looked up with getattr or hasattr on a part."""
    found = set()
    for folder in MACHINERY:
        for path in (Path(assay.__file__).parent / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
                    target = node.args[0].target if isinstance(node.args[0], ast.NamedExpr) else node.args[0]
                    if ast.unparse(target) in PARTS and isinstance(node.args[1], ast.Constant):
                        found.add(node.args[1].value)
    return found


def test_every_hook_that_the_machinery_asks_for_is_declared():
    declared = {name for each in CLASSES for name in vars(each)} | {"judge"}
    asked = asked_of_parts()
    assert {"bounded", "warm", "check", "version", "card", "suspect", "evaluated", "refusal"} <= asked
    assert asked <= declared | DEFAULT_OF_CONFIG
    text = Path(hooks.__file__).read_text()
    assert all(f"# {name}: " in text for name in DEFAULT_OF_CONFIG)


def test_every_export_meets_its_port():
    for name in list_parts("export"):
        assert isinstance(build_part("export", name), Export)
