import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from assay.core.errors import ConfigError, EngineError
from assay.engines.replay import Replay


@pytest.fixture
def record(tmp_path, ask):
    def write(**changes) -> str:
        row = {
            "problem_id": ask().problem_id,
            "sample": 0,
            "text": "7",
            "tokens": 2,
            "finish": "stop",
            "policy": "a" * 16,
            "policy_name": "p",
        }
        rows = [row, row | {"sample": 1, "text": "8"} | changes]
        parquet.write_table(
            pa.Table.from_pylist([{name: value for name, value in row.items() if value is not None} for row in rows]),
            tmp_path / "r.parquet",
        )
        return str(tmp_path / "r.parquet")

    return write


def test_recorded_texts_come_back_under_the_recorded_policy(record, ask):
    first, second = next(iter(Replay(record()).generate([ask(samples=(0, 1))])))
    assert (first.text, second.text, first.tokens, first.seed) == ("7", "8", 2, -1)
    assert (first.policy, first.policy_name) == ("a" * 16, "p")


def test_a_sample_that_was_not_recorded_is_named(record, ask):
    with pytest.raises(EngineError, match=rf"{ask().problem_id}: 2 of 4 samples, first 2"):
        list(Replay(record()).generate([ask()]))


def test_a_recording_with_samplers_answers_for_those_only(tmp_path, record, ask):
    table = parquet.read_table(record()).append_column("sampler", pa.array([ask().sampler.id] * 2))
    parquet.write_table(table, tmp_path / "s.parquet")
    engine = Replay(str(tmp_path / "s.parquet"))
    assert len(next(iter(engine.generate([ask(samples=(0, 1))])))) == 2
    with pytest.raises(EngineError, match="were not recorded under sampler"):
        list(engine.generate([ask(samples=(0,), temperature=0.5)]))


def test_one_of_two_recorded_policies_must_be_named(record, ask):
    path = record(policy="b" * 16, policy_name="q", sample=0)
    with pytest.raises(ConfigError, match="2 policies match model ''"):
        _ = Replay(path).policy
    assert next(iter(Replay(path, model="q").generate([ask(samples=(0,))])))[0].text == "8"


def test_another_model_than_the_recorded_one_is_refused(record):
    with pytest.raises(ConfigError, match=r"0 policies match model 'other'.*'p aaaaaaaaaaaaaaaa'"):
        _ = Replay(record(), model="other").policy


def test_a_missing_recording_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: no such file or folder") as caught:
        _ = Replay(str(tmp_path / "none.parquet")).policy
    assert "\n" not in str(caught.value)


def test_a_folder_of_files_is_one_recording(tmp_path, record, ask):
    assert Replay(record()).policy == Replay(str(tmp_path)).policy
    assert len(next(iter(Replay(str(tmp_path)).generate([ask(samples=(0, 1))])))) == 2
