"""What failed waits in order, is shown once, and is neither lost nor doubled by a kill."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Verdict
from assay.training.relift import FailedProblems


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=20), st.integers(1, 4))
def test_items_are_conserved_and_leave_in_the_order_in_which_they_came(added: list[list[str]], size: int) -> None:
    problems, came, left = FailedProblems(size), [], []
    for ids in added:
        came += [id_ for id_ in dict.fromkeys(ids) if id_ not in problems.waiting]
        problems.add(ids)
        left += (batch := problems.take_batch())
        assert len(batch) in (0, size)
    assert left + problems.waiting == came


def failing(room: SimpleNamespace) -> None:
    """Only the demonstration "2" is right."""
    room.judge.judge = lambda cases: [
        Verdict.of(case, verifier="exact", version="1", outcome="correct" if case.rollout.text == "2" else "wrong")
        for case in cases
    ]


def logged(room: SimpleNamespace, name: str) -> list[float | None]:
    return [values.get(name) for _, values in room.sink.logs]


def test_a_full_buffer_makes_one_pass_that_teaches_the_demonstration(room: SimpleNamespace) -> None:
    failing(room)
    room.train(
        "1234",
        steps=4,
        relift_batch=2,
        relift_learning_rate=1e-2,
        learning_rate=1e-9,
        demonstrations=lambda id_: ("1", "2"),
    )
    assert logged(room, "relift_waiting") == [1, 0, 1, 0]
    assert logged(room, "relift_shown") == [None, 2, None, 2]
    first, second = logged(room, "relift_loss")[1], logged(room, "relift_loss")[3]
    assert first is not None
    assert second is not None
    assert second < first - 0.01  # the same answer, shown again, is likelier


def test_what_has_no_verified_demonstration_leaves_with_a_word(room: SimpleNamespace) -> None:
    failing(room)
    room.train("12", steps=2, relift_batch=2, demonstrations=lambda id_: ("3",))
    assert logged(room, "relift_undemonstrated") == [None, 2]
    assert any("0 shown once, 2 without a demonstration" in line for line in room.reporter.lines)


def test_what_waited_before_a_kill_waits_again(room: SimpleNamespace, tmp_path: Any) -> None:
    failing(room)
    fixed: dict[str, Any] = {
        "steps": 5,
        "relift_batch": 3,
        "relift_learning_rate": 1e-2,
        "save_every": 1,
        "demonstrations": lambda id_: ("2",),
    }
    room.train("1234", **fixed)
    whole, room.sink.logs, room.sink.writes = dict(room.sink.logs), [], []
    original = room.sink.write

    def write(rollouts: Any, verdicts: Any) -> None:
        original(rollouts, verdicts)
        if rollouts[0].step == 3:
            raise KeyboardInterrupt

    room.sink.write = write
    with pytest.raises(KeyboardInterrupt):
        room.train("1234", output=tmp_path / "killed", **fixed)
    room.sink.write = original
    room.train("1234", output=tmp_path / "killed", **fixed)
    again = dict(room.sink.logs)
    for place, values in whole.items():
        assert {name: value for name, value in again[place].items() if "seconds" not in name} == {
            name: value for name, value in values.items() if "seconds" not in name
        }
