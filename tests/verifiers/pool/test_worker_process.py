import time
from collections import deque
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.verifiers.pool.replies import JudgingStop
from assay.verifiers.pool.worker_process import NEVER, Worker, answers

pytestmark = pytest.mark.service


@pytest.fixture
def worker():
    made = Worker("exact", 5.0, 1 << 30, {})
    yield made
    made.close()


def ready(worker):
    while not worker.free:
        answers([worker], deque())
    return worker


def until_refused(worker):
    while True:
        answers([worker], deque())


def test_rows_come_back_judged_under_their_numbers_and_no_deadline_is_left(worker, case):
    ready(worker).give("judge", [(7, case("4", "4", verifier="exact")), (9, case("4", "5", verifier="exact"))])
    found = []
    while len(found) < 2:
        found += answers([worker], deque())
    assert [(index, judged.outcome) for index, judged in found] == [(7, "correct"), (9, "wrong")]
    assert worker.free
    assert worker.due == NEVER


def test_patience_bounds_a_wait_for_nothing(worker):
    ready(worker)
    began = time.monotonic()
    assert answers([worker], deque(), 0.1) == []
    assert time.monotonic() - began < 2


def test_a_process_that_is_lost_costs_the_row_at_work_and_the_others_go_back(worker, case):
    ready(worker).rows.extend([1, 2, 3])  # as if the child were at work on them
    queue = deque([8])
    worker.overdue()
    arrived = []
    while not arrived:
        arrived += answers([worker], queue)
    assert arrived == [(1, JudgingStop("died", "worker lost (EOFError)"))]
    assert list(queue) == [2, 3, 8]


def test_settings_and_verifier_stand_in_no_argument_of_the_process():
    worker = Worker("numeric", 5.0, 1 << 30, {"tolerance": 0.125})
    ready(worker)
    command = Path(f"/proc/{worker.process.pid}/cmdline").read_bytes()
    worker.close()
    assert b"serve" in command
    assert b"0.125" not in command
    assert b"numeric" not in command


def test_a_verifier_that_cannot_be_loaded_is_an_error_of_the_plan():
    made = Worker("python:no_such_module:f", 5.0, 1 << 30, {})
    with pytest.raises(ConfigError, match="no_such_module"):
        until_refused(made)
    made.close()
