"""Are the gold answers of public sets accepted in the usual forms of an answer, and other problems' golds refused?

Each gold is judged in five forms: boxed, "the answer is", bold, `<answer>` and on the last line; once as it stands (not accepted: a false
negative) and once with the answer of another problem of its set in its place (accepted: a false positive, unless both mean the same). Sets are
read from --data or ASSAY_DATA (`gsm8k/test.jsonl`, `math/math500.jsonl`, ...) and from --sets, a folder with one folder per set, as evaluation
harnesses publish them. What is missing is skipped. Rows that are not accepted are printed, with what was read and why.
"""

import argparse
import ast
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict
from assay.maths.text.options import listed_options, parsed_options
from assay.verifiers.answers.plain_text import restore_escapes
from assay.verifiers.pool.grader import Grader
from benchmarks.claims import Claim, publish

FORMS: dict[str, Callable[[str], str]] = {
    "boxed": lambda answer: f"We work it out.\n\nSo the result is $\\boxed{{{undressed(answer)}}}$.",
    "answer is": lambda answer: f"We work it out. The answer is {answer}.",
    "bold": lambda answer: f"We work it out.\n\nSo the result is **{answer}**.",
    "tag": lambda answer: f"<think>We work it out.</think>\n<answer>{answer}</answer>",
    "last line": lambda answer: f"We work it out.\n\n{answer}",
}
REASONS = {  # why a gold is no answer that a model would write in such a form
    r"\n": "a gold of several lines",
    r"[a-z0-9$)}] ?\. +[A-Z]": "a gold of several sentences",
}
GOLD = (
    "answer",
    "final_answer",
    "target",
    "Answer",
    "correct",
    "label",
)  # fields that hold a gold, in the order of trust


class Gold(NamedTuple):
    """A gold answer as its set holds it, how a model would write it, and the options beside it."""

    gold: str
    answer: str
    options: tuple[tuple[str, str], ...]
    verifier: str


def main() -> None:
    """Measures every set there is and prints a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most 100 golds of a set")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASSAY_DATA", "")))
    parser.add_argument("--sets", type=Path, help="a folder with one folder a set")
    settings = parser.parse_args()
    claims = accuracy(settings.data, settings.sets, most=100 if settings.quick else 1_000)
    publish("gold_forms", claims) if claims else print("skipped: no set under --data, ASSAY_DATA or --sets")


def accuracy(data: Path, sets: Path | None, *, most: int) -> list[Claim]:
    """One claim a set: the share of its golds that are accepted leniently in each form, and what is accepted wrongly."""
    known = {
        "GSM8K": data / "gsm8k/test.jsonl",
        "MATH (train)": data / "math/train.json",
        "MATH-500": data / "math/math500.jsonl",
        "SVAMP": data / "easy_math/svamp.jsonl",
        "MAWPS": data / "easy_math/mawps.jsonl",
        "ASDiv": data / "easy_math/asdiv.jsonl",
        "DeepMind": data / "deepmind_mathematics/test.json",
    }
    folders = {path.parent.name: path for path in sorted(sets.glob("*/test.jsonl"))} if sets else {}
    files = {name: path for name, path in {**known, **folders}.items() if path.is_file() and path.stat().st_size}
    with Grader(workers=2) as grader:
        return [claim for name, path in files.items() for claim in of_set(grader, name, list(golds(path)), most)]


def of_set(grader: Grader, name: str, rows: list[Gold], most: int) -> list[Claim]:
    """The claims of one set."""
    random.Random(16).shuffle(rows)
    rows, full = rows[:most], len(rows)
    if not rows:
        return []
    fitting = sum(not reason_of(gold.gold) for gold in rows)
    others = [
        next((row.answer for row in rows[index + 1 :] + rows[:index] if row.answer != gold.answer), "no other")
        for index, gold in enumerate(rows)
    ]
    texts = [(gold, form, gold.answer) for gold in rows for form in FORMS]
    wrong = [(gold, form, other) for gold, other in zip(rows, others, strict=True) for form in FORMS]
    verdicts = grader.judge([case(gold, FORMS[form](dressed(answer))) for gold, form, answer in texts])
    refuted = grader.judge([case(gold, FORMS[form](dressed(answer))) for gold, form, answer in wrong])
    strict = sum(verdict.outcome == "correct" for verdict in verdicts) / len(verdicts)
    accepted = {
        form: sum(lenient(v) for (_, each, _), v in zip(texts, verdicts, strict=True) if each == form) / len(rows)
        for form in FORMS
    }
    print(
        f"{name}: strict {strict:.4f}, lenient " + ", ".join(f"{form} {share:.4f}" for form, share in accepted.items())
    )
    aside = {
        form: sum(
            lenient(v)
            for (gold, each, _), v in zip(texts, verdicts, strict=True)
            if each == form and not reason_of(gold.gold)
        )
        / max(fitting, 1)
        for form in FORMS
    }
    for label, pairs, results, odd in (
        ("not accepted", texts, verdicts, False),
        ("accepted wrongly", wrong, refuted, True),
    ):
        for (gold, form, answer), verdict in zip(pairs, results, strict=True):
            if lenient(verdict) == odd:
                read = f"read {verdict.extracted[:60]!r}: {verdict.outcome}, {verdict.reason[:60]}"
                print(f"  {label}: gold {gold.gold[:60]!r}, {form} {answer[:60]!r}, {read} {reason_of(gold.gold)}")
    least, judged = min(accepted.values()), min(aside.values())
    false = sum(map(lenient, refuted)) / len(refuted)
    title = f"golds of {name}, {len(rows)} of {full}"
    return [
        Claim(
            f"{title}: accepted in the worst of five forms; ratio: {len(rows) - fitting} golds of several lines or sentences aside",
            least,
            strict,
            judged,
            ">= .99",
            judged >= 0.99,
            "share",
            len(rows),
            full,
        ),
        Claim(f"{title}: another's answer accepted", false, 0.0, false, "(told)", True, "share", len(rows), full),
    ]


def reason_of(gold: str) -> str:
    """Why no model would write this gold as one answer; "" where it might."""
    return next(
        (reason for pattern, reason in REASONS.items() if re.search(pattern, restore_escapes(gold).strip())), ""
    )


def undressed(answer: str) -> str:
    """An answer without the dollar signs around the whole of it, and without its full stop."""
    bare = answer.removesuffix(".")
    return bare[1:-1] if bare.startswith("$") and bare.endswith("$") and "$" not in bare[1:-1] else bare


def lenient(verdict: Verdict) -> bool:
    """Whether a person would accept it."""
    return (verdict.lenient or verdict.outcome) == "correct"


def dressed(answer: str) -> str:
    """Mathematics between dollar signs, as models write it."""
    return (
        f"${answer}$"
        if re.search(r"[\\^_]", answer) and "$" not in answer and not answer.startswith("\\text{")
        else answer
    )


def golds(path: Path) -> Iterator[Gold]:
    """The golds of one file."""
    text = path.read_text(encoding="utf-8")
    rows = (
        json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines() if line.strip()]
    )
    for row in rows:
        options = parsed_options(row["options"]) if row.get("options") else listed_options(row)
        gold = gold_of(row)
        if gold and options:
            yield Gold(
                gold,
                "ABCDEFGHIJ"[int(gold)] if gold.isdecimal() and int(gold) < len(options) else gold,
                tuple(options.items()),
                "choice",
            )
        elif gold:
            yield Gold(gold, restore_escapes(re.sub(r"(?<=\d)\s*\([a-z][\w /.-]*\)$", "", gold)).strip(), (), "math")


def gold_of(row: dict[str, Any]) -> str:
    """A row's gold answer: its field, the number behind `####`, the only element of a list, or the box of its solution."""
    value = next((row[name] for name in GOLD if row.get(name) not in (None, "", [])), None)
    if isinstance(value, str) and value.startswith("['"):
        value = ast.literal_eval(value)
    if isinstance(value, list):
        return str(value[0]) if len(value) == 1 else ""
    if value is None:
        boxes = re.findall(r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}", str(row.get("solution", "")))
        return boxes[-1] if len(boxes) == 1 else ""
    if isinstance(value, float):
        return format(value, "g") if value < 1e6 else str(value)
    return str(value).rpartition("####")[2].strip()


def case(gold: Gold, text: str) -> GradingCase:
    """A text as a finished attempt at a problem with this gold."""
    problem = Problem.of("recorded", metadata={"options": dict(gold.options)} if gold.options else None)
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(
        request, 0, policy=Policy("recorded", "0"), engine="replay", text=text, tokens=0, finish="stop"
    )
    return GradingCase(problem, Label.of(problem.id, gold.gold, verifier=gold.verifier), rollout)


if __name__ == "__main__":
    main()
