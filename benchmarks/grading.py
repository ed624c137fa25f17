"""Grading recorded answers: a Grader with 2 workers beside Math-Verify called directly in 2 processes, cold caches; imports and first examples
are done on both sides.

Also beside TRL's `accuracy_reward` and Math-Verify's metric as verl's scorer configures it, in as many processes; the symbolic path alone on
distinct pairs; and answers of 60 kB. Counts a path (cache, exact, symbolic, killed) and by stratum of the gold answer are printed.

The answers are GSM8K's four published models (5,276) and 800 graded answers to MATH problems. Agreement is counted against Math-Verify
and against the published verdicts; each disagreement is printed. Data: `gsm8k/example_model_solutions.jsonl`,
`rollouts/math_cot_100.jsonl` and, for symbolic golds, `math/train.json` under --data or ASSAY_DATA.
"""

import argparse
import json
import logging
import multiprocessing
import os
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict
from assay.verifiers.answers.numbers import parse_number, tidy
from assay.verifiers.math.verifier import WARM_UP_PAIRS, Math
from assay.verifiers.pool.grader import Grader
from benchmarks.claims import Claim, publish
from benchmarks.gold_forms import accuracy

GSM8K, MATH = Path("gsm8k/example_model_solutions.jsonl"), Path("rollouts/math_cot_100.jsonl")
GOLDS = Path("math/train.json")
WORKERS = 2
TURNS = 5  # of each way, one after the other; the middle of its times counts: one alone lies .15 around it


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
    parser.add_argument(
        "--sets", type=Path, help="a folder with one folder a set that holds test.jsonl, for the golds in five forms"
    )
    given = parser.parse_args()
    if not all((given.data / name).is_file() for name in (GSM8K, MATH)):
        print(f"skipped: no {GSM8K} and {MATH} under {str(given.data)!r}; give their folder with --data or ASSAY_DATA")
        return
    step = 4 if given.quick else 1
    sets = {"GSM8K": gsm8k(given.data / GSM8K), "MATH": maths(given.data / MATH)}
    full = sum(len(pairs) for pairs in sets.values())
    measured = {name: measure(name, pairs[::step]) for name, pairs in sets.items()}
    n, ours, direct, apart, odd, trl, verl = (sum(column) for column in zip(*measured.values(), strict=True))
    rows = [
        ("GSM8K and MATH", n, ours, direct, 20.0),
        ("MATH", measured["MATH"][0], measured["MATH"][1], measured["MATH"][2], 2.0),
    ]
    claims = [speed(name, count, fast, slow, bar, full) for name, count, fast, slow, bar in rows]
    claims.append(
        Claim(
            "verdicts that differ from Math-Verify's, each printed",
            apart,
            0,
            float(apart),
            "(told)",
            True,
            "answers",
            n,
            full,
        )
    )
    claims.append(
        Claim("verdicts that differ from the published ones", odd, 0, float(odd), "<= 2", odd <= 2, "answers", n, full)
    )
    for name, peer in (("TRL's accuracy_reward", trl), ("Math-Verify's metric as verl calls it", verl)):
        claims.append(
            Claim(
                f"grading GSM8K and MATH beside {name}",
                n / ours,
                n / peer,
                peer / ours,
                "(told)",
                True,
                "pairs/s",
                n,
                full,
            )
        )
    claims += [symbolic(given.quick, 1), symbolic(given.quick, 8)]
    if (given.data / GOLDS).is_file():
        claims.append(real_golds(given.data / GOLDS, given.quick))
    claims += accuracy(given.data, given.sets, most=100 if given.quick else 1_000)
    publish("grading", [*claims, long_answers(sets["MATH"])])


def speed(name: str, n: int, ours_s: float, direct_s: float, bar: float, full: int) -> Claim:
    """The rates of both ways and their ratio."""
    ratio = direct_s / ours_s
    return Claim(
        f"grading {name}, {n} answers", n / ours_s, n / direct_s, ratio, f">= {bar:g}", ratio >= bar, "pairs/s", n, full
    )


def measure(name: str, pairs: list[Pair]) -> tuple[int, float, float, int, int, float, float]:
    """(pairs, our middle seconds of five turns, Math-Verify's, verdicts unlike Math-Verify's, unlike the published, TRL's, verl's seconds)."""
    turns = []
    for _ in range(TURNS):
        verdicts, grader_s = by_grader(pairs)
        direct, verify_s = in_processes(verify_directly, pairs)
        turns.append((grader_s, verify_s, in_processes(as_trl, pairs)[1], in_processes(as_verl, pairs)[1]))
    ours_s, direct_s, trl_s, verl_s = map(statistics.median, zip(*turns, strict=True))
    print(f"{name}: Math-Verify's seconds / ours, turn by turn: {', '.join(f'{b / a:.1f}' for a, b, *_ in turns)}")
    tell(pairs, verdicts)
    right = [verdict.outcome == "correct" for verdict in verdicts]
    print(f"{name}: {dict(Counter(f'{v.outcome}, {v.reason}' for v in verdicts))}")
    for pair, verdict, ours, theirs in zip(pairs, verdicts, right, direct, strict=True):
        if not ours == theirs == pair.published:
            print(
                f"  gold {pair.gold!r}, read {verdict.extracted[:60]!r}: ours {ours}, Math-Verify {theirs}, published {pair.published}"
            )
    apart = sum(ours != theirs for ours, theirs in zip(right, direct, strict=True))
    odd = sum(ours != pair.published for ours, pair in zip(right, pairs, strict=True))
    return len(pairs), ours_s, direct_s, apart, odd, trl_s, verl_s


def by_grader(pairs: list[Pair]) -> tuple[list[Verdict], float]:
    """Verdicts and seconds of a Grader whose workers have started and whose cache is empty."""
    cases = [as_case(pair) for pair in pairs]
    with Grader(workers=WORKERS) as grader:
        grader.warm("math")
        began = time.perf_counter()
        return grader.judge(cases), time.perf_counter() - began


def tell(pairs: list[Pair], verdicts: list[Verdict]) -> None:
    """Prints how many pairs took which path, and the share accepted by stratum."""
    part, paths = Math(), Counter[str]()
    seen = set[tuple[str, str]]()
    for case, verdict in zip(map(as_case, pairs), verdicts, strict=True):
        if verdict.reason.startswith("time limit"):
            paths["killed"] += 1
        elif part.glance(case) is not None:
            paths["exact"] += 1
        else:
            key = (case.label.answer, part.essence(case))
            paths["cache" if key in seen else "symbolic"] += 1
            seen.add(key)
    strata: dict[str, list[bool]] = {}
    for pair, verdict in zip(pairs, verdicts, strict=True):
        strata.setdefault(stratum(pair.gold), []).append(verdict.outcome == "correct")
    print(
        f"  paths: {dict(paths)}; correct by stratum: { {kind: f'{sum(each)}/{len(each)}' for kind, each in sorted(strata.items())} }"
    )


def stratum(gold: str) -> str:
    """What kind of answer a gold answer is.

    >>> [stratum(gold) for gold in ("-1,200", "\\\\frac12", "x+1", "[1,2)", "\\\\begin{pmatrix}1\\\\end{pmatrix}", "east")]
    ['integer', 'fraction', 'symbolic', 'interval or set', 'matrix', 'text']
    """
    bare = tidy(gold)
    if re.fullmatch(r"[-+]?[0-9,]+", bare):
        return "integer"
    if parse_number(gold) is not None:
        return "fraction"
    if "matrix" in bare:
        return "matrix"
    if re.search(r"\\in\b|\\cup|\\\{|^[\[(].*,.*[\])]$|,", bare):
        return "interval or set"
    return "text" if re.search(r"\\text|^[A-Za-z]{2,}", bare) else "symbolic"


def in_processes(judge: Callable[[Pair], bool], pairs: list[Pair]) -> tuple[list[bool], float]:
    """Verdicts and seconds of a peer in as many processes, after their imports and the examples that a Grader's workers start with."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(WORKERS + 1)
    with context.Pool(WORKERS, warmed, (judge, ready)) as pool:
        ready.wait()
        began = time.perf_counter()
        return pool.map(judge, pairs, chunksize=16), time.perf_counter() - began


def warmed(judge: Callable[[Pair], bool], ready: Any) -> None:
    """The start of one of a peer's processes."""
    for gold, answer in WARM_UP_PAIRS:
        judge(Pair(gold, f"${answer}$", True))
    ready.wait()


def as_trl(pair: Pair) -> bool:
    """TRL's reward function."""
    logging.disable(logging.CRITICAL)
    from trl.rewards import accuracy_reward

    return accuracy_reward([[{"role": "assistant", "content": pair.text}]], [f"${pair.gold}$"])[0] == 1.0


def as_verl(pair: Pair) -> bool:
    """Math-Verify's metric with the targets that verl's scorer gives it."""
    from math_verify.metric import math_metric
    from math_verify.parser import ExprExtractionConfig, LatexExtractionConfig

    logging.disable(logging.CRITICAL)
    metric = math_metric(
        gold_extraction_target=(LatexExtractionConfig(),),
        pred_extraction_target=(ExprExtractionConfig(), LatexExtractionConfig()),
    )
    try:
        return metric([f"\\boxed{{{pair.gold}}}"], [pair.text])[0] == 1.0
    except Exception:  # noqa: BLE001  # verl counts whatever is raised as 0
        return False


def symbolic(quick: bool, attempts: int) -> Claim:
    """The symbolic path alone: distinct pairs that no exact path decides, `attempts` of them to one gold."""
    count = 200 if quick else 800
    kinds = (
        ("x^2+{n}x+1", "{m}+{n}x+x^2"),
        ("\\frac{{\\sqrt{{{n}}}}}{{2}}", "\\frac{{{m}}}{{2\\sqrt{{{n}}}}}"),
        ("[{n},\\infty)", "x \\ge {m}"),
        ("\\{{{n},1\\}}", "\\{{{m},{n}\\}}"),
    )
    numbers = range(2, 2 + count // (4 * attempts))
    pairs = [
        Pair(gold.format(n=n), f"So \\boxed{{{said.format(n=n, m=m)}}}.", True)
        for n in numbers
        for gold, said in kinds
        for m in range(1, 1 + attempts)
    ]
    return rate_of(f"the symbolic path alone, 2 workers, {attempts} distinct answers a gold", pairs, 800)


def real_golds(path: Path, quick: bool) -> Claim:
    """The symbolic path alone on golds of MATH, one answer each: the gold plus 0, or another problem's gold."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    golds = sorted({gold for row in rows if parse_number(gold := str(row["answer"])) is None and len(gold) < 80})
    random.Random(3).shuffle(golds)
    golds = golds[: 200 if quick else 800]
    said = [f"{gold}+0" if index % 2 else golds[index - 1] for index, gold in enumerate(golds)]
    pairs = [Pair(gold, f"So \\boxed{{{answer}}}.", True) for gold, answer in zip(golds, said, strict=True)]
    return rate_of("the symbolic path alone, 2 workers, golds of MATH", pairs, 800)


def rate_of(name: str, pairs: list[Pair], full: int) -> Claim:
    """Pairs a second of those that no exact path decides; disagreements with Math-Verify are printed."""
    pairs = [pair for pair in pairs if Math().glance(as_case(pair)) is None]
    verdicts, ours_s = by_grader(pairs)
    direct, direct_s = in_processes(verify_directly, pairs)
    odd = [
        pair
        for pair, verdict, other in zip(pairs, verdicts, direct, strict=True)
        if (verdict.outcome == "correct") != other
    ]
    told = dict(Counter(f"{v.outcome}, {v.reason}" for v in verdicts))
    print(f"{name}: {told}; unlike Math-Verify: {[(pair.gold, pair.text) for pair in odd]}")
    rate = len(pairs) / ours_s
    return Claim(name, rate, len(pairs) / direct_s, rate, ">= 250", rate >= 250, "pairs/s", len(pairs), full)


def long_answers(pairs: list[Pair]) -> Claim:
    """Answers of 60 kB: recorded texts one after the other, the last one's answer at the end. Math-Verify is given a few of them."""
    texts = [pair.text for pair in pairs]
    made = []
    for index in range(80):
        body = ""
        while len(body) < 60_000:
            body += texts[(index * 37 + len(body)) % len(texts)].replace("boxed", "text") + "\n"
        made.append(Pair(pairs[index].gold, f"{body}\n{pairs[index].text}", pairs[index].published))
    verdicts, ours_s = by_grader(made)
    direct, direct_s = in_processes(verify_directly, made[:16])
    same = sum((verdict.outcome == "correct") == other for verdict, other in zip(verdicts, direct))
    right = sum((verdict.outcome == "correct") == pair.published for verdict, pair in zip(verdicts, made, strict=True))
    print(f"60 kB: {same} of {len(direct)} verdicts as Math-Verify's, {right} of {len(made)} as published")
    ratio = (len(made) / ours_s) / (len(direct) / direct_s)
    return Claim(
        "answers of 60 kB",
        len(made) / ours_s,
        len(direct) / direct_s,
        ratio,
        ">= 2",
        ratio >= 2,
        "pairs/s",
        len(made),
        80,
    )


def verify_directly(pair: Pair) -> bool:
    """What Math-Verify's README shows."""
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    return bool(verify(parse(f"${pair.gold}$"), parse(pair.text)))


def as_case(pair: Pair) -> GradingCase:
    """A recorded answer as one attempt at one problem."""
    problem = Problem.of("recorded")
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(
        request, 0, policy=Policy("recorded", "0"), engine="replay", text=pair.text, tokens=0, finish="stop"
    )
    return GradingCase(problem, Label.of(problem.id, pair.gold, verifier="math"), rollout)


def gsm8k(path: Path) -> list[Pair]:
    """Four models' solutions; the gold answer stands after 'A:'."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    solved = [
        (row["ground_truth"].rsplit("A:", 1)[-1].strip(), value)
        for row in rows
        for value in row.values()
        if isinstance(value, dict)
    ]
    return [Pair(gold, value["solution"], bool(value["is_correct"])) for gold, value in solved]


def maths(path: Path) -> list[Pair]:
    """Eight responses to each of a hundred problems."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Pair(row["gt"], text, bool(score))
        for row in rows
        for text, score in zip(row["code"], row["score"], strict=True)
    ]


if __name__ == "__main__":
    main()
