"""Pools and stored attempts of any size for `scale.py`, written without an object per problem. No model ran: outcomes are drawn."""

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay.core.identity import content_ids
from assay.pipelines.context.run import RunContext
from assay.stores.tables import schema

WORDS = [
    f"{first}{second}"
    for first in ("ba", "co", "di", "fu", "ga", "lo", "mi", "ne", "pa", "ru")
    for second in ("lt", "ne", "rd", "sk", "tun", "vel")
]
ATTEMPTS = 4
COPIES = 0.02  # share of problems that stand in the file a second time, in other white space
WAVE = 25_000  # problems whose attempts are one commit
KEPT = "SELECT m.problem_id, min(m.label_id) AS label_id FROM pool_members m GROUP BY m.problem_id"
CONFIG = """
name = "scale"
lake = "{folder}/lake"
[[source]]
type = "files"
paths = "{folder}/pool.jsonl"
verifier = "numeric"
[clean]
filters = {filters}
[split]
held_out = 100
[policy]
model = "scripted"
engine = "scripted"
rule = "sum"
[score]
n = {attempts}
[embed]
encoder = "tfidf"
clusters = 64
[select]
budget = {budget}
"""


def write_pool(folder: Path, n: int, filters: tuple[str, ...]) -> None:
    """Write a file of n problems of about 40 words, some of them copies, and the config that curates it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(n)
    with (folder / "pool.jsonl").open("w") as file:
        before = {"prompt": "What is 1 + 1?", "answer": "2"}
        for _ in range(n):
            if rng.random() < COPIES:
                row = {**before, "prompt": before["prompt"].replace(" ", "  ", 1)}
            else:
                a, b = rng.randrange(10_000), rng.randrange(10_000)
                prompt = f"{' '.join(rng.choices(WORDS, k=40))}. What is {a} + {b}?"
                row = {"prompt": prompt, "answer": str(a + b)}
            file.write(json.dumps(row) + "\n")
            before = row
    config = CONFIG.format(folder=folder, filters=json.dumps(filters), attempts=ATTEMPTS, budget=n // 10)
    (folder / "config.toml").write_text(config)


def store_attempts(context: RunContext, n: int = ATTEMPTS) -> int:
    """Write n judged attempts at each problem of the lake, as scoring would have stored them; return how many."""
    policy, sampler, rng, stored = context.policy, context.sampler, np.random.default_rng(0), 0
    version = context.judge.version("numeric")
    for batch in context.lake.stream(KEPT, rows=WAVE):
        problems = np.repeat(np.array(batch["problem_id"].to_pylist()), n)
        labels = np.repeat(np.array(batch["label_id"].to_pylist()), n)
        samples = np.tile(np.arange(n), len(batch))
        right = rng.random(len(problems)) < np.repeat(rng.beta(0.7, 0.8, len(batch)), n)
        ids = [
            _rollout_id(*row, policy.revision, sampler.id)
            for row in zip(problems.tolist(), samples.tolist(), strict=True)
        ]
        rollouts = {
            "id": ids,
            "problem_id": problems,
            "policy": policy.revision,
            "policy_name": policy.name,
            "sampler": sampler.id,
            "sample": samples,
            "seed": samples,
            "tokens": 8,
            "prompt_tokens": 50,
            "finish": "stop",
            "engine": "scripted",
            "guided": False,
        }
        verdicts = {
            "id": content_ids("verdict", last=ids),
            "rollout_id": ids,
            "label_id": labels,
            "verifier": "numeric",
            "version": version,
            "outcome": np.where(right, "correct", "wrong"),
            "reward": right.astype(float),
            "extracted": "7",
            "reason": "value",
        }
        texts = {"id": ids, "text": "The sum of these is 7."}
        tables: dict[str, dict[str, Any]] = {"rollouts": rollouts, "completions": texts, "verdicts": verdicts}
        context.append({name: _table(name, columns, len(ids), context.run) for name, columns in tables.items()})
        stored += len(ids)
    return stored


def _rollout_id(problem: str, sample: int, policy: str, sampler: str) -> str:
    return sha256(f'["rollout","{problem}","{policy}","{sampler}",{sample}]'.encode()).hexdigest()[:24]


def _table(name: str, columns: dict[str, Any], rows: int, run: str) -> pa.Table:
    fields, arrays = schema(name), []
    for field in fields:
        value = {**columns, "run": run}.get(field.name)
        one = value is None or isinstance(value, str | int | float | bool)
        arrays.append(pa.repeat(pa.scalar(value, field.type), rows) if one else pa.array(value, field.type))
    return pa.table(arrays, schema=fields)
