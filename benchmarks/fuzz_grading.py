"""Fuzzes extraction and grading for some minutes: no crash of a worker's parent, no hang, no leaked process, no verdict that cannot be stored.

    python -m benchmarks.fuzz_grading --minutes 10 --seed 0

Texts are recorded-looking answers with pieces of LaTeX, marks and junk spliced in. What is drawn in the parent is judged by every verifier of
bounded time too, and must take linear time (at most a second of CPU). Each seed keeps its row of the results, so that several short runs add up.
"""

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

from assay.core.parts import build_part
from assay.verifiers.answers.extraction import find_final_answer, find_last_number
from assay.verifiers.pool.grader import Grader
from benchmarks.claims import RESULTS, Claim, publish
from benchmarks.grading import Pair, as_case

PIECES = (
    "\\boxed{", "}", "{", "####", "The answer is ", "A: ", "$", "$$", "\\[", "\\]", "\\frac", "\\dfrac{1}{2}",
    "\\sqrt{2}", "^", "_", "^{", "!", "%", "\\%", "12", "1,234", "-3", "0.5", "1/3", "x", "\\pi", "\\infty", "(", ")",
    "[", "]", ",", "\\cup", "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "\\text{", "\\left(", "\\right)", "=", "+",
    "\n", " ", "\x00", "\ud800", "９", "²", "½", "−", "**", "```python\n", "e", "i", "\\mathrm{e}", "\\sin", "\\log",
    "\\{", "\\}", "\\in", "<", "\\le", "\\pm", "p.m.", "1e9", "٣", "\u202e", "答案是", "\\boxed{\\boxed{", "answer",
    "Answer: ", "\\fbox{", "\\overline{3}", "\\ldots",
)  # fmt: skip
GOLDS = (
    "4",
    "x+1",
    "\\frac{1}{2}",
    "(1,2]",
    "\\{1,2\\}",
    "\\text{east}",
    "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
    "4:30 p.m.",
    "50\\%",
    "1.5",
    "A",
    "",
)
BOUNDED = ("numeric", "exact", "choice")
LIMIT_S, BATCH, SLOW_S = 2.0, 200, 1.0


def main() -> None:
    """Runs until the time is up, and says what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="half a minute")
    given = parser.parse_args()
    minutes = 0.5 if given.quick else given.minutes
    rng, end = random.Random(given.seed), time.monotonic() + 60 * minutes
    outcomes, broken, pids, batches = Counter[str](), list[str](), set[int](), 0
    with Grader(limit_s=LIMIT_S, workers=2) as grader:
        grader.warm("math")
        while time.monotonic() < end:
            pairs = [Pair(rng.choice(GOLDS), drawn(rng), False) for _ in range(BATCH)]
            began = time.monotonic()
            verdicts = grader.judge([as_case(pair) for pair in pairs])
            killed = sum(verdict.reason.startswith("time limit") for verdict in verdicts)
            if time.monotonic() - began > 30 + killed * (LIMIT_S + 1):
                broken.append(f"a batch took {time.monotonic() - began:.0f} s with {killed} kills")
            broken += [
                f"{pair!r}: {found}"
                for pair, verdict in zip(pairs, verdicts, strict=True)
                if (found := wrong_with(pair, verdict.extracted))
            ]
            broken += [
                f"{pair!r}: {v.reason}"
                for pair, v in zip(pairs, verdicts, strict=True)
                if v.reason.startswith("worker")
            ]
            outcomes.update(
                f"{v.outcome}, {v.reason if not v.reason[:1].isdigit() else 'other'}"[:60] for v in verdicts
            )
            pids |= set(grader.pids)
            batches += 1
    left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    cases = batches * BATCH
    print(
        f"seed {given.seed}: {cases} cases, {dict(outcomes.most_common(14))}; broken: {broken[:5]}; processes left: {left}"
    )
    bad = len(broken) + len(left)
    name = f"fuzzed cases that crashed, hung or leaked, seed {given.seed}"
    publish(
        "fuzz_grading",
        [*other_seeds(name), Claim(name, bad, 0, float(bad), "<= 0", not bad, f"cases in {minutes:g} min", cases)],
    )


def other_seeds(name: str) -> list[Claim]:
    """What runs with other seeds have recorded, so that several short runs add up."""
    file = RESULTS / "fuzz_grading.json"
    rows = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    return [Claim(**row) for row in rows if row["claim"] != name]


def drawn(rng: random.Random) -> str:
    """A text of pieces; now and then a long one."""
    count = rng.choice((3, 6, 12, 25, 400))
    text = "".join(rng.choice(PIECES) for _ in range(count))
    return rng.choice(
        (text, f"so \\boxed{{{text}}}", f"The answer is ${text}$.", f"#### {text}", text * rng.choice((1, 1, 1, 50)))
    )


def wrong_with(pair: Pair, extracted: str) -> str:
    """What is wrong with how this text is read, "" where nothing is."""
    began = time.process_time()
    try:
        extracted.encode("utf-8")
        find_final_answer(pair.text)
        find_last_number(pair.text)
        for name in BOUNDED:
            verdict = build_part("verifier", name).judge(as_case(pair))
            (verdict.extracted + verdict.reason).encode("utf-8")
    except Exception as error:  # noqa: BLE001  # finding it is the purpose
        return f"{type(error).__name__}: {error}"
    return f"{time.process_time() - began:.1f} s of CPU time" if time.process_time() - began > SLOW_S else ""


if __name__ == "__main__":
    main()
