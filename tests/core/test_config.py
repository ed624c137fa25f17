"""A plan is checked before anything runs: one line that names the key, what was found and the nearest valid names."""

import sys
from pathlib import Path
from typing import Any

import pytest

from assay.core import parts
from assay.core.config import Config, parse_config, read_config
from assay.core.config_errors import apply_override
from assay.core.errors import ConfigError
from assay.core.limit_config import LimitConfig

SOURCE = {"type": "files", "paths": "x.jsonl"}


def config(**tables: object) -> Config:
    return parse_config({"source": [SOURCE], **tables})


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        ({"selct": {}}, "unknown table or key 'selct'; nearest: 'select'"),
        ({"split": {"heldout": 3}}, "[split] has no key 'heldout'; nearest: 'held_out'"),
        ({"split": {"held_out": "many"}}, "split.held_out: input should be a valid integer"),
        ({"split": {"held_out": -1}}, "split.held_out: input should be greater than or equal to 0, found -1"),
        ({"select": {"selector": "fronteir"}}, "unknown selector 'fronteir'; nearest: 'frontier'"),
        (
            {"select": {"selector": "frontier", "group_sise": 8}},
            "selector 'frontier' has no setting 'group_sise'; nearest: 'group_size'",
        ),
        ({"score": {"n": "eight"}}, "scorer 'pass_rate': n: input should be a valid integer"),
        ({"policy": {"template": "Solve it."}}, "policy.template: the template must contain {prompt}"),
        (
            {"policy": {"shots": [{"user": "1 + 1", "asistant": "2"}]}},
            "[policy.shots.0] has no key 'asistant'; nearest: 'assistant'",
        ),
        ({"select": {"budgt": 3}}, "selector 'frontier' has no setting 'budgt'; nearest: 'budget'"),
        ({"score": {"stop_ealy": 3}}, "scorer 'pass_rate' has no setting 'stop_ealy'; nearest: 'stop_early'"),
        ({"clean": {"filters": "near"}}, "clean.filters: should be a list, found 'near'"),
        ({"select": "frontier"}, "select: should be a table, found 'frontier'"),
        ({"embed": {"clusters": 0}}, "embed.clusters: input should be greater than or equal to 1, found 0"),
        (
            {"select": {"frontier_budgets": "wide"}},
            "selector 'frontier': frontier_budgets: input should be a valid number",
        ),
        (
            {"select": {"expected_improvement": "up"}},
            "selector 'frontier': expected_improvement: input should be a valid number",
        ),
        ({"source": []}, "the config has no [[source]]"),
        ({"source": [{"type": "files"}]}, "source 'files': paths is missing"),
        ({"train": {"group_size": 1}}, "train.group_size: input should be greater than or equal to 2, found 1"),
        ({"clean": {"filters": ["exakt"]}}, "unknown filter 'exakt'; nearest: 'exact'"),
        ({"clean": {"settings": {"near": {}}}}, "clean.settings.near: not among clean.filters"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_names_it(tables: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(**tables)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_complaint_of_a_whole_table_names_no_other_of_its_values() -> None:
    with pytest.raises(ConfigError) as error:
        config(loop={"low": 0.95, "rounds": 3})
    assert str(error.value) == "loop: the band [low, high] = [0.95, 0.9] is empty"
    with pytest.raises(ConfigError) as error:
        config(source=[{**SOURCE, "verifier": "Mth"}])
    assert str(error.value) == "source 'files': unknown verifier 'Mth'; nearest: 'math'"


def test_a_plan_without_a_source_says_so() -> None:
    with pytest.raises(ConfigError, match=r"the config has no \[\[source\]\]"):
        parse_config({})


def test_a_missing_file_and_broken_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or directory"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = ")
    with pytest.raises(ConfigError, match=r"broken\.toml' is not TOML"):
        read_config(tmp_path / "broken.toml")


def test_set_overrides_one_key_and_a_bare_word_is_a_string(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('[[source]]\ntype = "files"\npaths = "x.jsonl"\n[select]\nbudget = 9\n')
    made = read_config(path, ["select.budget=50", "name=night", "policy.temperature=0.5"])
    assert (made.select.budget, made.name, made.policy.temperature) == (50, "night", 0.5)


def test_a_quoted_step_of_a_set_key_holds_dots_and_equals_signs() -> None:
    for quote in "\"'":
        tree: dict[str, Any] = {}
        apply_override(tree, f"grade.settings.{quote}python:a.py:f=g{quote}.correct_at = 0.9")
        assert tree == {"grade": {"settings": {"python:a.py:f=g": {"correct_at": 0.9}}}}
    plain: dict[str, Any] = {}
    apply_override(plain, 'policy.template="a=b.c"')
    assert plain == {"policy": {"template": "a=b.c"}}


@pytest.mark.parametrize("override", ["budget", "=3", "select..budget=3", "name.inner=3"])
def test_a_malformed_override_is_refused(tmp_path: Path, override: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('name = "x"\n[[source]]\ntype = "files"\npaths = "x.jsonl"\n')
    with pytest.raises(ConfigError, match="--set"):
        read_config(path, [override])


def test_training_samples_as_scoring_does_unless_told_otherwise() -> None:
    assert config().train_sampler == config().policy.sampler
    assert config(train={"temperature": 1.5}).train_sampler.temperature == 1.5


def test_what_changes_a_rollout_changes_the_sampler_and_the_engine_does_not() -> None:
    before = config().policy.sampler.id
    assert config(policy={"engine": "transformers"}).policy.sampler.id == before
    for change in (
        {"temperature": 0.5},
        {"max_tokens": 9},
        {"template": "{prompt}!"},
        {"shots": [{"user": "a", "assistant": "b"}]},
    ):
        assert config(policy=change).policy.sampler.id != before


@pytest.mark.parametrize("text", [".3", "0.3", "+.3", "3.e-1"])
def test_a_number_without_a_leading_or_last_digit_is_the_same_number(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text('[[source]]\ntype = "files"\npaths = "a.jsonl"\n[select]\nselector = "band"\n')
    assert read_config(path, [f"select.low={text}"]).select.settings["low"] == pytest.approx(0.3)


@pytest.mark.parametrize("verifier", ["verl:seam_reward.py:f", "python:seam_reward:f"])
def test_two_configs_whose_folders_hold_unlike_files_of_one_name_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verifier: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(parts, "CONFIG_FOLDERS", [])
    for folder, score in (("a", 0.0), ("b", 1.0), ("same", 0.0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "seam_reward.py").write_text(f"def f(problem, answer, text):\n    return {score}\n")
        source = f'[[source]]\ntype = "files"\npaths = "rows.jsonl"\nverifier = "{verifier}"\n'
        (tmp_path / folder / "plan.toml").write_text(source)
    read_config(tmp_path / "a" / "plan.toml")
    read_config(tmp_path / "same" / "plan.toml")
    with pytest.raises(ConfigError, match=r"would be imported from .*/a/seam_reward.py' and not from .*/b'"):
        read_config(tmp_path / "b" / "plan.toml")
    read_config(tmp_path / "a" / "plan.toml")


@pytest.mark.parametrize(("limit", "lacking"), [({"gpu_hours": 1}, "gpus"), ({"money": 1}, "price_per_million_tokens")])
def test_a_limit_without_what_it_is_counted_by_is_refused(limit: dict[str, float], lacking: str) -> None:
    with pytest.raises(ValueError, match=lacking):
        LimitConfig(**limit)
