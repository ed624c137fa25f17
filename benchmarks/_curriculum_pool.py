"""Pools for `curriculum_study`: problems of graded difficulty in the proportions of real pools, and held-out ones drawn before any is scored."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.api import NullReporter
from assay.core.config import Config, parse_config, read_config
from assay.core.types import Label, Problem
from assay.maths.allocation.quotas import quotas
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

ROOT = Path(__file__).parent.parent
EACH = {
    "1": 60,
    "2": 260,
    "3": 300,
}  # problems of every number of digits and task, or as many as there are that the model has not seen
TINY_WEIGHTS = {
    "1": 1.0,
    "2": 6.0,
    "3": 3.0,
}  # of a number of digits in the held-out set; two digits are what the model is about to learn
GYM: dict[str, tuple[str, dict[str, Any]]] = {  # difficulties around what SmolLM2-135M-Instruct can do, and beyond it
    "sum of 2 digits": ("chain_sum", {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}),
    "sum of 2 numbers": ("chain_sum", {"min_terms": 2, "max_terms": 2, "min_digits": 2, "max_digits": 2}),
    "sum of 3 numbers": ("chain_sum", {"min_terms": 3, "max_terms": 3, "min_digits": 1, "max_digits": 2}),
    "sum of 4 numbers": ("chain_sum", {"min_terms": 4, "max_terms": 4, "min_digits": 2, "max_digits": 2}),
    "product of 2 digits": ("products", {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}),
    "product of 2 numbers": ("products", {"min_terms": 2, "max_terms": 2, "min_digits": 2, "max_digits": 2}),
    "greatest common divisor": ("gcd", {"min_value": 2, "max_value": 60}),
    "equation": ("simple_equations", {"min_value": 1, "max_value": 20}),
}
Side = tuple[dict[str, Problem], dict[str, Label]]


def tiny_plan(work: Path, held_out: int) -> Config:
    """The tiny model's arithmetic as nine sources, with repeats, contradictions and answers that cannot be read; cleaning takes these out."""
    script = ROOT / "examples" / "tiny_model" / "problems.py"
    command = [sys.executable, str(script), "--each", str(max(EACH.values())), "--seed", "11"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    families: dict[str, list[dict[str, Any]]] = {}
    for row in map(json.loads, made.stdout.splitlines()):
        families.setdefault(f"{row['digits']}-digit {row['task']}", []).append(
            {"prompt": row["prompt"], "answer": row["answer"]}
        )
    folder = work / "problems"
    folder.mkdir(parents=True, exist_ok=True)
    for name, every in families.items():
        rows = every[: EACH[name[0]]]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *dirt(rows)]))
    sources = [
        {"type": "files", "paths": str(folder / f"{name}.jsonl"), "name": name, "verifier": "numeric"}
        for name in families
    ]
    policy = {"model": "tiny-arithmetic", "engine": "transformers", "batch_size": 128, "max_tokens": 8}
    return parse_config(
        {**shared(work, held_out), "source": sources, "policy": policy, "embed": {"encoder": "policy", "clusters": 8}}
    )


def dirt(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of every 20 rows one again as it is, of every 50 one with another answer, of every 100 one without a readable answer."""
    again = [dict(row) for row in rows[::20]]
    wrong = [{**row, "answer": str(int(row["answer"]) + 1)} for row in rows[7::50]]
    return again + wrong + [{"prompt": f"{row['prompt']} ", "answer": "?"} for row in rows[11::100]]


def gym_plan(work: Path, held_out: int, model: str, engine: str, each: int, max_tokens: int) -> Config:
    """A mixture of reasoning-gym's generators, for a language model that is asked as the quickstart asks it."""
    quickstart = read_config(ROOT / "configs" / "quickstart.toml")
    asked = quickstart.policy.model_dump(exclude={"model", "engine", "temperature", "top_p"})
    policy = {
        **asked,
        "model": model,
        "engine": engine,
        "max_tokens": max_tokens,
    }  # temperature 1: what is trained is what is sampled
    sources = [
        {
            "type": "reasoning_gym",
            "generator": generator,
            "name": name,
            "size": each,
            "seed": 1000 * place,
            "config": config,
        }
        for place, (name, (generator, config)) in enumerate(GYM.items())
    ]
    return parse_config(
        {**shared(work, held_out), "source": sources, "policy": policy, "embed": {"encoder": "tfidf", "clusters": 8}}
    )


def shared(work: Path, held_out: int) -> dict[str, Any]:
    """What both pools' plans say alike: at most 4 attempts a problem, and what training's groups count as wrong."""
    return {
        "name": "curriculum study",
        "lake": str(work / "lake"),
        "split": {"held_out": held_out},
        "score": {"n": 4, "problems_per_commit": 1024},
    }


def prepared(config: Config) -> dict[str, Any]:
    """The pool is in the plan's lake, cleaned and split, once for all runs; how many problems came, left, and stand on each side, by source."""
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter(), command="curriculum study") as context:
        results = run_stages(context, "split")
        sides = {
            name: sorted(problem.source for problem in read_side(context, results, name)[0].values())
            for name in ("train", "held_out")
        }
        counts = {name: {source: found.count(source) for source in sorted(set(found))} for name, found in sides.items()}
        return {"read": results.of("ingest").rows_out, "cleaned": results.of("clean").rows_out, **counts}


def examined(held_out: Side, wanted: int) -> Side:
    """`wanted` of the held-out problems, shared among the sources by weight; inside a source by id, which is chance and the same in every run."""
    problems, labels = held_out
    families: dict[str, list[str]] = {}
    for id_ in sorted(problems):
        families.setdefault(problems[id_].source, []).append(id_)
    names = sorted(families)
    shares = quotas(
        [TINY_WEIGHTS.get(name[:1], 1.0) for name in names], wanted, [len(families[name]) for name in names]
    )
    ids = [id_ for name, share in zip(names, shares.tolist(), strict=True) for id_ in families[name][:share]]
    return {id_: problems[id_] for id_ in ids}, {id_: labels[id_] for id_ in ids}
