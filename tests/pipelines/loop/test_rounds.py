"""The loop on a real lake with the bundled model: two rounds, a stop in the second, results, and refusals."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError, Stopped
from assay.pipelines.context.results import StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.loop.rounds import _config_on_checkpoint, check_config, refresh_stale, run_loop
from assay.pipelines.runner.stages import run_stages, run_training
from assay.stores.lake import Lake

MakeContext = Callable[..., RunContext]


@pytest.fixture
def tiny(tmp_path: Path) -> MakeContext:
    """A run over 24 sums, 4 held out; keyword arguments change tables of the plan."""
    sums = tmp_path / "sums.jsonl"
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in (2, 5, 17, 29, 36, 58) for b in (3, 4, 26, 48)]
    sums.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def make(**changes: Any) -> RunContext:
        tree: dict[str, Any] = {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(sums), "verifier": "numeric"}],
            "split": {"held_out": 4},
            "policy": {"truncated": "wrong", "model": "tiny-arithmetic", "engine": "transformers", "max_tokens": 4},
            "score": {"n": 2},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 6},
            "train": {"steps": 3, "group_size": 4, "learning_rate": 1e-4, "save_every": 1, "eval_samples": 2},
        }
        for name, change in changes.items():
            tree[name] = {**tree.get(name, {}), **change}
        config = parse_config(tree)
        return RunContext(config, Lake(config.lake), NullReporter())

    return make


def test_two_rounds_stopped_in_the_second_go_on_there_and_are_then_done(tiny: MakeContext, tmp_path: Path) -> None:
    context = tiny()
    lake = tmp_path / "lake"
    context.stop = lambda: bool(
        list(lake.glob("checkpoints/*/step-3")) and list(lake.glob("checkpoints/*/.run-*/checkpoint-1"))
    )
    with pytest.raises(Stopped, match="of 3"):
        run_loop(context)
    assert context.lake.rows("SELECT count(*) AS n FROM stages WHERE stage = 'round'") == [{"n": 1}]
    resumed = tiny()
    done = run_loop(resumed)
    assert [[outcome.reused for outcome in round_.outcomes] for round_ in done] == [
        [True] * 4,
        [True, False, False, False],
    ]
    again = tiny()
    assert all(outcome.reused for round_ in run_loop(again) for outcome in round_.outcomes)
    assert again.meter.tokens == again.meter.samples == 0
    first, second = (round_.outcomes[-1].detail for round_ in done)
    assert first["held_out"]["after"] == second["held_out"]["before"]  # the same checkpoint, the same attempts
    assert first["checkpoint"] != second["checkpoint"]
    paid = again.lake.rows("SELECT count(*) AS n FROM rollouts")[0]["n"]
    assert sum(kind["rollouts"] for detail in (first, second) for kind in detail["spent"].values()) == paid
    assert first["spent"]["held_out"]["rollouts"] == 2 * second["spent"]["held_out"]["rollouts"] == 16
    assert first["band"]["before"] == sum(first["band"][name] for name in ("stayed", "above", "below"))
    assert refresh_stale(again)["nothing_to_do"]
    more = run_loop(tiny(loop={"rounds": 3}))
    assert [all(outcome.reused for outcome in round_.outcomes) for round_ in more] == [True, True, False]
    shutil.rmtree(first["checkpoint"])
    with pytest.raises(ConfigError, match=r"no checkpoint at.*moved or deleted"):
        run_loop(tiny())


def test_a_refresh_after_one_training_is_the_first_step_of_a_second_round(tiny: MakeContext) -> None:
    context = tiny()
    with pytest.raises(ConfigError, match="never scored"):
        refresh_stale(context)
    run_stages(context)
    assert refresh_stale(context)["refresh"] is None
    run_training(context)
    refreshed = refresh_stale(context)
    assert (refreshed["round"], refreshed["nothing_to_do"]) == (1, False)
    assert refreshed["refresh"]["decided"] + refreshed["refresh"]["attempted"] > 3
    assert refresh_stale(context)["nothing_to_do"]
    done = run_loop(tiny(loop={"rounds": 1}))
    assert [outcome.reused for outcome in done[0].outcomes] == [True, True, True, False]


def test_each_round_has_a_folder_of_its_own_where_the_plan_names_one(tiny: MakeContext, tmp_path: Path) -> None:
    done = run_loop(tiny(train={"output": str(tmp_path / "out"), "steps": 1, "eval_samples": 1}))
    assert [round_.outcomes[-1].detail["checkpoint"] for round_ in done] == [
        str(tmp_path / "out/step-1"),
        str(tmp_path / "out/round-2/step-1"),
    ]


def test_a_limit_stops_a_loop_and_the_next_call_goes_on(tiny: MakeContext) -> None:
    with pytest.raises(Stopped, match="could be scored"):
        run_loop(tiny(limit={"tokens": 5}))
    assert run_loop(tiny(loop={"rounds": 1}))[0].outcomes[0].reused is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": {"held_out": 0}}, "but there are none"),
        ({"policy": {"model": "scripted", "engine": "scripted"}}, "'scripted' cannot load a checkpoint"),
    ],
)
def test_what_cannot_loop_is_refused_before_anything_is_paid_for(
    tiny: MakeContext, changes: dict[str, Any], words: str
) -> None:
    context = tiny(**changes)
    with pytest.raises(ConfigError, match=words):
        check_config(context.config)
    with pytest.raises(ConfigError, match=words):
        run_loop(context)
    assert context.lake.rows("SELECT * FROM rollouts") == []


def test_no_round_and_an_empty_band_are_refused(tiny: MakeContext) -> None:
    for table, words in (
        ({"rounds": 0}, "rounds"),
        ({"low": 0.5, "high": 0.5}, "is empty"),
        ({"resample_fraction": 1.5}, "resample_fraction"),
    ):
        with pytest.raises(ConfigError, match=words):
            tiny(loop=table)


@pytest.mark.model
def test_a_loop_learns_right_answers_first_and_rewards_after(tiny: MakeContext) -> None:
    methods = {"methods": ["dart"], "settings": {"dart": {"rule": "vanilla", "attempts": 2, "distinct": False}}}
    changes: dict[str, Any] = {"loop": {"kinds": ["sft", "grpo"]}, "synthesize": methods, "sft": {"rows_per_step": 8}}
    context = tiny(**changes)
    first, second = run_loop(context)
    assert [outcome.stage for outcome in first.outcomes] == ["curate", "sft", "refresh", "round"]
    assert [outcome.stage for outcome in second.outcomes] == ["curate", "train", "refresh", "round"]
    targets = context.lake.rows("SELECT DISTINCT policy FROM targets")
    assert targets == [{"policy": context.policy.revision}]  # the first round's own attempts
    assert first.outcomes[1].detail["rows"] == len(context.lake.rows("SELECT 1 FROM targets"))
    assert second.context.config.policy.model == first.outcomes[1].detail["checkpoint"]
    assert [finished.outcomes[-1].detail["kind"] for finished in (first, second)] == ["sft", "grpo"]
    again = tiny(**changes)
    assert all(outcome.reused for finished in run_loop(again) for outcome in finished.outcomes)
    assert again.meter.samples == 0


def test_a_round_that_learns_stored_rows_needs_a_method(tiny: MakeContext) -> None:
    with pytest.raises(ConfigError, match=r"loop.kinds has 'dpo', which trains on synthesized rows: name a method"):
        check_config(tiny(loop={"kinds": ["grpo", "dpo"]}).config)
    check_config(tiny(loop={"kinds": ["dpo"]}, dpo={"method": "tree_pairs"}).config)


def test_the_round_after_one_on_imported_answers_draws_its_own(tiny: MakeContext, monkeypatch: Any) -> None:
    monkeypatch.setattr("assay.pipelines.loop.rounds.find_checkpoint", lambda context, training: Path("a/checkpoint"))
    first = tiny(score={"n": 2, "evidence": "another-7b"})
    following = _config_on_checkpoint(first, StageResult("train", StageKey.of("k"), 0, 0, {}, 0.0), 2)
    assert (following.score.evidence, following.policy.model) == ("drawn", str(Path("a/checkpoint")))
