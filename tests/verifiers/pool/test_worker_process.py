import time
from collections import deque
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.verifiers.pool.replies import JudgingStop
from assay.verifiers.pool.worker_process import NEVER, Worker, collect_answers

pytestmark = pytest.mark.service


@pytest.fixture
def worker():
    process = Worker("exact", 5.0, 1 << 30, {})
    yield process
    process.close()


def ready(worker):
    while not worker.is_free:
        collect_answers([worker], deque())
    return worker


def until_refused(worker):
    while True:
        collect_answers([worker], deque())


def test_rows_come_back_judged_under_their_numbers_and_no_deadline_is_left(worker, case):
    ready(worker).send_rows("judge", [(7, case("4", "4", verifier="exact")), (9, case("4", "5", verifier="exact"))])
    arrived = []
    while len(arrived) < 2:
        arrived += collect_answers([worker], deque())
    assert [(index, judgement.outcome) for index, judgement in arrived] == [(7, "correct"), (9, "wrong")]
    assert worker.is_free
    assert worker.deadline == NEVER


def test_patience_bounds_a_wait_for_nothing(worker):
    ready(worker)
    began = time.monotonic()
    assert collect_answers([worker], deque(), 0.1) == []
    assert time.monotonic() - began < 2


def test_a_process_that_is_lost_costs_the_row_at_work_and_the_others_go_back(worker, case):
    ready(worker).rows.extend([1, 2, 3])  # as if the child were at work on them
    queue = deque([8])
    worker.kill()
    arrived = []
    while not arrived:
        arrived += collect_answers([worker], queue)
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
    worker = Worker("python:no_such_module:f", 5.0, 1 << 30, {})
    with pytest.raises(ConfigError, match="no_such_module"):
        until_refused(worker)
    worker.close()
