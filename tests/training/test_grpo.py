import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import ConfigError, Stopped
from assay.core.types import Pool, Problem, SamplingConfig, rollout_id
from assay.training.trainer.rollout_recorder import training_policy


def weights(folder: Path) -> dict[str, Any]:
    from transformers import AutoModelForCausalLM

    return dict(AutoModelForCausalLM.from_pretrained(folder).state_dict())


def test_problems_are_met_in_the_curriculums_order(room: SimpleNamespace) -> None:
    room.train("314", steps=3, group_size=2)
    met = [rollout.problem_id for rollout in room.sink.rollouts]
    assert met == [room.ids[name] for name in "331144"]


def test_every_rollout_reaches_the_sink_once_with_its_step_and_key(room: SimpleNamespace) -> None:
    trained = room.train(steps=2, problems_per_step=2, group_size=2)
    assert len(room.sink.writes) == 2
    assert [rollout.step for rollout in room.sink.rollouts] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len({rollout.id for rollout in room.sink.rollouts}) == 8
    for rollout in room.sink.rollouts:
        policy = training_policy(trained.run, room.base, rollout.step)
        assert (rollout.policy, rollout.policy_name) == (policy.revision, f"tiny+step-{rollout.step}")
        assert rollout.id == rollout_id(rollout.problem_id, policy.revision, room.sampler.id, rollout.sample)
    assert [case.rollout.id for case in room.judge.seen] == [rollout.id for rollout in room.sink.rollouts]
    assert trained.tokens == sum(rollout.tokens for rollout in room.sink.rollouts)


def test_a_short_curriculum_wraps_around_and_says_so(room: SimpleNamespace) -> None:
    room.train("12", steps=3, group_size=2)
    assert [rollout.problem_id for rollout in room.sink.rollouts[::2]] == [room.ids[name] for name in "121"]
    assert "3 steps of 1 need 3 problems; the curriculum has 2 and starts over" in room.reporter.lines[0]


def test_advantages_are_rewards_over_their_groups_spread(room: SimpleNamespace) -> None:
    room.train(steps=1, problems_per_step=2, group_size=4)
    rollouts, verdicts = room.sink.writes[0]
    for first in (0, 4):
        rewards = [verdict.reward for verdict in verdicts[first : first + 4]]
        mean = sum(rewards) / 4
        spread = math.sqrt(sum((reward - mean) ** 2 for reward in rewards) / 3)
        expected = [(reward - mean) / (spread + 1e-4) for reward in rewards]
        assert [rollout.advantage for rollout in rollouts[first : first + 4]] == pytest.approx(expected, abs=1e-5)
    assert {rollout.advantage for rollout in rollouts} != {0.0}


def test_dr_grpo_advantages_are_rewards_minus_the_groups_mean(room: SimpleNamespace) -> None:
    room.train(steps=1, objective="dr_grpo")
    rollouts, verdicts = room.sink.writes[0]
    mean = sum(verdict.reward for verdict in verdicts) / 4
    assert [rollout.advantage for rollout in rollouts] == pytest.approx([verdict.reward - mean for verdict in verdicts])


@pytest.mark.parametrize("objective", ["grpo", "dr_grpo", "dapo"])
def test_training_changes_the_weights_and_the_checkpoint_loads(room: SimpleNamespace, objective: str) -> None:
    trained = room.train(objective=objective)
    before, after = weights(room.tiny), weights(trained.checkpoint)
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)
    assert {str(weight.dtype) for weight in after.values()} == {"torch.float32"}


def test_the_checkpoint_holds_the_template_and_the_run(room: SimpleNamespace) -> None:
    from transformers import AutoTokenizer

    trained = room.train(steps=1)
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (room.tiny, trained.checkpoint))
    assert new.chat_template == old.chat_template
    assert json.loads((trained.checkpoint / "training.json").read_text())["run"] == trained.run
    for name in ("config.json", "generation_config.json"):
        assert json.loads((trained.checkpoint / name).read_text()) == json.loads((room.tiny / name).read_text())


def test_nothing_else_is_written(room: SimpleNamespace, tmp_path: Path) -> None:
    room.train(steps=1)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in room.output.iterdir()] == ["step-1"]


def test_the_same_run_again_makes_the_same_rollouts(room: SimpleNamespace) -> None:
    first, writes = room.train(), room.sink.writes
    room.sink.writes = []
    second = room.train()
    assert first.run == second.run
    assert room.sink.writes == writes
    assert room.train(seed=1).run != first.run


def test_micro_batches_make_the_same_update(room: SimpleNamespace, tmp_path: Path) -> None:
    whole = weights(room.train(steps=1, problems_per_step=2, micro_batch_size=8, output=tmp_path / "whole").checkpoint)
    parts = weights(room.train(steps=1, problems_per_step=2, micro_batch_size=2, output=tmp_path / "parts").checkpoint)
    assert max((whole[name] - parts[name]).abs().max().item() for name in whole) < 1e-5


def test_a_kl_to_the_base_is_logged_and_starts_at_zero(room: SimpleNamespace) -> None:
    room.train(kl_coef=0.1)
    assert room.sink.logs[0][1]["kl"] == pytest.approx(0, abs=1e-6)
    assert room.sink.logs[1][1]["kl"] > 0


def test_a_rising_kl_starts_at_nothing_and_ends_near_its_weight(
    room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.train(steps=4, kl_coef=0.4, kl_schedule="rising", kl_coef_min=0.1)
    assert [values["kl_weight"] for _, values in room.sink.logs] == pytest.approx([0.1, 0.1, 0.2, 0.3])


def test_a_moderate_decay_ends_at_its_ratio_after_the_warm_up(room: SimpleNamespace) -> None:
    room.train(steps=6, warmup_steps=2, learning_rate=0.03, final_lr_fraction=1 / 3)
    rates = [values["learning_rate"] for _, values in room.sink.logs]
    assert rates == pytest.approx([0.01, 0.02, 0.03, 0.025, 0.02, 0.015])  # step 6 would be at a third
    assert room.sink.logs[0][1]["learning_rate_end"] == pytest.approx(1 / 3)


def test_each_step_is_logged_and_told_in_one_line(room: SimpleNamespace) -> None:
    room.train()
    assert [step for step, _ in room.sink.logs] == [0, 1]
    wanted = {
        "loss",
        "reward",
        "learning_rate",
        "truncated",
        "frac_reward_zero_std",
        "clip_ratio_low",
        "clip_ratio_high",
        "seconds",
    }
    assert wanted <= room.sink.logs[0][1].keys()
    assert all(isinstance(value, float) for _, values in room.sink.logs for value in values.values())
    assert [values["learning_rate"] for _, values in room.sink.logs] == [1e-2, 1e-2]
    loading, *steps = room.reporter.lines
    assert loading.endswith("the first step follows")
    assert [line.split(":")[0] for line in steps] == ["step 1 of 2", "step 2 of 2"]


def test_libraries_print_nothing(room: SimpleNamespace, capfd: pytest.CaptureFixture[str]) -> None:
    room.judge.errors = 1  # TRL warns of a reward that is None
    room.train()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_failed_verifier_teaches_nothing(room: SimpleNamespace) -> None:
    room.judge.errors = 1
    room.train(steps=1)
    rollouts, verdicts = room.sink.writes[0]
    rewards = [verdict.reward for verdict in verdicts[1:]]
    assert verdicts[0].outcome == "verifier_error"
    assert rollouts[0].advantage == 0
    assert sum(rollout.advantage for rollout in rollouts[1:]) == pytest.approx(
        0, abs=1e-5
    )  # the group's mean is that of the other three
    assert room.sink.logs[0][1]["reward"] == pytest.approx(sum(rewards) / 3)
    assert room.sink.logs[0][1]["verifier_errors"] == 1


def test_a_step_that_cannot_be_judged_warns_and_changes_nothing(room: SimpleNamespace) -> None:
    room.judge.errors = 4
    trained = room.train(steps=1)
    assert any("failed on all 4 rollouts" in line for line in room.reporter.warnings)
    before, after = weights(room.tiny), weights(trained.checkpoint)
    assert all(before[name].equal(after[name]) for name in before)
    assert math.isnan(trained.rewards[0])


def test_cut_rollouts_can_be_left_out_of_the_update(room: SimpleNamespace) -> None:
    sampler = SamplingConfig(max_tokens=1)  # a random model ends after one token about once in 46
    trained = room.train(steps=1, sampler=sampler, mask_truncated=True)
    assert {rollout.finish for rollout in room.sink.rollouts} == {"length"}
    before, after = weights(room.tiny), weights(trained.checkpoint)
    assert all(before[name].equal(after[name]) for name in before)


def test_completions_end_at_a_stop_string(room: SimpleNamespace) -> None:
    every = tuple("abcdefghijklm")
    room.train(steps=1, sampler=SamplingConfig(max_tokens=64, stop=every), group_size=8)
    for rollout in room.sink.rollouts:
        assert not set(rollout.text) & set(every)
        assert rollout.finish == "stop"
        assert rollout.tokens <= len(rollout.text) + 3  # the stop itself, and special tokens that leave no text


def test_sharing_the_prompt_samples_and_learns_the_same(room: SimpleNamespace, tmp_path: Path) -> None:
    shared = room.train(output=tmp_path / "shared", problems_per_step=2)
    by_row = room.train(output=tmp_path / "by_row", problems_per_step=2, share_prompt=False)
    halves = [rollout.text for rollout in room.sink.rollouts]
    assert halves[: len(halves) // 2] == halves[len(halves) // 2 :]
    left, right = weights(shared.checkpoint), weights(by_row.checkpoint)
    assert max((left[name] - right[name]).abs().max().item() for name in left) < 1e-4
    room.train(output=tmp_path / "less memory", checkpointing=True)


def test_adapters_are_trained_and_merged_into_an_ordinary_checkpoint(room: SimpleNamespace) -> None:
    trained = room.train(steps=2, lora_rank=2, lora_alpha=4.0, learning_rate=0.1)
    before, after = weights(room.tiny), weights(trained.checkpoint)
    assert before.keys() == after.keys()
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed
    assert all("proj" in name for name in changed)  # linear layers only
    moved = next(iter(changed))
    import torch

    assert torch.linalg.matrix_rank(after[moved] - before[moved], atol=1e-4) <= 2


def test_a_killed_adapter_goes_on(room: SimpleNamespace, tmp_path: Path) -> None:
    fixed: dict[str, Any] = {"steps": 4, "lora_rank": 2, "save_every": 1, "learning_rate": 0.1}
    whole = weights(room.train(**fixed).checkpoint)
    room.sink.writes = []
    asked = iter([False, True])
    with pytest.raises(Stopped):
        room.train(output=tmp_path / "stopped", stop=lambda: next(asked), **fixed)
    again = weights(room.train(output=tmp_path / "stopped", **fixed).checkpoint)
    assert all(whole[name].equal(again[name]) for name in whole)


def test_a_tracker_that_is_not_installed_is_named(room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="report_to names 'wandb', which is not installed: pip install wandb"):
        room.train(report_to=("wandb",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"problems_per_step": 1, "group_size": 4},
            "2 processes of micro_batch_size 4 do not divide a step's 1 x 4 = 4 rollouts",
        ),
        ({"problems_per_step": 2, "relift_batch": 2}, "relift_batch = 2 in 2 processes"),
    ],
)
def test_what_two_processes_cannot_do_is_refused(
    room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, changes: Any, message: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=message):
        room.train(**changes)


def test_importing_the_room_is_light() -> None:
    heavy = {"torch", "trl", "transformers", "datasets"}
    code = f"import sys, assay.training.grpo; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Faults


def test_an_empty_curriculum_is_refused(room: SimpleNamespace) -> None:
    with pytest.raises(ConfigError, match="curriculum is empty: there are no problems"):
        room.train("")


def test_an_unknown_objective_names_its_neighbours(room: SimpleNamespace) -> None:
    with pytest.raises(ConfigError, match=r"nearest: .*'grpo'"):
        room.train(objective="grppo")


def test_a_policy_without_a_chat_template_is_refused(room: SimpleNamespace, edited: Any) -> None:
    copy = edited("tokenizer_config.json", chat_template=None)
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    with pytest.raises(ConfigError, match="has no chat template"):
        room.train(checkpoint=copy)


def test_a_prompt_beyond_the_window_is_refused_by_name_and_numbers(room: SimpleNamespace) -> None:
    long = Problem.of("1+" * 130 + "1=?")
    room.problems[long.id], room.ids["long"] = long, long.id
    room.labels[long.id] = room.labels[room.ids["1"]]
    with pytest.raises(
        ConfigError, match=rf"problem {long.id}: prompt of 282 \+ max_tokens of 8 = 290 tokens, window of 256"
    ):
        room.train(("1", "long"))
    assert not room.output.exists()


def test_a_folder_that_is_no_checkpoint_is_refused(room: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a checkpoint"):
        room.train(checkpoint=tmp_path)


def test_a_limit_that_cuts_the_first_step_stops_the_run_unless_allowed(room: SimpleNamespace) -> None:
    short = SamplingConfig(max_tokens=1)
    with pytest.raises(RuntimeError, match="100% of the first step's 4 rollouts ran into the limit of 1 tokens"):
        room.train(sampler=short, allow_truncated=False)
    assert len(room.sink.rollouts) == 4  # paid for, so kept
    assert not list(room.output.glob("*"))
    room.train(sampler=short)
    assert "raise max_tokens above 1" in room.reporter.warnings[-1]


def test_a_reward_that_is_no_number_stops_the_run(room: SimpleNamespace) -> None:
    room.judge.reward = math.nan
    with pytest.raises(RuntimeError, match="step 1: reward nan for rollout"):
        room.train()


def test_a_loss_that_is_no_number_stops_the_run_before_an_update(
    room: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hollow_objective.py").write_text(
        "from dataclasses import dataclass\n"
        "from assay.training.objectives.grpo import Grpo\n"
        "@dataclass(frozen=True)\n"
        "class Hollow(Grpo):\n"
        "    def mean(self, values, tokens):\n"
        "        return values.sum() * float('nan')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="step 1: the loss is nan"):
        room.train(objective="python:hollow_objective:Hollow")
    assert not list(room.output.glob("*"))


def test_weights_that_are_no_numbers_are_never_saved(room: SimpleNamespace) -> None:
    with pytest.raises(RuntimeError, match=r"after step 1 at learning rate 1e\+39, .* weights in .* are not finite"):
        room.train(steps=1, learning_rate=1e39)
    assert not list(room.output.glob("*"))


@pytest.mark.soak
@pytest.mark.model
def test_the_packaged_model_makes_real_steps_through_a_kill_under_six_gib(
    room: SimpleNamespace, tmp_path: Path
) -> None:
    import resource

    from assay.core.types import Policy
    from assay.engines.models import registry as models

    try:
        room.tiny = models.find_checkpoint("smollm2-135m-instruct")
    except ConfigError as missing:
        pytest.skip(str(missing))
    room.base = Policy("smollm2-135m-instruct", "0" * 16)
    steps, save_every, kill_step = (10, 4, 6) if os.environ.get("ASSAY_SOAK", "") == "1" else (3, 1, 1)
    fixed: dict[str, Any] = {
        "checkpoint": room.tiny,
        "sampler": SamplingConfig(max_tokens=8),
        "steps": steps,
        "learning_rate": 1e-6,
        "save_every": save_every,
    }
    killed = os.fork()
    if not killed:  # the first process dies while it makes the step after this one
        room.sink.write = lambda rollouts, verdicts: (
            rollouts[0].step == kill_step and os.kill(os.getpid(), signal.SIGKILL)
        )
        room.train(**fixed)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(killed, 0)[1]) == -signal.SIGKILL
    trained = room.train(**fixed)
    assert [rollout.step for rollout in room.sink.rollouts[::4]] == [*range(save_every, steps)]
    assert len(trained.rewards) == steps
    assert {rollout.finish for rollout in room.sink.rollouts} <= {"stop", "length"}
    assert (trained.checkpoint / "model.safetensors").stat().st_size > 5e8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 6 * 2**20  # KiB


def test_a_reward_is_the_sum_of_its_terms_and_each_is_logged(room: SimpleNamespace) -> None:
    from assay.core.rewards import RewardTerms

    room.train(steps=1, reward=RewardTerms(correctness=2.0, length=0.5, length_buffer=0.5))
    rollouts, verdicts = room.sink.writes[0]
    penalties = [-max(0.0, (rollout.tokens - 4) / 4) for rollout in rollouts]
    rewards = [2 * verdict.reward + 0.5 * value for verdict, value in zip(verdicts, penalties, strict=True)]
    (step,) = [values for _, values in room.sink.logs if "loss" in values]
    assert step["reward"] == pytest.approx(sum(rewards) / len(rewards))
    assert step["reward_length"] == pytest.approx(sum(penalties) / len(penalties))
    assert step["correct"] == pytest.approx(sum(verdict.outcome == "correct" for verdict in verdicts) / len(verdicts))


def test_a_selections_weights_weigh_the_loss_or_repeat_problems_as_the_settings_say(
    room: SimpleNamespace, tmp_path: Path
) -> None:
    weights = (2.0, 0.0, 1.0, 1.0)
    room.train(weights="ignore", phase_weights=weights, output=tmp_path / "ignore")
    before = [rollout.advantage for rollout in room.sink.rollouts]
    room.sink.writes.clear()
    room.train(weights="loss", phase_weights=weights, output=tmp_path / "loss")
    first = room.sink.rollouts[:4]
    assert [rollout.advantage for rollout in first] == pytest.approx([2 * value for value in before[:4]])
    assert {rollout.advantage for rollout in room.sink.rollouts[4:8]} == {0.0}  # the second problem weighs nothing
    room.sink.writes.clear()
    room.train(weights="sampling", steps=4, phase_weights=weights, output=tmp_path / "sampling")
    met = [rollout.problem_id for rollout in room.sink.rollouts[::4]]
    assert met == [room.ids[name] for name in "1134"]


def test_sampling_weights_beside_an_online_curriculum_are_refused(room: SimpleNamespace) -> None:
    from assay.curricula.dynamic import Dynamic

    online = Dynamic().begin(Pool(tuple(sorted(room.ids.values()))), seed=0)
    with pytest.raises(ConfigError, match="fixed order"):
        room.train(weights="sampling", phase_weights=(1.0, 2.0, 0.5, 0.5), online=online)
