"""How often `math` is wrong, both ways: near misses that must not be accepted, golds in other dress that must be, and Math-Verify's own pairs.

`python -m benchmarks.grading_accuracy --data FOLDER [--pairs FOLDER]`. Near misses are made by rule from real golds (GSM8K, MATH, ASDiv,
MAWPS, SVAMP): one digit, the sign, the unit, the order, a neighbour's answer, a factor of ten, a closed bracket, a digit of an expression that
is another one or stands on the other side of a brace. Golds in other dress: five usual answer forms. `--pairs` is a folder with the test files
of Math-Verify's repository, which are read as data (`ast.literal_eval`) and never run. Wrong verdicts are printed one by one.
"""

import argparse
import ast
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scipy.stats import beta

from assay.core.types import Case, Label, Policy, Problem, Request, Rollout, Sampler, Verdict
from assay.verifiers._workers import Grader
from benchmarks.claims import Claim, publish

NEAR_MISSES, FORMED = 3_000, 3_000
FORMS = (r"So we get \boxed{%s}.", "The answer is $%s$.", "**%s**", "<answer>%s</answer>", "We are done.\n\n%s")
UNITS = {"cm": "mm", "m": "km", "hours": "days", "minutes": "seconds", "dollars": "cents", "feet": "inches", "km": "cm", "kg": "g"}
EXCUSED = Path(__file__).parent / "grading_excused.json"  # Math-Verify's pairs that contradict the rules, each with its reason


class GoldRow(NamedTuple):
    """A real gold with its question."""

    question: str
    gold: str
    source: str


class Trial(NamedTuple):
    """A completion with what must come out."""

    question: str
    gold: str
    text: str
    kind: str


def main() -> None:
    """Measures and prints the claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every tenth trial")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    parser.add_argument("--pairs", type=Path, help="a folder with Math-Verify's test files")
    options = parser.parse_args()
    rows = golds(options.data)
    if not rows:
        print(f"skipped: no golds under {str(options.data)!r}; give their folder with --data or ASSAY_DATA")
        return
    step = 10 if options.quick else 1
    claims = [*missed(near_misses(rows)[::step]), *formed(forms(rows)[::step])]
    if options.pairs:
        claims.append(published(options.pairs))
    publish("grading_accuracy", claims)


def golds(folder: Path) -> list[GoldRow]:
    """The golds of the sets that are there."""
    rows: list[GoldRow] = []
    if (path := folder / "gsm8k/test.jsonl").is_file():
        rows += [GoldRow(row["question"], row["answer"].rsplit("####", 1)[-1].strip(), "GSM8K") for row in lines(path)]
    if (path := folder / "math/train.json").is_file():
        rows += [GoldRow(row["problem"], str(row["answer"]), "MATH") for row in json.loads(path.read_text(encoding="utf-8"))]
    if (path := folder / "math/math500.jsonl").is_file():
        rows += [GoldRow(row["problem"], str(row["answer"]), "MATH-500") for row in lines(path)]
    if (path := folder / "easy_math/asdiv.jsonl").is_file():
        rows += [GoldRow(f"{row['body']} {row['question']}", str(row["answer"]), "ASDiv") for row in lines(path)]
    if (path := folder / "easy_math/mawps.jsonl").is_file():
        rows += [GoldRow(str(row["input"]), str(row["target"]), "MAWPS") for row in lines(path)]
    if (path := folder / "easy_math/svamp.jsonl").is_file():
        rows += [GoldRow(f"{row['Body']} {row['Question']}", str(row["Answer"]), "SVAMP") for row in lines(path)]
    return rows


def lines(path: Path) -> list[dict[str, str]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def near_misses(rows: list[GoldRow]) -> list[Trial]:
    """Answers beside the gold that are wrong by construction, as many of each kind as there are, at most 3,000."""
    rng = random.Random(16)
    chosen = rng.sample(rows, len(rows))
    trials = [trial for index, row in enumerate(chosen) for trial in spoiled(row, chosen[index - 1], rng)]
    by_kind: dict[str, list[Trial]] = {}
    for trial in trials:
        by_kind.setdefault(trial.kind, []).append(trial)
    share = NEAR_MISSES // len(by_kind)
    taken = [trial for kind in by_kind.values() for trial in kind[:share]]
    rest = [trial for kind in by_kind.values() for trial in kind[share:]]
    return taken + rest[: NEAR_MISSES - len(taken)]


def spoiled(row: GoldRow, neighbour: GoldRow, rng: random.Random) -> Iterator[Trial]:
    """Wrong answers to one problem."""

    def trial(answer: str, kind: str) -> Trial:
        return Trial(row.question, row.gold, rng.choice(FORMS) % answer, kind)

    gold = row.gold
    if digits := list(re.finditer(r"\d", gold)):
        at = rng.choice(digits).start()
        if not_free(gold, at):
            yield trial(gold[:at] + str((int(gold[at]) + rng.randint(1, 8)) % 10) + gold[at + 1 :], "digit")
    yield from (trial(answer, kind) for answer, kind in respelled(gold, rng))
    plain = re.fullmatch(r"\d[\d,]*(?:\.\d+)?|\\frac\{\d+\}\{\d+\}|\\sqrt\{\d+\}", gold)
    if plain and re.search("[1-9]", gold):
        yield trial(f"-{gold}", "sign")
        yield trial(f"{gold}0" if gold.isdigit() else f"10 \\cdot {gold}", "factor of ten")
    if plain and re.search("[1-9]", gold) and (unit := rng.choice(list(UNITS))):
        yield Trial(row.question, f"{gold} \\text{{ {unit}}}", f"\\boxed{{{gold} \\text{{ {UNITS[unit]}}}}}", "unit")
    if (pair := re.fullmatch(r"([(\[])([^,()]+),([^,()]+)([)\]])", gold)) and pair[2].strip() != pair[3].strip():
        yield trial(f"{pair[1]}{pair[3].strip()},{pair[2].strip()}{pair[4]}", "order")
        if "infty" not in pair[2]:
            yield trial(f"{'[' if pair[1] == '(' else '('}{pair[2]},{pair[3]}{pair[4]}", "bracket")
    if squeezed(neighbour.gold) != squeezed(gold):
        yield trial(neighbour.gold, "neighbour")


def respelled(gold: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """(answer, kind): a digit of an expression changed, or moved over a brace; of golds without 0 and 1, which may hide what they stand beside."""
    if not re.fullmatch(r"(?:[2-9a-z+\-^{}() ]|\\frac|\\sqrt|\\pi)*(?:[a-z^])(?:[2-9a-z+\-^{}() ]|\\frac|\\sqrt|\\pi)*", gold) or "{}" in gold:
        return
    if digits := list(re.finditer(r"[2-9]", gold)):
        at = rng.choice(digits).start()
        yield gold[:at] + str((int(gold[at]) - 2 + rng.randint(1, 7)) % 8 + 2) + gold[at + 1 :], "digit of an expression"
    for pattern, moved in (
        (r"(\^|\\sqrt)\{(\d+)(\d)\}", r"\1{\2}\3"),
        (r"\\frac\{(\d+)(\d)\}\{(\d+)\}", r"\\frac{\1}{\2\3}"),
        (r"\\frac\{(\d+)\}\{(\d)(\d+)\}", r"\\frac{\1\2}{\3}"),
    ):
        if re.search(pattern, gold):
            yield re.sub(pattern, moved, gold, count=1), "digit over a brace"


def not_free(gold: str, at: int) -> bool:
    """Whether changing a digit changes the value: no leading zero, no seventh decimal, nothing raised to it or divided by it."""
    return gold[at] != "0" and not re.search(r"\.\d{6,}|[\^!(a-z]|frac", gold)


def squeezed(gold: str) -> str:
    """A gold without what dresses it, so that equal neighbours are no near misses."""
    bare = re.sub(r"[\s,$\\{}%]|text|\(.*?\)$|dfrac|frac", "", gold).lower()
    return bare.removesuffix(".00").removesuffix(".0") or bare


def forms(rows: list[GoldRow]) -> list[Trial]:
    """Golds in five usual answer forms."""
    rng = random.Random(61)
    return [
        Trial(row.question, row.gold, FORMS[index % len(FORMS)] % row.gold, row.source)
        for index, row in enumerate(rng.sample(rows, min(FORMED, len(rows))))
    ]


def missed(trials: list[Trial]) -> list[Claim]:
    """False accepts, strict and lenient."""
    verdicts = judge(trials)
    claims = []
    for mode, bar in (("strict", 0.001), ("lenient", None)):
        accepted = [(trial, verdict) for trial, verdict in zip(trials, verdicts, strict=True) if right(verdict, mode)]
        upper = float(beta.ppf(0.95, len(accepted) + 1, len(trials) - len(accepted)))
        print(f"{mode} false accepts {len(accepted)} of {len(trials)}, by kind {counted(accepted)}; upper bound {upper:.4f}")
        for trial, verdict in accepted:
            print(f"  {trial.kind}: gold {trial.gold!r}, read {verdict.extracted!r} ({verdict.reason})")
        claim = f"near misses accepted, {mode}; peer: upper bound of the interval (95%, one-sided)"
        told = f"<= {bar}" if bar else "(told)"
        claims.append(Claim(claim, len(accepted) / len(trials), upper, upper, told, bar is None or upper <= bar, "share", len(trials), NEAR_MISSES))
    return claims


def formed(trials: list[Trial]) -> list[Claim]:
    """False rejects, strict and lenient."""
    verdicts = judge(trials)
    claims = []
    for mode, bar in (("strict", 0.02), ("lenient", 0.005)):
        refused = [(trial, verdict) for trial, verdict in zip(trials, verdicts, strict=True) if not right(verdict, mode)]
        print(f"{mode} false rejects {len(refused)} of {len(trials)}, by set {counted(refused)}")
        for trial, verdict in refused:
            print(f"  {trial.kind}: gold {trial.gold!r}, text {trial.text[-60:]!r}, read {verdict.extracted!r} ({verdict.outcome}, {verdict.reason})")
        share = len(refused) / len(trials)
        claims.append(
            Claim(f"golds in usual forms refused, {mode}", share, bar, share / bar, f"<= {bar}", share <= bar, "share", len(trials), FORMED)
        )
    return claims


def published(folder: Path) -> Claim:
    """Math-Verify's pairs, as its tests hold them, judged leniently; those that contradict the rules are excused by name and reason."""
    excused = json.loads(EXCUSED.read_text(encoding="utf-8"))
    trials = pairs(folder)
    verdicts = judge([trial for trial, _ in trials])
    odd = Counter[str]()
    for (trial, expected), verdict in zip(trials, verdicts, strict=True):
        if right(verdict, "lenient") != expected:
            reason = excused.get(trial.kind)
            odd["excused" if reason else "unlike"] += 1
            if not reason:
                print(f"  {trial.kind}: gold {trial.gold[-60:]!r}, text {trial.text[-60:]!r}: published {expected}, {verdict.outcome}")
    print(f"Math-Verify's pairs: {len(trials)}, excused by a rule {odd['excused']}, unlike {odd['unlike']}")
    return Claim(
        "Math-Verify's own pairs judged otherwise without a rule",
        odd["unlike"],
        0,
        float(odd["unlike"]),
        "<= 0",
        not odd["unlike"],
        "pairs",
        len(trials),
    )


def pairs(folder: Path) -> list[tuple[Trial, bool]]:
    """(gold, text) of every parametrised test that has both as text, and whether they are equal there; a row is named by its test and place."""
    found: list[tuple[Trial, bool]] = []
    for path in sorted(folder.rglob("test_*.py")):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(function, ast.FunctionDef):
                continue
            for names, rows in tables(function):
                for index, row in enumerate(rows):
                    cells = dict(zip(names, row))
                    expected = cells.get("expected", cells.get("result"))
                    if isinstance(cells.get("gold"), str) and isinstance(cells.get("pred"), str):
                        trial = Trial("How many?", str(cells["gold"]), str(cells["pred"]), f"{function.name} {index}")
                        found.append((trial, bool(expected)))
    return found


def tables(function: ast.FunctionDef) -> Iterator[tuple[list[str], list[tuple[object, ...]]]]:
    """The literal tables of a test's `parametrize` decorators."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "parametrize":
            try:
                names, rows = (ast.literal_eval(argument) for argument in decorator.args[:2])
            except ValueError:
                continue
            yield [name.strip() for name in names.split(",")], rows


def counted(pairs: list[tuple[Trial, Verdict]]) -> dict[str, int]:
    """How many of each kind."""
    return dict(Counter(trial.kind for trial, _ in pairs))


def judge(trials: list[Trial]) -> list[Verdict]:
    """Verdicts in order."""
    with Grader(workers=2) as grader:
        return grader.judge([as_case(trial) for trial in trials])


def right(verdict: Verdict, mode: str) -> bool:
    """Whether a verdict is correct in a mode."""
    return (verdict.lenient or verdict.outcome if mode == "lenient" else verdict.outcome) == "correct"


def as_case(trial: Trial) -> Case:
    """A trial as one attempt."""
    problem = Problem.of(trial.question)
    request = Request(problem.id, problem.messages, Sampler(), (0,), 0)
    rollout = Rollout.of(request, 0, policy=Policy("made", "0"), engine="replay", text=trial.text, tokens=0, finish="stop")
    return Case(problem, Label.of(problem.id, trial.gold, verifier="math"), rollout)


if __name__ == "__main__":
    main()
