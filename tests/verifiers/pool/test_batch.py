from collections import deque

import pytest

from assay.core.types import Label
from assay.verifiers.pool import batch
from assay.verifiers.pool.batch import WorkerBatch
from assay.verifiers.pool.replies import JudgingStop


class FakeWorker:
    """A worker that answers each chunk when it is collected, in its order."""

    def __init__(self):
        self.chunks, self.rows = [], deque()

    @property
    def is_free(self):
        return not self.rows

    def send_rows(self, method, rows, **options):
        self.chunks.append([row for _, row in rows])
        self.rows.extend(
            (index, JudgingStop("died", "gone") if isinstance(row, Label) else [row]) for index, row in rows
        )


@pytest.fixture(autouse=True)
def _instant_answers(monkeypatch):
    def collect(workers, queue, timeout_s=None):
        arrived = []
        for worker in workers if timeout_s is None else ():
            arrived += worker.rows
            worker.rows.clear()
        return arrived

    monkeypatch.setattr(batch, "collect_answers", collect)


def run_batch(rows, size=2, suspect=lambda row: False):
    workers, answers = [], {}
    batch_run = WorkerBatch(workers, FakeWorker, size, "judge", answers, suspect)
    for number, row in enumerate(rows):
        batch_run.add(b"%d" % number, row)
    batch_run.finish()
    return workers, answers


def test_every_answer_lands_under_the_key_of_its_row():
    _, answers = run_batch([f"row {n}" for n in range(100)])
    assert answers == {b"%d" % n: [f"row {n}"] for n in range(100)}


def test_a_failure_becomes_what_its_row_can_bear_and_starts_all_workers(case):
    label = case("4", "4").label
    workers, answers = run_batch([label, *("row" for _ in range(20))], size=4)
    assert answers[b"0"] is False
    assert len(workers) > 1


def test_a_worker_is_started_for_every_32_rows_and_no_more_than_there_may_be():
    assert [len(run_batch(["a"] * many, size=3)[0]) for many in (1, 32, 33, 65, 500)] == [1, 1, 2, 3, 3]


def test_chunks_are_of_at_most_eight_rows_and_suspects_go_first_one_by_one():
    workers, _ = run_batch(
        [f"slow {n}" if n % 10 == 0 else f"row {n}" for n in range(64)], suspect=lambda row: row.startswith("slow")
    )
    chunks = [chunk for worker in workers for chunk in worker.chunks]
    assert max(map(len, chunks)) <= 8
    slow = [chunk for chunk in chunks if any(row.startswith("slow") for row in chunk)]
    assert all(len(chunk) == 1 for chunk in slow)
