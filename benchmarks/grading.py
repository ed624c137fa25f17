"""Grading recorded answers: a Grader with 2 workers beside Math-Verify called directly in 2 processes, cold caches, imports done on both sides.

The answers are GSM8K's four published models (5,276) and 800 graded answers to MATH problems. Agreement is counted against Math-Verify
and against the published verdicts; each disagreement is printed. Data: `gsm8k/example_model_solutions.jsonl` and
`rollouts/math_cot_100.jsonl` under --data or ASSAY_DATA.
"""

import argparse
import json
import logging
import multiprocessing
import os
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from assay.core.types import Case, Label, Policy, Problem, Request, Rollout, Sampler, Verdict
from assay.verifiers._workers import Grader
from benchmarks.claims import Claim, publish

GSM8K, MATH = Path("gsm8k/example_model_solutions.jsonl"), Path("rollouts/math_cot_100.jsonl")
WORKERS = 2


class Pair(NamedTuple):
    """A gold answer, a completion, and the published verdict."""

    gold: str
    text: str
    published: bool


def main() -> None:
    """Measures both sets and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every fourth answer")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    given = parser.parse_args()
    if not all((given.data / name).is_file() for name in (GSM8K, MATH)):
        print(f"skipped: no {GSM8K} and {MATH} under {str(given.data)!r}; give their folder with --data or ASSAY_DATA")
        return
    step = 4 if given.quick else 1
    sets = {"GSM8K": gsm8k(given.data / GSM8K), "MATH": maths(given.data / MATH)}
    full = sum(len(pairs) for pairs in sets.values())
    measured = {name: measure(name, pairs[::step]) for name, pairs in sets.items()}
    n, ours, direct, apart, odd = (sum(column) for column in zip(*measured.values(), strict=True))
    rows = [("GSM8K and MATH", n, ours, direct, 20.0), ("MATH", measured["MATH"][0], measured["MATH"][1], measured["MATH"][2], 2.0)]
    claims = [speed(name, count, fast, slow, bar, full) for name, count, fast, slow, bar in rows]
    claims.append(Claim("verdicts that differ from Math-Verify's", apart, 0, float(apart), "<= 0", apart == 0, "answers", n, full))
    claims.append(Claim("verdicts that differ from the published ones", odd, 0, float(odd), "<= 2", odd <= 2, "answers", n, full))
    publish("grading", claims)


def speed(name: str, n: int, ours_s: float, direct_s: float, bar: float, full: int) -> Claim:
    """The rates of both ways and their ratio."""
    ratio = direct_s / ours_s
    return Claim(f"grading {name}, {n} answers", n / ours_s, n / direct_s, ratio, f">= {bar:g}", ratio >= bar, "pairs/s", n, full)


def measure(name: str, pairs: list[Pair]) -> tuple[int, float, float, int, int]:
    """(pairs, our seconds, Math-Verify's seconds, verdicts that differ from Math-Verify's, from the published ones)."""
    verdicts, ours_s = by_grader(pairs)
    direct, direct_s = by_math_verify(pairs)
    right = [verdict.outcome == "correct" for verdict in verdicts]
    print(f"{name}: {dict(Counter(f'{v.outcome}, {v.reason}' for v in verdicts))}")
    for pair, verdict, ours, theirs in zip(pairs, verdicts, right, direct, strict=True):
        if not ours == theirs == pair.published:
            print(f"  gold {pair.gold!r}, read {verdict.extracted[:60]!r}: ours {ours}, Math-Verify {theirs}, published {pair.published}")
    apart = sum(ours != theirs for ours, theirs in zip(right, direct, strict=True))
    odd = sum(ours != pair.published for ours, pair in zip(right, pairs, strict=True))
    return len(pairs), ours_s, direct_s, apart, odd


def by_grader(pairs: list[Pair]) -> tuple[list[Verdict], float]:
    """Verdicts and seconds of a Grader whose workers have started and whose cache is empty."""
    cases = [as_case(pair) for pair in pairs]
    with Grader(workers=WORKERS) as grader:
        grader.warm("math")
        began = time.perf_counter()
        return grader.judge(cases), time.perf_counter() - began


def by_math_verify(pairs: list[Pair]) -> tuple[list[bool], float]:
    """Verdicts and seconds of Math-Verify itself, in as many processes, after their imports."""
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        pool.map(verify_directly, [Pair("1", "1", True)] * WORKERS * 4, chunksize=1)
        began = time.perf_counter()
        return pool.map(verify_directly, pairs, chunksize=16), time.perf_counter() - began


def verify_directly(pair: Pair) -> bool:
    """What Math-Verify's README shows."""
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    return bool(verify(parse(f"${pair.gold}$"), parse(pair.text)))


def as_case(pair: Pair) -> Case:
    """A recorded answer as one attempt at one problem."""
    problem = Problem.of("recorded")
    request = Request(problem.id, problem.messages, Sampler(), (0,), 0)
    rollout = Rollout.of(request, 0, policy=Policy("recorded", "0"), engine="replay", text=pair.text, tokens=0, finish="stop")
    return Case(problem, Label.of(problem.id, pair.gold, verifier="math"), rollout)


def gsm8k(path: Path) -> list[Pair]:
    """Four models' solutions; the gold answer stands after 'A:'."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    solved = [(row["ground_truth"].rsplit("A:", 1)[-1].strip(), value) for row in rows for value in row.values() if isinstance(value, dict)]
    return [Pair(gold, value["solution"], bool(value["is_correct"])) for gold, value in solved]


def maths(path: Path) -> list[Pair]:
    """Eight responses to each of a hundred problems."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Pair(row["gt"], text, bool(score)) for row in rows for text, score in zip(row["code"], row["score"], strict=True)]


if __name__ == "__main__":
    main()
