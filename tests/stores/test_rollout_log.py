"""A temporary database of attempts: what is appended is asked with SQL, and nothing stays behind."""

from pathlib import Path

import pytest

from assay.stores.rollout_log import RolloutLog

ATTEMPT = (0, 0, 3, None, 1.0, None, 7, 20, False)


def test_appended_attempts_are_asked_with_sql_and_missing_numbers_are_nan() -> None:
    with RolloutLog() as log:
        log.append("attempts", [ATTEMPT, (1, 0, None, 5, None, 0.5, None, 3, None)])
        log.append("attempts", [])
        assert log.attempts == 2
        assert log.rows("SELECT sum(characters)::INT AS n FROM attempts") == [{"n": 23}]
        reward = log.columns("SELECT reward FROM attempts ORDER BY problem")["reward"]
        assert reward[0] == 1.0
        assert reward[1] != reward[1]


def test_its_files_are_gone_after_it_is_closed() -> None:
    with RolloutLog() as log:
        log.append("questions", [(0, "What is 1 + 1?", None)])
        folder = Path(log._folder.name)
        assert list(folder.iterdir())
    assert not folder.exists()


def test_a_row_of_another_width_is_refused() -> None:
    with RolloutLog() as log, pytest.raises(ValueError):
        log.append("attempts", [ATTEMPT[:-1]])
