from collections import deque

import pytest

from assay.core.types import Label
from assay.verifiers.pool import batch
from assay.verifiers.pool.batch import WorkerBatch
from assay.verifiers.pool.replies import JudgingStop


class Hand:
    """A worker that answers each chunk when asked, in its order."""

    def __init__(self):
        self.given, self.rows = [], deque()

    @property
    def free(self):
        return not self.rows

    def give(self, verb, rows, **how):
        self.given.append([row for _, row in rows])
        self.rows.extend(
            (index, JudgingStop("died", "gone") if isinstance(row, Label) else [row]) for index, row in rows
        )


@pytest.fixture(autouse=True)
def _answers(monkeypatch):
    def collect(crew, queue, patience=None):
        found = []
        for worker in crew if patience is None else ():
            found += worker.rows
            worker.rows.clear()
        return found

    monkeypatch.setattr(batch, "answers", collect)


def served(rows, size=2, suspect=lambda row: False):
    crew, answered = [], {}
    desk = WorkerBatch(crew, Hand, size, "judge", answered, suspect)
    for number, row in enumerate(rows):
        desk.take(b"%d" % number, row)
    desk.finish()
    return crew, answered


def test_every_answer_lands_under_the_key_of_its_row():
    _, answered = served([f"row {n}" for n in range(100)])
    assert answered == {b"%d" % n: [f"row {n}"] for n in range(100)}


def test_a_failure_becomes_what_its_row_can_bear_and_brings_the_whole_crew(case):
    label = case("4", "4").label
    crew, answered = served([label, *("row" for _ in range(20))], size=4)
    assert answered[b"0"] is False
    assert len(crew) > 1


def test_a_worker_is_started_for_every_32_rows_and_no_more_than_there_may_be():
    assert [len(served(["a"] * many, size=3)[0]) for many in (1, 32, 33, 65, 500)] == [1, 1, 2, 3, 3]


def test_chunks_are_of_at_most_eight_rows_and_suspects_go_first_one_by_one():
    crew, _ = served(
        [f"slow {n}" if n % 10 == 0 else f"row {n}" for n in range(64)], suspect=lambda row: row.startswith("slow")
    )
    chunks = [chunk for hand in crew for chunk in hand.given]
    assert max(map(len, chunks)) <= 8
    slow = [chunk for chunk in chunks if any(row.startswith("slow") for row in chunk)]
    assert all(len(chunk) == 1 for chunk in slow)
