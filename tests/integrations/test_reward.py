"""The reward beside exported data: what it needs, and what it says where something is missing or has changed."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.exports.verl import Verl
from assay.integrations.reward import Answer, Reward, load_reward
from assay.integrations.verl import compute_score

RECORD = {
    "assay_id": "p",
    "messages": '[{"role":"user","content":"2 + 2?"}]',
    "metadata": "{}",
    "source": "sums",
    "gold": "4",
    "verifier": "math",
}


def settings(**changes: Any) -> dict[str, Any]:
    return {"grade": {"workers": 1}, "versions": {}, **changes}


def test_a_completion_gets_the_verdict_s_reward(tmp_path: Path) -> None:
    reward = Reward(settings(), tmp_path)
    assert reward.rewards([Answer(RECORD, "\\boxed{4}"), Answer(RECORD, "\\boxed{5}")]) == [1.0, 0.0]
    score = compute_score(reward, "\\boxed{4}", RECORD)
    assert score == {"score": 1.0, "acc": True, "pred": "4", "outcome": "correct"}
    reward.close()


def test_the_mode_of_the_config_counts(tmp_path: Path) -> None:
    record = {**RECORD, "verifier": "exact", "gold": "Paris"}
    rewards = []
    for mode in ("strict", "lenient"):
        reward = Reward(settings(grade={"workers": 1, "mode": mode}), tmp_path)
        rewards.append(reward.rewards([Answer(record, "paris")])[0])
        reward.close()
    assert rewards == [0.0, 1.0]


def test_another_version_of_the_verifier_is_warned_of(tmp_path: Path) -> None:
    reward = Reward(settings(versions={"math": "0"}), tmp_path)
    with pytest.warns(UserWarning, match="version 0 measured this data set"):
        reward.rewards([Answer(RECORD, "4")])
    reward.close()


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reward\.json is missing beside"):
        load_reward(str(tmp_path / "reward.py"))
    reward = Reward(settings(), tmp_path)
    with pytest.raises(ConfigError, match="a row has no messages, metadata, source, gold, verifier"):
        reward.rewards([Answer({"assay_id": "p"}, "4")])
    with pytest.raises(ConfigError, match="the row has no extra_info"):
        compute_score(reward, "4", None)


def test_verl_s_own_loader_finds_the_function(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("verl")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("verl is not installed")
    file = Path(spec.submodule_search_locations[0]) / "utils" / "import_utils.py"
    loader_spec = importlib.util.spec_from_file_location("verl_import_utils", file)
    assert loader_spec is not None
    assert loader_spec.loader is not None
    loader = importlib.util.module_from_spec(loader_spec)
    loader_spec.loader.exec_module(loader)
    (tmp_path / "reward.py").write_text(Verl().files("")["reward.py"])
    (tmp_path / "reward.json").write_text(json.dumps(settings()))
    function = loader.load_extern_object(str(tmp_path / "reward.py"), "compute_score")
    assert function("sums", "\\boxed{4}", "4", RECORD)["score"] == 1.0
    assert "verl_import_utils" not in sys.modules
