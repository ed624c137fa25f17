"""One hostile pair in ten: what they cost the honest ones, and whether honest golds are refused.

Nine families of hostile answers; the last three are the shapes of reported defects (Math-Verify #65 "forever hang" and #63, a time-out that
leaks; verl PR #6673, one degenerate response that froze a serial driver). Then the same with two more that no screen knows, whose kills buy the
batch time: a row of its own, since nine families that are all screened leave next to no slack. The time of a mixed batch may be that of the honest
pairs + killed x limit / workers, and 10%. Golds: `math/train.json` and `math/math500.jsonl`
under --data or ASSAY_DATA; without them that claim is left out.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from assay.core.types import Label, Verdict
from assay.verifiers.pool.grader import Grader
from benchmarks.claims import Claim, publish
from benchmarks.grading import Pair, as_case

LIMIT_S, WORKERS = 2.0, 2
FAMILIES = (
    lambda n: f"$({n}!)!!$",
    lambda n: f"$\\sqrt[{n}]{{{n}^{{10^{{12}}}}}}$",
    lambda n: "\\boxed{" + "(" * 30 + f"x^{n}" + ")^2" * 30 + "}",
    lambda n: f"$\\sum_{{k=1}}^{{10^{{{n}}}}} \\frac{{1}}{{k^k}}$",
    lambda n: f"\\boxed{{{'x+' * 1500}{n}}}",
    lambda n: f"$\\binom{{10^{{{n}}}}}{{{10**9 + n}}}$",
    lambda n: f"$2^{{2^{{2^{{2^{{{n + 90}}}}}}}}}$",  # Math-Verify #65
    lambda n: f"${n}00000000!$",  # Math-Verify #63
    lambda n: f"\\boxed{{{n}" * 4000,  # verl PR #6673
)
UNSCREENED = (
    lambda n: f"$\\int_0^{{{n}}} e^{{e^{{x^x}}}} dx$",
    lambda n: f"$\\sum_{{k=1}}^{{10^{{6}}}} {n}^k$",
)


def main() -> None:
    """Measures both batches and the golds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="180 honest pairs in place of 540; every tenth gold")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    given = parser.parse_args()
    full = 540
    count = full // 3 if given.quick else full
    claims = median(count, full, FAMILIES) + median(count, full, FAMILIES + UNSCREENED)
    if (given.data / "math/train.json").is_file():
        claims.append(golds(given.data, 10 if given.quick else 1))
    publish("hostile", claims)


def median(count: int, full: int, families: Sequence[Callable[[int], str]]) -> list[Claim]:
    """The claims of that run of nine whose time lies in the middle, as a share of what was allowed.

    Single runs lie .15 around their middle on two cores, and half of them between .92 and .98.
    """
    runs = sorted((mixed(count, full, families) for _ in range(9)), key=lambda claims: claims[0].ratio)
    print(f"{len(families)} families, time / allowed: {', '.join(f'{claims[0].ratio:.2f}' for claims in runs)}")
    return runs[4]


def mixed(count: int, full: int, families: Sequence[Callable[[int], str]]) -> list[Claim]:
    """Honest pairs alone, and with one hostile pair after every nine."""
    honest = [Pair(f"x^2+{n}", f"It is \\boxed{{{n + n % 2}+x^2}}.", n % 2 == 0) for n in range(count)]
    hostile = [Pair("x+1", families[n % len(families)](n + 3), False) for n in range(count // 9)]
    batch = [pair for n in range(0, count, 9) for pair in (*honest[n : n + 9], hostile[n // 9])]
    alone, alone_s, _ = graded(honest)
    verdicts, mixed_s, pids = graded(batch)
    killed = sum(verdict.reason.startswith("time limit") for verdict in verdicts)
    kept = [verdict for pair, verdict in zip(batch, verdicts, strict=True) if pair in set(honest)]
    changed = sum(one.outcome != other.outcome for one, other in zip(alone, kept, strict=True))
    allowed = (alone_s + killed * LIMIT_S / WORKERS) * 1.1
    told = sorted({(v.outcome, v.reason[:40]) for pair, v in zip(batch, verdicts, strict=True) if pair in set(hostile)})
    print(
        f"{len(hostile)} hostile pairs of {len(families)} families among {count}: {killed} killed; verdicts of hostile pairs: {told}"
    )
    left = sum(Path(f"/proc/{pid}").exists() for pid in pids)
    passed = sum(v.outcome == "correct" for pair, v in zip(batch, verdicts, strict=True) if pair in set(hostile))
    among = f"{len(families)} families"
    return [
        Claim(
            f"a batch with 10% hostile pairs of {len(families)} families: seconds, beside what is allowed",
            mixed_s,
            allowed,
            mixed_s / allowed,
            "<= 1",
            mixed_s <= allowed,
            "s",
            count,
            full,
        ),
        Claim(
            f"honest verdicts that hostile neighbours changed, {len(families)} families",
            changed,
            0,
            float(changed),
            "<= 0",
            changed == 0,
            "answers",
            count,
            full,
        ),
        Claim(
            f"hostile answers that were accepted, {len(families)} families",
            passed,
            0,
            float(passed),
            "<= 0",
            passed == 0,
            "answers",
            len(hostile),
            full // 9,
        ),
        Claim(f"processes left over, {among}", left, 0, float(left), "<= 0", left == 0, "processes"),
    ]


def graded(pairs: list[Pair]) -> tuple[list[Verdict], float, tuple[int, ...]]:
    """Verdicts, seconds, and the processes that were there at the end."""
    with Grader(limit_s=LIMIT_S, workers=WORKERS) as grader:
        grader.warm("math")
        began = time.perf_counter()
        verdicts = grader.judge([as_case(pair) for pair in pairs])
        took, pids = time.perf_counter() - began, grader.pids
    return verdicts, took, pids


def golds(data: Path, step: int) -> Claim:
    """Golds of MATH that are refused as unreadable."""
    train = [str(row["answer"]) for row in json.loads((data / "math/train.json").read_text(encoding="utf-8"))]
    test = [
        str(json.loads(line)["answer"])
        for line in (data / "math/math500.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    answers = (train + test)[::step]
    with Grader(workers=WORKERS) as grader:
        read = grader.reads([Label.of("gold", answer, verifier="math") for answer in answers])
    empty = sum(not answer.strip() for answer in answers)  # no golds at all
    refused = [answer for answer, fine in zip(answers, read, strict=True) if not fine and answer.strip()]
    print(f"golds: {len(answers)}, of which empty: {empty}; refused: {refused}")
    name = f"honest golds refused, MATH train and MATH-500 ({empty} empty ones aside)"
    return Claim(name, len(refused), 0, float(len(refused)), "<= 0", not refused, "golds", len(answers) - empty, 7974)


if __name__ == "__main__":
    main()
