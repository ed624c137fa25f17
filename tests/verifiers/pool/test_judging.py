import json

import pytest

from assay.core.types import Verdict
from assay.verifiers.pool.judging import answer_line
from assay.verifiers.pool.replies import MAX_TRACEBACK


def raises(error):
    def judge(row):
        raise error

    return judge


def test_what_a_verifier_returns_is_the_answer(case):
    row = case("4", "4")
    sent = Verdict.of(row, verifier="math", version="1", outcome="correct", reason="exact", lenient="wrong")
    assert json.loads(answer_line(lambda _: sent, row)) == ["judged", "correct", 1.0, "", "exact", "wrong"]
    assert json.loads(answer_line(lambda _: True, row.label)) == ["reads", True]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (ValueError("x" * 999), "raised", "ValueError: " + "x" * 200),
        (SystemExit(3), "raised", "SystemExit: 3"),
        (KeyError("\ud800"), "raised", "KeyError: '\\ud800'"),
        (MemoryError(), "memory", "memory limit"),
        (RecursionError(), "deep", "nested too deep"),
    ],
)
def test_what_it_raises_is_a_stop(case, error, kind, reason):
    line = json.loads(answer_line(raises(error), case("4", "4")))
    assert line[:3] == ["stop", kind, reason]
    assert all(__file__ in trace and len(trace) <= MAX_TRACEBACK for trace in line[3:])
    assert len(line) == (4 if kind == "raised" else 3)


def test_what_is_no_verdict_is_an_error_of_the_verifier(case):
    assert json.loads(answer_line(lambda _: "correct", case("4", "4")))[:2] == ["stop", "raised"]
