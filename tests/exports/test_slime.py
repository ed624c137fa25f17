"""prompt, label, metadata."""

import asyncio
from types import SimpleNamespace

from assay.core.export_rows import ExportRow
from assay.exports.slime import Slime
from assay.integrations.reward import Reward
from assay.integrations.slime import score_samples


def test_metadata_names_the_source_as_slime_s_contract_has_it(chosen: ExportRow) -> None:
    (row,) = Slime().rows([chosen])
    assert (row["prompt"][-1]["content"], row["label"]) == ("2 + 2? Think.", "4")
    assert (row["metadata"]["source_name"], row["metadata"]["assay_id"]) == ("sums", "id")


def test_one_sample_and_a_group_are_scored_and_a_failure_is_removed(chosen: ExportRow, tmp_path) -> None:
    (row,) = Slime().rows([chosen])
    broken = {**row["metadata"], "verifier": "reasoning_gym"}  # whose entry is missing
    samples = [
        SimpleNamespace(response=text, metadata=metadata, status=SimpleNamespace(value=status), remove_sample=False)
        for text, metadata, status in (
            ("\\boxed{4}", row["metadata"], "completed"),
            ("so 4 and then", row["metadata"], "truncated"),
            ("4", broken, "completed"),
        )
    ]
    reward = Reward({"grade": {"workers": 1}, "versions": {}}, tmp_path)
    assert asyncio.run(score_samples(reward, samples[0])) == 1.0
    assert asyncio.run(score_samples(reward, samples)) == [1.0, 0.0, 0.0]
    assert [sample.remove_sample for sample in samples] == [False, False, True]
    reward.close()
