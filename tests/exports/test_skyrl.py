"""env_class and reward_spec."""

from assay.core.export_rows import ExportRow
from assay.exports.skyrl import Skyrl


def test_a_row_names_its_environment_and_its_gold(chosen: ExportRow, ungraded: ExportRow) -> None:
    kept, filtered = Skyrl(env_class="sums").rows([chosen, ungraded])
    assert list(kept) == ["data_source", "prompt", "env_class", "reward_spec", "extra_info"]
    assert (kept["env_class"], kept["reward_spec"]) == ("sums", {"method": "rule", "ground_truth": "4"})
    assert (kept["extra_info"]["split"], filtered["extra_info"]["split"]) == ("train", "filtered")


def test_the_environment_is_registered_under_the_row_s_name() -> None:
    assert 'register(id="sums", entry_point=AssayEnv)' in Skyrl(env_class="sums").files("")["reward.py"]
    assert "environment.env_class=sums" in Skyrl(env_class="sums").snippet("out/train.parquet")
