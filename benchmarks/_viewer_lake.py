"""A lake of any size, written through the schema, for the viewer's tests and benchmark. No model ran: counts are drawn."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay.stores.lake import Lake
from assay.stores.tables import schema

SOURCES = ("GSM8K", "MATH", "SVAMP", "NuminaMath", "sums", "number theory")
TOPICS = (
    ("A train travels {a} km in {b} hours. What is its average speed in km/h, to one decimal?", r"\frac{{{a}}}{{{b}}}"),
    (r"Evaluate $\int_0^{{{a}}} x^{b}\,dx$ and give the result as a fraction.", r"\frac{{{a}^{{{b}+1}}}}{{{b}+1}}"),
    (r"Find all real $x$ with $x^2 - {a}x + {b} = 0$. Give their sum.", r"x_1 + x_2 = {a}"),
    (
        r"How many ways are there to choose {b} of {a} people? Write it as $\binom{{{a}}}{{{b}}}$ first.",
        r"\binom{{{a}}}{{{b}}}",
    ),
    (
        r"Let $S_n = \sum_{{k=1}}^{{n}} k^{b}$. What is $S_{{{a}}} \bmod {b}$?",
        r"S_{{{a}}} = \sum_{{k=1}}^{{{a}}} k^{b}",
    ),
    ("Mira has {a} marbles and gives {b} to each of her 3 friends. How many has she left?", r"{a} - 3 \cdot {b}"),
)
POLICY, SAMPLER, NAME = "5f2c8d41ab90", "9b1e44c07d22", "Qwen3-1.7B"
KEYS = {
    name: sha256(name.encode()).hexdigest()[:24]
    for name in (
        "pool",
        "clean",
        "split",
        "score",
        "scoring",
        "embed",
        "select",
        "select2",
        "select3",
        "order",
        "train",
    )
}
RUNS = ("run-0001", "run-0002", "run-0003")
START = 1_790_000_000.0
N = 8  # attempts per problem
CLUSTERS, DIM = 24, 48


def write_lake(
    root: Path, problems: int, *, attempted: int = 0, steps: int = 60, seed: int = 0, plan: str = "demo"
) -> Path:
    """Write a lake of so many problems that was curated and trained on.

    Args:
        root: of the lake; nothing may be there.
        problems: how many.
        attempted: how many of them have their attempts with texts; the scores of the others stand alone.
        steps: of training; 0 = none.
        seed: of all draws.
        plan: name of the config in the runs.
    """
    rng = np.random.default_rng(seed)
    ids = _ids("problem", problems)
    skill = np.clip(rng.beta(0.7, 0.8, problems), 0.001, 0.999)
    cut = rng.random(problems) < 0.06
    truncated = np.where(cut, rng.integers(1, N + 1, problems), 0)
    correct = rng.binomial(N - truncated, skill)
    wrong = N - truncated - correct
    cluster = rng.integers(0, CLUSTERS, problems)
    source = rng.choice(len(SOURCES), problems, p=(0.3, 0.25, 0.15, 0.15, 0.1, 0.05))
    state = rng.choice(3, problems, p=(0.92, 0.03, 0.05))  # 0 = in the pool, 1 = held out, 2 = dropped
    scored = state == 0
    with Lake(root) as lake:
        _write_problems(lake, rng, ids, source, cluster)
        lake.append({"drops": _drops(rng, ids[state == 2], source[state == 2])}, run=RUNS[0])
        rows = (
            [
                {
                    "id": f"{KEYS['split']}-{id_}",
                    "split": KEYS["split"],
                    "problem_id": id_,
                    "side": "held_out" if held else "train",
                }
                for id_, held in zip(ids, state == 1, strict=True)
            ]
            if problems <= 20_000
            else []
        )
        if rows:
            lake.append({"splits": rows}, run=RUNS[0])
        _write_scores(lake, ids[scored], correct[scored], wrong[scored], truncated[scored])
        _write_choices(lake, rng, ids[scored], correct[scored], wrong[scored], truncated[scored], cluster[scored])
        if problems <= 20_000:
            _write_vectors(lake, rng, ids, cluster)
        shown = np.flatnonzero(scored)[:attempted]
        _write_attempts(lake, rng, ids[shown], correct[shown], wrong[shown], truncated[shown])
        if steps:
            _write_training(lake, rng, ids[scored], skill[scored], steps)
        _write_ledger(lake, problems, int(scored.sum()), int((state == 2).sum()), int((state == 1).sum()), steps, plan)
        lake.catalogue()
    return root


def _ids(kind: str, count: int) -> np.ndarray:
    return np.array([sha256(f"{kind}{number}".encode()).hexdigest()[:24] for number in range(count)])


def _question(rng: np.random.Generator, topic: int) -> tuple[str, str, int]:
    text, _ = TOPICS[topic % len(TOPICS)]
    a, b = int(rng.integers(12, 99)), int(rng.integers(2, 9))
    return text.format(a=a, b=b), str(a - 3 * b), a * 100 + b


def _table(name: str, columns: dict[str, Any], run: str) -> pa.Table:
    count = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.array([run] * count, pa.string())
        if field.name == "run"
        else pa.nulls(count, field.type)
        for field in schema(name)
    ]
    return pa.Table.from_arrays(arrays, schema=schema(name))


def _write_problems(
    lake: Lake, rng: np.random.Generator, ids: np.ndarray, source: np.ndarray, cluster: np.ndarray
) -> None:
    texts = [_question(rng, int(group)) for group in cluster]
    columns = {
        "id": ids,
        "messages": [[{"role": "user", "content": text}] for text, _, _ in texts],
        "media": [[] for _ in texts],
        "source": [SOURCES[place] for place in source],
        "metadata": ["{}"] * len(ids),
        "characters": [len(text) for text, _, _ in texts],
    }
    labels = np.char.add("label", ids)
    answers = {
        "id": labels,
        "problem_id": ids,
        "answer": [answer for _, answer, _ in texts],
        "verifier": ["math"] * len(ids),
        "origin": ["gold"] * len(ids),
    }
    members = {
        "id": np.char.add("member", ids),
        "pool": [KEYS["pool"]] * len(ids),
        "problem_id": ids,
        "label_id": labels,
    }
    lake.commit(
        {
            "problems": _table("problems", columns, RUNS[0]),
            "labels": _table("labels", answers, RUNS[0]),
            "pool_members": _table("pool_members", members, RUNS[0]),
        },
        RUNS[0],
    )


def _drops(rng: np.random.Generator, ids: np.ndarray, source: np.ndarray) -> list[dict[str, Any]]:
    reasons = rng.choice(
        ["duplicate", "near_duplicate", "unverifiable", "contaminated"], len(ids), p=(0.5, 0.3, 0.15, 0.05)
    )
    return [
        {
            "id": f"drop{id_}",
            "key": KEYS["clean"],
            "stage": "clean",
            "reason": reason,
            "problem_id": id_,
            "detail": f"like {ids[0]}",
            "source": SOURCES[place],
            "file": "pool.jsonl",
            "line": number,
        }
        for number, (id_, reason, place) in enumerate(zip(ids, reasons, source, strict=True), 1)
    ]


def _write_scores(lake: Lake, ids: np.ndarray, correct: np.ndarray, wrong: np.ndarray, truncated: np.ndarray) -> None:
    from scipy import stats

    a, b = correct + 0.5, wrong + 0.5
    pairs = {
        (k, w): stats.beta.interval(0.9, k + 0.5, w + 0.5)
        for k, w in set(zip(correct.tolist(), wrong.tolist(), strict=True))
    }
    low, high = np.array([pairs[pair] for pair in zip(correct.tolist(), wrong.tolist(), strict=True)]).T
    columns = {
        "id": np.char.add("score", ids),
        "scoring_id": [KEYS["scoring"]] * len(ids),
        "problem_id": ids,
        "scorer": ["pass_rate"] * len(ids),
        "policy": [POLICY] * len(ids),
        "sampler": [SAMPLER] * len(ids),
        "verifier": ["math@3"] * len(ids),
        "prior": ["jeffreys"] * len(ids),
        "beta_a": a,
        "beta_b": b,
        "value": a / (a + b),
        "low": np.where(correct == 0, 0, low),
        "high": np.where(wrong == 0, 1, high),
        "n_correct": correct,
        "n_wrong": wrong,
        "n_truncated": truncated,
        "n_error": np.zeros(len(ids), dtype=int),
        "disputed": (correct == 0) & (wrong > 6) & (np.arange(len(ids)) % 9 == 0),
    }
    lake.commit({"scores": _table("scores", columns, RUNS[1])}, RUNS[1])


def _write_choices(
    lake: Lake,
    rng: np.random.Generator,
    ids: np.ndarray,
    correct: np.ndarray,
    wrong: np.ndarray,
    truncated: np.ndarray,
    cluster: np.ndarray,
) -> None:
    budget, rate = max(1, len(ids) // 4), correct / N
    closeness = np.abs(rate - 0.5) + rng.random(len(ids)) * 0.05
    ways = {"select": closeness, "select2": rate + rng.random(len(ids)) * 0.01, "select3": rng.random(len(ids))}
    tables = []
    for name, worst in ways.items():
        kept = np.zeros(len(ids), dtype=bool)
        kept[np.argsort(worst)[:budget]] = True
        reason = np.where(kept, "", np.where(rate == 0, "never_solved", np.where(rate == 1, "always_solved", "budget")))
        tables.append(
            _table(
                "selections",
                {
                    "id": np.char.add(name, ids),
                    "selection_id": [KEYS[name]] * len(ids),
                    "problem_id": ids,
                    "kept": kept,
                    "weight": kept.astype(float),
                    "reason": reason,
                },
                RUNS[1],
            )
        )
        if name == "select":
            chosen = np.flatnonzero(kept)
    order = chosen[np.argsort(-rate[chosen], kind="stable")]
    places = {
        "id": np.char.add("place", ids[order]),
        "curriculum_id": [KEYS["order"]] * len(order),
        "lesson": [0] * len(order),
        "position": np.arange(len(order)),
        "passes": [1] * len(order),
        "problem_id": ids[order],
    }
    grouped = {
        "id": np.char.add("cluster", ids),
        "clustering_id": [KEYS["embed"]] * len(ids),
        "problem_id": ids,
        "cluster": cluster,
        "similarity": rng.random(len(ids)),
    }
    lake.commit(
        {
            "selections": pa.concat_tables(tables),
            "curriculum": _table("curriculum", places, RUNS[1]),
            "clusters": _table("clusters", grouped, RUNS[1]),
        },
        RUNS[1],
    )


def _write_vectors(lake: Lake, rng: np.random.Generator, ids: np.ndarray, cluster: np.ndarray) -> None:
    centres = rng.normal(size=(CLUSTERS, DIM))
    vectors = centres[cluster] + 0.6 * rng.normal(size=(len(ids), DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    columns = {
        "id": np.char.add("vector", ids),
        "problem_id": ids,
        "encoder": ["minilm"] * len(ids),
        "dim": [DIM] * len(ids),
        "vector": list(vectors.astype(np.float32)),
    }
    lake.commit({"vectors": _table("vectors", columns, RUNS[1])}, RUNS[1])


def _write_attempts(
    lake: Lake, rng: np.random.Generator, ids: np.ndarray, correct: np.ndarray, wrong: np.ndarray, truncated: np.ndarray
) -> None:
    rollouts, texts, verdicts = [], [], []
    for id_, k, w, cut in zip(ids, correct, wrong, truncated, strict=True):
        outcomes = ["correct"] * k + ["wrong"] * w + ["truncated"] * cut
        rng.shuffle(outcomes)
        for sample, outcome in enumerate(outcomes):
            name = f"rollout{id_}-{sample}"
            tokens = 2048 if outcome == "truncated" else int(rng.integers(180, 1500))
            value = int(rng.integers(3, 99))
            rollouts.append(_rollout(name, id_, sample, tokens, "length" if outcome == "truncated" else "stop"))
            texts.append({"id": name, "text": _answer(rng, outcome, value)})
            shaky = outcome == "wrong" and rng.random() < 0.1
            verdicts.append(_verdict(name, id_, outcome, str(value), "correct" if shaky else None))
    lake.append({"rollouts": rollouts, "completions": texts, "verdicts": verdicts}, run=RUNS[1])


def _rollout(name: str, problem: str, sample: int, tokens: int, finish: str, **more: Any) -> dict[str, Any]:
    known = {
        "id": name,
        "problem_id": problem,
        "policy": POLICY,
        "policy_name": NAME,
        "sampler": SAMPLER,
        "sample": sample,
        "seed": sample,
    }
    return known | {"tokens": tokens, "prompt_tokens": 96, "finish": finish, "engine": "openai", "guided": False} | more


def _verdict(name: str, problem: str, outcome: str, extracted: str, lenient: str | None = None) -> dict[str, Any]:
    reason = {"correct": "equal as numbers", "wrong": "other value", "truncated": "no final answer before the cap"}[
        outcome
    ]
    return {
        "id": f"verdict{name}",
        "rollout_id": name,
        "label_id": f"label{problem}",
        "verifier": "math",
        "version": "3",
        "outcome": outcome,
        "reward": float(outcome == "correct"),
        "extracted": "" if outcome == "truncated" else extracted,
        "reason": reason,
        "lenient": lenient,
    }


def _answer(rng: np.random.Generator, outcome: str, value: int) -> str:
    a, b = int(rng.integers(12, 99)), int(rng.integers(2, 9))
    work = rf"We need ${a} - 3 \cdot {b}$. First, $3 \cdot {b} = {3 * b}$, so that \[ {a} - {3 * b} = {a - 3 * b}. \]"
    thought = (
        f"<think>\nLet me set this up. I read {a} and {b} from the question.\nWait, is it per friend? Yes, each of them.\n"
        + "So far so good. " * int(rng.integers(2, 14))
        + "\n</think>\n\n"
    )
    if outcome == "truncated":
        return thought.replace("\n</think>\n\n", "") + "But then again, let me check once more " * 12
    check = rf" As a check, $\sqrt{{{value}^2}} = {value}$ and $\frac{{{2 * value}}}{{2}} = {value}$."
    return f"{thought}{work}{check}\n\n**Answer:** the result is $\\boxed{{{value}}}$."


def _write_training(lake: Lake, rng: np.random.Generator, ids: np.ndarray, skill: np.ndarray, steps: int) -> None:
    metrics, rollouts, verdicts = [], [], []
    for step in range(steps):
        gain = step / steps
        policy = f"{POLICY}+{step:04d}"
        values = {
            "reward": 0.42 + 0.25 * gain + rng.normal(0, 0.03),
            "loss": 0.05 - 0.03 * gain + rng.normal(0, 0.004),
            "kl": 0.002 * step,
            "completion_length": 620 + 240 * gain + rng.normal(0, 18),
            "learning_rate": 1e-6 * (1 - gain),
        }
        if step % 10 == 9:
            values["eval_pass_at_1"] = 0.38 + 0.2 * gain + rng.normal(0, 0.01)
        metrics += [
            {
                "id": f"m{step}-{name}",
                "training": KEYS["train"],
                "step": step,
                "name": name,
                "value": value,
                "policy": policy,
            }
            for name, value in values.items()
        ]
        for place in rng.choice(len(ids), min(4, len(ids)), replace=False):
            rate = 1 / (1 + np.exp(-(np.log(skill[place] / (1 - skill[place])) + 1.4 * gain)))
            for sample in range(N):
                right = bool(rng.random() < rate)
                name = f"train{step}-{place}-{sample}"
                rollouts.append(
                    _rollout(
                        name,
                        ids[place],
                        sample,
                        int(rng.integers(200, 1200)),
                        "stop",
                        step=step,
                        policy=policy,
                        group=f"g{step}-{place}",
                        advantage=float(right) - rate,
                    )
                )
                verdicts.append(_verdict(name, ids[place], "correct" if right else "wrong", "7"))
    lake.append({"train_metrics": metrics, "rollouts": rollouts, "verdicts": verdicts}, run=RUNS[2])


def _write_ledger(lake: Lake, problems: int, scored: int, dropped: int, held: int, steps: int, plan: str) -> None:
    left = problems - dropped
    kept = scored // 4
    stages = [
        ("ingest", KEYS["pool"], problems, problems, 12.4, 0),
        ("clean", KEYS["clean"], problems, left, 30.1, 0),
        ("split", KEYS["split"], left, left - held, 0.4, 0),
        ("select", KEYS["select2"], scored, kept, 0.8, 0),
        ("select", KEYS["select3"], scored, kept, 0.7, 0),
        ("score", f"{KEYS['score']}+{KEYS['scoring']}", left - held, scored, 5400.0, 1),
        ("embed", KEYS["embed"], scored, scored, 41.0, 1),
        ("select", KEYS["select"], scored, kept, 0.9, 1),
        ("arrange", KEYS["order"], kept, kept, 0.1, 1),
        *([("train", KEYS["train"], steps, steps, 7300.0, 2)] if steps else []),
    ]
    for place, run in enumerate(RUNS):
        mine = [
            {
                "id": f"stage{stage}{key}",
                "stage": stage,
                "key": key,
                "rows_in": before,
                "rows_out": after,
                "detail": "{}",
                "seconds": seconds,
            }
            for stage, key, before, after, seconds, number in stages
            if number == place
        ]
        lake.append(
            {"stages": mine, "runs": [_run_event(place, "start", plan), _run_event(place, "end", plan)]}, run=run
        )


def _run_event(place: int, event: str, plan: str) -> dict[str, Any]:
    """One row of `runs`; the first run ingested and tried two selectors, the second scored, the third trained."""
    selector = ("hardest", "frontier", "frontier")[place]
    row = {"id": f"run{place}{event}", "event": event, "command": ("curate run", "curate run", "train run")[place]}
    row |= {"plan": json.dumps({"name": plan, "select": {"selector": selector}}), "versions": "{}", "policy": POLICY}
    row |= {"tokens": 0, "samples": 0, "seconds": 0.0, "time": START + 9_000 * place, "outcome": None}
    if event == "start":
        return row
    tokens, samples, seconds = ((0, 0, 43.0), (3_200_000, 6_400, 5_600.0), (2_100_000, 1_920, 7_300.0))[place]
    ended = {"outcome": "done", "tokens": tokens, "samples": samples, "seconds": seconds}
    return row | ended | {"time": row["time"] + seconds}
