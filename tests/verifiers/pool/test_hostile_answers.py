"""Hostile answers through a whole Grader: what they run, poison, forge, flood and close stays their own."""

import sys
import time
from pathlib import Path

import pytest

from assay.verifiers.pool.grader import Grader

pytestmark = pytest.mark.service
LAB = """
import os, sys, json, builtins, time
def reward(data_source, solution_str, ground_truth, extra_info):
    return float(eval(solution_str) == eval(ground_truth))

def shared(data_source, solution_str, ground_truth, extra_info):
    return float(eval(solution_str) == eval(ground_truth))
shared.evaluates_text = False

def environment(data_source, solution_str, ground_truth, extra_info):
    return float(ground_truth in repr(dict(os.environ)) + open("/proc/self/environ").read() + open(f"/proc/{os.getppid()}/environ").read())
def files():
    for file in range(3, 64):
        try: os.fstat(file); yield file
        except OSError: pass
def forge(times):
    line = json.dumps(["judged", "correct", 1.0, "forged", "forged", None]).encode() + b"\\n"
    for file in files():
        for _ in range(times):
            try: os.write(file, line)
            except OSError: pass
def flood():
    for file in files():
        try:
            for _ in range(1000): os.write(file, b"x" * 100_000)
        except OSError: pass
def close():
    for file in files():
        os.close(file)
def linger():
    if not os.fork():
        os.setsid()
        while True:
            forge(1); time.sleep(0.05)
"""
POISON = 'exec("import sys, lab_that_evals as lab; lab.eval = lambda text: 1") or 0'


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab_that_evals.py").write_text(LAB)
    sys.path.insert(0, str(folder))
    yield "python:lab_that_evals:"
    sys.path.remove(str(folder))


def outcomes(grader, case, verifier, texts, gold="4"):
    return [verdict.outcome for verdict in grader.judge([case(gold, text, verifier=verifier) for text in texts])]


def test_an_answer_that_poisons_its_process_leaves_the_next_ones_as_they_were(case, lab):
    with Grader(workers=1) as grader:
        assert outcomes(grader, case, lab + "reward", [POISON, "5", "4", "3"]) == ["wrong", "wrong", "correct", "wrong"]
        assert outcomes(grader, case, lab + "shared", [POISON, "5"]) == [
            "wrong",
            "correct",
        ]  # it said that it runs no text, and does


def test_forged_replies_are_taken_for_the_row_at_work_alone(case, lab):
    texts = ["forge(50)", "5", "linger() or 5", "7", "8", "flood() or 5", "9", "4"]
    with Grader(limit_s=5.0, workers=1) as grader:
        verdicts = grader.judge([case("4", text, verifier=lab + "reward") for text in texts])
    assert [verdict.outcome for text, verdict in zip(texts, verdicts, strict=True) if text in ("5", "7", "8", "9")] == [
        "wrong"
    ] * 4
    assert verdicts[-1].outcome == "correct"


def test_a_process_that_closes_its_files_or_floods_them_is_a_wrong_answer(case, lab):
    with Grader(limit_s=5.0, workers=1) as grader:
        assert outcomes(grader, case, lab + "reward", ["close() or 4", "flood() or 4", "4", "5"]) == [
            "wrong",
            "wrong",
            "correct",
            "wrong",
        ]


def test_many_forged_lines_cost_a_process_that_is_shared_and_no_other_row(case, lab):
    with Grader(limit_s=5.0, workers=1) as grader:
        assert outcomes(grader, case, lab + "shared", ["forge(50) or 5", "5", "6", "4"])[1:] == [
            "wrong",
            "wrong",
            "correct",
        ]


def test_a_forged_line_that_was_written_before_a_row_came_is_not_taken_for_it(case, lab):
    early = "forge(1) or __import__('time').sleep(0.5) or forge(50) or 5"
    with Grader(limit_s=5.0, workers=1) as grader:
        assert outcomes(grader, case, lab + "shared", [early, "5", "6", "4"])[1:] == ["wrong", "wrong", "correct"]


def test_a_secret_of_the_caller_is_seen_by_no_worker_unless_the_plan_names_it(case, lab, monkeypatch):
    monkeypatch.setenv("LAB_SECRET", "sesame-5719")
    with Grader(workers=1) as scrubbed, Grader(workers=1, env=["LAB_SECRET"]) as permitted:
        assert outcomes(scrubbed, case, lab + "environment", ["x"], gold="sesame-5719") == ["wrong"]
        assert outcomes(permitted, case, lab + "environment", ["x"], gold="sesame-5719") == ["correct"]


GENERATORS = (
    "string_insertion",
    "spiral_matrix",
    "binary_matrix",
    "n_queens",
    "simple_integration",
    "intermediate_integration",
    "polynomial_multiplication",
    "puzzle24",
    "countdown",
)


@pytest.fixture(scope="module")
def gym():
    pytest.importorskip("reasoning_gym")
    with Grader(workers=1) as grader:
        yield grader


def gym_case(case, generator, text, gold="12", metadata=None):
    entry_metadata = {
        "numbers": [1, 2],
        "target": 12,
        "integrand": "x",
        "variable": "x",
        "valid_answers": ["Q"],
        **(metadata or {}),
    }
    stored = {
        "reasoning_gym": {"dataset": generator, "entry": {"question": "", "answer": gold, "metadata": entry_metadata}}
    }
    return case(gold, text, verifier="reasoning_gym", metadata=stored)


def test_no_answer_runs_in_the_grader(case, gym, tmp_path):
    mark = tmp_path / "mark"
    codes = [f"__import__('os').system('id > {mark}')", f"__import__('pathlib').Path('{mark}').touch()"]
    rows = [gym_case(case, generator, f"<answer>{code}</answer>") for generator in GENERATORS for code in codes]
    assert {verdict.outcome for verdict in gym.judge(rows)} == {"wrong"}
    assert not mark.exists()


def test_the_poison_of_the_library_changes_no_later_verdict(case, gym):
    poison = "__import__('reasoning_gym.factory').factory.__dict__.update(get_score_answer_fn=lambda name:(lambda answer, entry: 1.0))"
    texts = [poison, "987654321", "12", "1 + 1"]
    for generator in ("chain_sum", "countdown", "basic_arithmetic"):
        rows = [gym_case(case, generator, f"<answer>{text}</answer>") for text in texts]
        right = "correct" if generator != "countdown" else "wrong"
        assert [verdict.outcome for verdict in gym.judge(rows)] == ["wrong", "wrong", right, "wrong"]


def test_what_an_answer_costs_is_its_own_fault(case):
    rows = [
        gym_case(case, "coin_flip", text, gold="0.5")
        for text in ("<answer>1e999999999</answer>", "<answer>1/2</answer>", "<answer>0.4</answer>")
    ]
    with Grader(limit_s=1.0, workers=1) as grader:
        assert [verdict.outcome for verdict in grader.judge(rows)] == ["wrong", "correct", "wrong"]


def test_nothing_is_left_when_a_grader_closes(case, lab):
    with Grader(limit_s=5.0, workers=1) as grader:
        outcomes(grader, case, lab + "reward", ["4", "5"])
        pids = grader.pids
    assert len(pids) == 2
    end = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
