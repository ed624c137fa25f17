"""Writes the lake that `v1.zip` holds: plans over a few sums, run by the code of commit 2d3b060, the last of version 1.

    git worktree add --detach V1 2d3b060
    PYTHONPATH=V1/src python tests/pipelines/v1/make_lake.py tests/pipelines/v1/v1.zip

Every path in it is relative, so it holds nothing of the machine that made it. Its files are merged, and what can be made again is left out: the
catalogue of views, what is derived, the checkpoint. `sums` (fixed attempts), `other` (another policy), `adaptive`, `mcts`, `irt` and `tiny` (the
bundled model, and one training step) are judged by a verifier that lies beside them, whose version cannot rise; `built_in` by three of the package.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

VERIFIER = '''"""Whether an answer ends with the gold answer."""


def same(data_source: str, solution_str: str, ground_truth: str, extra_info: object = None) -> float:
    """1 where it does."""
    return float(solution_str.strip().split(" ")[-1] == ground_truth)


same.evaluates_text = False
'''
POLICY = {
    "model": "scripted",
    "engine": "scripted",
    "rule": "sum",
    "max_tokens": 16,
    "shots": [{"user": "What is 1 + 1?", "assistant": "2"}],
}
OWN = {"part": "files", "paths": "sums.jsonl", "verifier": "python:same:same", "keep": ["level"]}
PLAN: dict[str, Any] = {
    "name": "sums",
    "seed": 3,
    "lake": "lake",
    "source": [OWN],
    "clean": {"filters": ["empty", "overlong", "language"], "settings": {"overlong": {"tokens": 60}}},
    "split": {"held_out": 4, "seed": 5},
    "policy": POLICY,
    "score": {"scorer": "pass_rate", "n": 4, "truncated": "wrong", "wave": 64},
    "embed": {"encoder": "tfidf", "clusters": 3, "seed": 2},
    "select": {"selector": "frontier", "budget": 6, "group_size": 4, "seed": 1},
    "arrange": {"curriculum": "easy_to_hard", "seed": 4},
}
VERIFIERS = ("math", "numeric", "exact")
BUILT_IN = [
    {"part": "files", "paths": "sums.jsonl", "verifier": name, "skip": 6 * at, "limit": 6}
    for at, name in enumerate(VERIFIERS)
]
PLANS: dict[str, dict[str, Any]] = {
    "sums": {},
    "other": {"policy": {**POLICY, "rule": "cycle"}},
    "adaptive": {
        "score": {"scorer": "pass_rate", "design": "adaptive", "first": 2, "most": 8, "truncated": "wrong", "wave": 64}
    },
    "mcts": {
        "score": {"scorer": "mcts", "iterations": 2, "children": 2, "steps": 2, "baseline": 2, "wave": 64},
        "select": {"selector": "mcts", "budget": 6},
    },
    "irt": {"score": {"scorer": "irt", "n": 4, "wave": 64}, "select": {"selector": "stratified", "budget": 6}},
    "built_in": {"source": BUILT_IN, "clean": {"filters": ["empty", "conflicting_labels", "exact", "unparsable"]}},
    "tiny": {
        "source": [
            {
                "part": "files",
                "paths": "package:recordings/tiny_problems.jsonl",
                "verifier": "python:same:same",
                "limit": 12,
            }
        ],
        "split": {"held_out": 2},
        "policy": {"model": "tiny-arithmetic", "engine": "transformers", "max_tokens": 8},
        "select": {"selector": "uniform", "budget": 4},
        "train": {"steps": 1, "groups": 1, "group_size": 4, "save_every": 0, "output": "checkpoint"},
    },
}
LEFT_OUT = ("lake/assay.duckdb", "lake/leases", "lake/derived", "checkpoint", "__pycache__")


def table(name: str, value: dict[str, Any]) -> list[str]:
    """One table of a plan as TOML; a table within it is written as a value."""
    return [f"[{name}]", *(f"{key} = {toml(each)}" for key, each in value.items()), ""]


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def write(folder: Path) -> None:
    """The problems, one of them twice and one empty, the verifier and the plans."""
    sums = [{"prompt": f"What is {n} + {n % 9}?", "answer": str(n + n % 9), "level": n % 3} for n in range(20)]
    rows = [
        *sums,
        sums[0],
        {"prompt": "", "answer": "1", "level": 0},
        {"prompt": "What is 3  + 3?", "answer": "6", "level": 0},
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "same.py").write_text(VERIFIER)
    for name, changes in PLANS.items():
        plan = {**PLAN, **changes}
        lines = [f"{key} = {toml(value)}" for key, value in plan.items() if not isinstance(value, dict | list)]
        for key, value in plan.items():
            for each in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
                lines += ["", *table(f"[{key}]" if isinstance(value, list) else key, each)]
        (folder / f"{name}.toml").write_text("\n".join(lines))


def main(target: Path) -> None:
    """Runs every plan, and zips what is left."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder)
        for name in PLANS:
            subprocess.run([sys.executable, "-m", "assay", "curate", "run", f"{name}.toml"], cwd=folder, check=True)
        subprocess.run([sys.executable, "-m", "assay", "train", "run", "tiny.toml"], cwd=folder, check=True)
        subprocess.run(
            [sys.executable, "-m", "assay", "curate", "compact", "--lake", "lake", "--keep-hours", "0"],
            cwd=folder,
            check=True,
        )
        for name in LEFT_OUT:
            place = folder / name
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                archive.writestr(
                    zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes(), zipfile.ZIP_DEFLATED, 9
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
