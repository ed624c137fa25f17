"""What was judged right stays judged right; what changed since is listed with its reason."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from assay.verifiers.choice import Choice
from assay.verifiers.exact import Exact
from assay.verifiers.math.verifier import Math
from assay.verifiers.numeric import Numeric

HERE = Path(__file__).parent
PARTS = {"math": Math(), "numeric": Numeric(), "choice": Choice(), "exact": Exact()}
FROZEN = [
    json.loads(line) for line in gzip.decompress((HERE / "frozen_verdicts.jsonl.gz").read_bytes()).decode().splitlines()
]
CHANGES = {
    tuple(change["row"]): change
    for change in map(json.loads, (HERE / "frozen_changes.jsonl").read_text(encoding="utf-8").splitlines())
}


@pytest.mark.parametrize("verifier", sorted(PARTS))
def test_what_was_judged_right_is_judged_the_same_or_listed_with_a_reason(case, verifier):
    rows = [row for row in FROZEN if row[0] == verifier]
    different = []
    for _, gold, text, finish, outcome in rows:
        verdict = PARTS[verifier].judge(case(gold, text, finish=finish, verifier=verifier))
        change = CHANGES.get((verifier, gold, text, finish), {"strict": outcome, "lenient": outcome})
        if [verdict.outcome, verdict.lenient or verdict.outcome] != [change["strict"], change["lenient"]]:
            different.append((gold, text, outcome, verdict.outcome, verdict.lenient, verdict.reason))
    assert rows
    assert not different


def test_every_listed_change_is_a_change_of_a_frozen_verdict_and_has_a_reason():
    frozen = {tuple(row[:4]): row[4] for row in FROZEN}
    for row, change in CHANGES.items():
        assert change["reason"]
        assert [change["strict"], change["lenient"]] != [frozen[row]] * 2


def test_the_frozen_list_holds_every_kind_of_verdict_that_a_rule_may_change():
    kinds = Counter((row[0], row[4]) for row in FROZEN)
    assert kinds["math", "correct"] > 1_000
    assert kinds["math", "wrong"] > 1_000
    assert kinds["numeric", "correct"] > 1_000
    assert kinds["choice", "correct"] > 5
