"""Kills, order, crashes, threads, the cache, and nothing left over."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from assay.core.errors import ConfigError
from assay.verifiers.pool.batch import WorkerBatch
from assay.verifiers.pool.grader import Grader

TOWER = "$2^{2^{2^{2^{99}}}}$"
HANG = "$\\int_0^{5} e^{e^{x^x}} dx$"
LAB = """
import os, signal, sys, time
def reward(data_source, solution_str, ground_truth, extra_info):
    if solution_str == "hang": time.sleep(60)
    if solution_str == "crash": os.kill(os.getpid(), signal.SIGKILL)
    if solution_str == "leave": os._exit(0)
    if solution_str == "exit": sys.exit(0)
    if solution_str == "raise": raise RuntimeError("on purpose")
    if solution_str == "eat": return len(bytearray(8 << 30))
    if solution_str == "print": print("noise", flush=True); sys.stderr.write("noise")
    return float(solution_str == ground_truth)
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def gone(pids, within_s=5.0):
    end = time.monotonic() + within_s
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(alive(pid) for pid in pids)


@pytest.fixture(scope="module")
def grader():
    with Grader(limit_s=1.0, workers=2) as grader:
        yield grader
        pids = grader.pids
    assert gone(pids)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The name of an outside reward that misbehaves on demand."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "assay_lab_reward.py").write_text(LAB)
    sys.path.insert(0, str(folder))
    yield "python:assay_lab_reward:reward"
    sys.path.remove(str(folder))


def test_a_case_that_hangs_is_wrong_and_the_others_keep_their_verdicts_and_order(grader, case):
    texts = ["$1+x$", TOWER, "$x+1$", f"$x + {HANG[1:-1]}$", "\\boxed{3}", "$x$", "$2+x$"]
    verdicts = grader.judge([case("x+1", text) for text in texts])
    assert [v.outcome for v in verdicts[:1] + verdicts[2:]] == [
        "correct",
        "correct",
        "wrong",
        "wrong",
        "wrong",
        "wrong",
    ]
    assert verdicts[1].reason.startswith(
        "a number of more than a million digits"
    )  # Math-Verify calls it unequal, or hangs
    assert verdicts[3].reason == "time limit 1 s, all of it CPU time"
    assert verdicts[3].reward == 0.0


def test_a_gold_that_hangs_is_not_readable_and_costs_its_limit(grader, case):
    golds = ["x+1", "2^{2^{2^{2^{99}}}}", "18", "???"]
    assert grader.reads([case(gold, "").label for gold in golds]) == [True, False, True, False]


def test_ways_to_die_cost_one_case_each(grader, case, lab):
    texts = ["4", "hang", "crash", "leave", "exit", "raise", "eat", "print", "5", "4"]
    verdicts = grader.judge([case("4", text, verifier=lab) for text in texts])
    ends = {
        "hang": ("wrong", "time limit 1 s"),
        "crash": ("wrong", "worker died (signal 9)"),
        "leave": ("wrong", "worker died (exit 0)"),
        "exit": ("verifier_error", "SystemExit: 0"),
        "raise": ("verifier_error", "RuntimeError: on purpose"),
        "eat": ("wrong", "memory limit"),
    }
    assert [v.outcome for v in verdicts[:1] + verdicts[7:]] == ["correct", "wrong", "wrong", "correct"]
    assert {text: (v.outcome, v.reason) for text, v in zip(texts[1:7], verdicts[1:7], strict=True)} == ends
    assert {v.version for v in verdicts} == {grader.version(lab)}


def test_an_answer_is_worked_out_once_for_equal_pairs(grader, case):
    first = grader.judge([case("y+1", TOWER)])
    start = time.perf_counter()
    again = grader.judge([case("y+1", TOWER, prompt="How many?"), case("y+1", TOWER)])
    assert time.perf_counter() - start < 0.5
    assert again == first * 2


def test_an_answer_is_worked_out_once_whatever_led_to_it(grader, case, monkeypatch):
    sent_rows = []
    monkeypatch.setattr(
        WorkerBatch, "add", lambda batch, key, row, add=WorkerBatch.add: (sent_rows.append(row), add(batch, key, row))
    )
    texts = [f"{work} \\boxed{{{HANG[1:-1]}}}" for work in ("First.", "Then.", "Thus.", "So.", "Hence.", "Now.")]
    verdicts = grader.judge([case("\\pi", text) for text in texts])
    assert len({row.rollout.text for row in sent_rows if hasattr(row, "rollout")}) == 1
    assert [v.outcome for v in verdicts] == ["wrong"] * 6
    assert {v.reason for v in verdicts} == {"time limit 1 s, all of it CPU time"}


def test_settings_reach_every_verifier_and_are_part_of_its_version(case):
    with Grader(settings={"numeric": {"tolerance": 0.5}}) as loose, Grader() as strict:
        almost_right = case("4", "#### 5", verifier="numeric")
        assert [grader.judge([almost_right])[0].outcome for grader in (strict, loose)] == ["wrong", "correct"]
        assert loose.judge([almost_right])[0].version == loose.version("numeric") != strict.version("numeric")
        assert loose.judge([almost_right])[0].id != strict.judge([almost_right])[0].id


def test_bounded_cases_never_cross_a_process_border(case):
    with Grader() as fresh:
        verdicts = fresh.judge([case("18", "A: 18"), case("18", "#### 17"), case("B", "(B)", verifier="choice")])
        assert [v.outcome for v in verdicts] == ["correct", "wrong", "correct"]
        assert fresh.pids == ()


def test_it_works_from_any_thread_and_from_two_at_once(grader, case):
    outcomes = {}

    def work(number):
        outcomes[number] = [
            v.outcome for v in grader.judge([case(f"z+{number}", f"${number}+z$"), case(f"z+{number}", "$z$")])
        ]

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {1: ["correct", "wrong"], 2: ["correct", "wrong"]}
    assert grader.judge([case("w+1", "$1+w$")])[0].outcome == "correct"  # the threads that came before have ended


def test_log_probabilities_stay_at_home_and_hostile_characters_travel(grader, case):
    verdict = grader.judge([case("y+1", "\x00 \ud800 The answer is $1+y$")])[0]
    assert verdict.outcome == "correct"


def test_after_close_no_process_is_left_and_the_next_batch_starts_anew(case):
    fresh = Grader(limit_s=1.0, workers=1)
    fresh.warm("math")
    pids = fresh.pids
    assert len(pids) == 2
    fresh.close()
    assert gone(pids)
    assert fresh.pids == ()


def test_no_batch_is_no_work(grader):
    assert grader.judge([]) == []
    assert grader.reads([]) == []


def test_an_unknown_verifier_is_refused_with_its_neighbours(grader, case):
    with pytest.raises(ConfigError, match="nearest: 'numeric'"):
        grader.judge([case("1", "1", verifier="numerik")])
    with pytest.raises(ConfigError, match="no_such_module"):
        grader.judge([case("1", "1", verifier="python:no_such_module:f")])


def test_an_outside_part_that_cannot_be_loaded_is_named(grader, case, lab):
    with pytest.raises(ConfigError, match="no_such_name"):
        grader.judge([case("1", "1", verifier=lab.replace(":reward", ":no_such_name"))])


def test_versions_are_told_without_starting_a_worker(lab):
    with Grader() as fresh:
        assert fresh.version("math")
        assert fresh.version(lab).startswith("source-")
        assert fresh.pids == ()


def test_no_workers_or_no_time_is_refused():
    with pytest.raises(ValueError, match="0 workers"):
        Grader(workers=0)
    with pytest.raises(ValueError, match="-1"):
        Grader(limit_s=-1)


@pytest.mark.service
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent_even_in_the_middle_of_a_hang(tmp_path, lab, signum):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys, threading, time
        from assay.core.types import *
        from assay.verifiers.pool.grader import Grader
        problem = Problem.of("q"); label = Label.of(problem.id, "4", verifier="math")
        request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
        case = GradingCase(problem, label, Rollout.of(request, 0, policy=Policy("p", "r"), engine="e", text={HANG!r}, tokens=1, finish="stop"))
        grader = Grader(limit_s=60, workers=2)
        grader.warm("math")
        print(*grader.pids, flush=True)
        grader.judge([case])
        """)
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(1)  # now one of them is inside an evaluation that does not end
    assert len(pids) == 4
    assert all(alive(pid) for pid in pids)
    parent.send_signal(signum)
    parent.wait()
    parent.stdout.close()
    assert gone(pids)


@pytest.mark.service
def test_a_lost_process_is_replaced(case):
    with Grader(limit_s=5.0, workers=1) as fresh:
        fresh.warm("math")
        for pid in fresh.pids[:1]:
            os.kill(pid, signal.SIGKILL)
        assert gone(fresh.pids)
        outcomes = [v.outcome for v in fresh.judge([case("x+1", "$1+x$"), case("x+1", "$x+2-1$")])]
    assert outcomes == ["correct", "correct"]  # what was lost with its process is tried again
