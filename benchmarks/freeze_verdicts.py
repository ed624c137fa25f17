"""Freeze what the verifiers judge right today: `python -m benchmarks.freeze_verdicts` writes `tests/verifiers/frozen_verdicts.jsonl.gz`.

Rows: the bundled sets' golds and some sixty golds of other kinds in usual forms, each also beside its neighbour's gold; the bundled
recordings' distinct answers; and every case that the verifiers' own tests judge. A constructed row is kept only where today's verdict is
what its construction says. The file is written once, before a verdict changes: `test_frozen_verdicts.py` compares, and
`frozen_changes.jsonl` lists what changed since, with its reason.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet
import pytest

from assay.core.types import Finish, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.verifiers.choice import Choice
from assay.verifiers.exact import Exact
from assay.verifiers.math.verifier import Math
from assay.verifiers.numeric import Numeric

DATA, TESTS = Path("src/assay/data"), Path("tests/verifiers")
TARGET = TESTS / "frozen_verdicts.jsonl.gz"
TABLES = ("math", "numeric", "choice", "exact", "defects")  # the tests whose cases are kept
LONGEST = 500  # characters of a text that is kept
RECORDED = 2_500  # distinct answers of one recording
FORMS = (
    r"Thus \boxed{%s}.",
    "So we are done.\nThe answer is %s.",
    "**%s**",
    "#### %s",
    "%s",
    "Therefore\n\\[ \\boxed{ %s } \\]\nas said.",
)
OTHERS = (  # golds by kind, none of them from a data set
    *(
        "-7",
        "0",
        "1,024",
        "3.75",
        "-0.5",
        "12,345,678",
        "\\frac{3}{8}",
        "-\\frac{11}{4}",
        "7/9",
        "2\\frac{1}{3}",
        "\\dfrac{22}{7}",
    ),
    *(
        "\\sqrt{7}",
        "3\\sqrt{2}",
        "\\frac{\\sqrt{3}}{5}",
        "5+2\\sqrt{6}",
        "\\sqrt[3]{9}",
        "\\pi",
        "\\frac{3\\pi}{4}",
        "12\\pi",
        "e^{3}",
        "\\ln 5",
        "\\log_2 7",
    ),
    *("x+4", "3x-2", "x^2-5x+6", "(x-2)(x+9)", "\\frac{x}{x+1}", "a^2+b^2", "2ab", "y=3x+2", "x=8", "n(n+1)"),
    *(
        "(2,5)",
        "(-3,\\frac{1}{2})",
        "(1,2,3)",
        "[0,4)",
        "(-\\infty,6]",
        "[1,2]\\cup[5,8]",
        "\\{1,4,9\\}",
        "1,4,6",
        "-2, 5",
    ),
    *(
        "\\begin{pmatrix} 2 \\\\ -5 \\end{pmatrix}",
        "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
        "x>3",
        "x \\le -2",
        "2<x<7",
    ),
    *("2^{10}", "5!", "3 \\cdot 10^{8}", "2+3i", "-4i", "\\text{Tuesday}", "\\text{odd}", "(B)"),
)
PARTS: dict[str, Callable[[], Any]] = {"math": Math, "numeric": Numeric, "choice": Choice, "exact": Exact}


class Row(NamedTuple):
    """One case, and what today says."""

    verifier: str
    gold: str
    text: str
    finish: Finish
    outcome: str


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    rows = sorted({*bundled(), *other_kinds(), *recorded("tiny"), *recorded("smollm2"), *tables()})
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    options.out.write_bytes(gzip.compress(body, mtime=0))
    print(f"{len(rows)} verdicts in {options.out}, {options.out.stat().st_size} bytes")


def case_of(verifier: str, gold: str, text: str, finish: Finish = "stop") -> GradingCase:
    """An attempt at a problem whose wording names no unit."""
    problem = Problem.of("How many?")
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(
        request, 0, policy=Policy("recorded", "0"), engine="replay", text=text, tokens=0, finish=finish
    )
    return GradingCase(problem, Label.of(problem.id, gold, verifier=verifier), rollout)


def judged(verifier: str, gold: str, text: str, finish: Finish = "stop") -> Row:
    """The row of a case under today's verifier."""
    return Row(verifier, gold, text, finish, PARTS[verifier]().judge(case_of(verifier, gold, text, finish)).outcome)


def bundled() -> Iterator[Row]:
    """The golds of the bundled sets in usual forms under `math` and `numeric`, and beside their neighbours."""
    golds = [
        json.loads(line)["answer"].rsplit("####", 1)[-1].strip()
        for name in ("gsm8k", "svamp")
        for line in lines(DATA / f"{name}_300.jsonl")
    ]
    for verifier in ("math", "numeric"):
        yield from usual(verifier, golds, FORMS)


def other_kinds() -> Iterator[Row]:
    """Golds of other kinds under `math`."""
    yield from usual("math", list(OTHERS), FORMS)


def usual(verifier: str, golds: list[str], forms: tuple[str, ...]) -> Iterator[Row]:
    """Each gold in each form, and the next gold in a box; only what today judges as constructed."""
    for gold, neighbour in zip(golds, [*golds[1:], golds[0]]):
        for form in forms:
            if (row := judged(verifier, gold, form % gold)).outcome == "correct":
                yield row
        row = judged(verifier, gold, f"Hence \\boxed{{{neighbour}}}.")
        if neighbour != gold and row.outcome == "wrong":
            yield row


def recorded(name: str) -> Iterator[Row]:
    """Distinct answers of a bundled recording, evenly spread, whose stored outcome is today's."""
    table = pyarrow.parquet.read_table(
        DATA / "recordings" / f"{name}.parquet", columns=["answer", "text", "finish", "outcome"]
    )
    rows = sorted({tuple(row.values()) for row in table.to_pylist()})
    for gold, text, finish, outcome in rows[:: len(rows) // RECORDED + 1]:
        if (row := judged("math", gold, text, finish)).outcome == outcome:
            yield row


def tables() -> Iterator[Row]:
    """What the verifiers' own tests judge: collected while they run, and kept only if all of them pass."""
    seen: set[Row] = set()
    watched = [
        watch(part, verifier, seen) for verifier, part in ((name, type(build())) for name, build in PARTS.items())
    ]
    code = pytest.main(["-q", "-p", "no:cacheprovider", *(str(TESTS / f"test_{name}.py") for name in TABLES)])
    for undo in watched:
        undo()
    if code != 0:
        sys.exit("the verifiers' tests fail: freeze only what passes")
    yield from seen


def watch(part: Any, verifier: str, seen: set[Row]) -> Callable[[], None]:
    """Notes each short case that a verifier with its usual settings judges; the result undoes it."""
    judge = part.judge

    def noted(self: Any, case: GradingCase) -> Any:
        verdict = judge(self, case)
        if (
            self == part()
            and len(case.rollout.text) <= LONGEST
            and case.problem == Problem.of("How many?")
            and case.rollout.finish != "error"
        ):
            seen.add(Row(verifier, case.label.answer, case.rollout.text, case.rollout.finish, verdict.outcome))
        return verdict

    part.judge = noted
    return lambda: setattr(part, "judge", judge)


def lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    main()
