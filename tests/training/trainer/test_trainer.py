"""Contract with TRL: what `training/trainer/trainer.py` replaces is still where it was, and our losses are TRL's."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from trl import GRPOConfig, GRPOTrainer

from assay.core.errors import ConfigError
from assay.core.types import Message
from assay.training.trainer.callbacks import format_step
from assay.training.trainer.trainer import CurriculumTrainer

SEAMS = {
    "_get_train_sampler": ["self", "dataset"],
    "_generate_single_turn": [
        "self",
        "prompt_ids",
        "images",
        "multimodal_fields",
        "num_generations",
        "has_tool_images",
    ],
    "_generate_and_score_completions": ["self", "inputs"],
    "_compute_loss": ["self", "model", "inputs"],
}


@pytest.mark.parametrize("name", SEAMS)
def test_trls_seam_takes_what_it_took(name: str) -> None:
    assert list(inspect.signature(inspect.unwrap(getattr(GRPOTrainer, name))).parameters) == SEAMS[name]


def test_trls_forward_pass_takes_what_it_took() -> None:
    taken = list(inspect.signature(inspect.unwrap(GRPOTrainer._get_per_token_logps_and_entropies)).parameters)
    assert taken[:7] == [
        "self",
        "model",
        "input_ids",
        "attention_mask",
        "logits_to_keep",
        "batch_size",
        "compute_entropy",
    ]


def test_trls_seam_for_rollouts_is_there_and_asks_for_what_it_asked() -> None:
    assert "rollout_func" in inspect.signature(GRPOTrainer.__init__).parameters
    assert list(inspect.signature(inspect.unwrap(GRPOTrainer._tokenize_prompts)).parameters) == ["self", "prompts"]
    source = inspect.getsource(GRPOTrainer._generate)
    for word in ('{"prompt_ids", "completion_ids", "logprobs"}', '"env_mask"'):
        assert word in source


def test_no_other_method_of_trl_is_replaced() -> None:
    replaced = {
        name
        for name in vars(CurriculumTrainer)
        if hasattr(GRPOTrainer, name) and callable(getattr(CurriculumTrainer, name))
    }
    assert replaced - {"__init__"} == {*SEAMS, "_get_per_token_logps_and_entropies"}


def test_trl_applies_the_chat_template_exactly_once(room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoTokenizer

    seen: list[list[int]] = []
    original = CurriculumTrainer._generate_single_turn

    def spy(self: Any, prompt_ids: list[list[int]], *args: Any, **rest: Any) -> Any:
        seen.extend(prompt_ids)
        return original(self, prompt_ids, *args, **rest)

    monkeypatch.setattr(CurriculumTrainer, "_generate_single_turn", spy)
    sampler = type(room.sampler)(max_tokens=8, system="add", shots=(("1+1=?", "2"),), template="q: {prompt}")
    room.train(steps=1, sampler=sampler)
    chat = [message._asdict() for message in sampler.render(room.problems[room.ids["1"]])]
    assert chat[0] == Message("system", "add")._asdict()
    expected = AutoTokenizer.from_pretrained(room.tiny).apply_chat_template(
        chat, add_generation_prompt=True, tokenize=True
    )["input_ids"]
    assert seen == [expected] * 4
    assert expected.count(1) == 1  # one beginning-of-sequence token
    assert {rollout.prompt_tokens for rollout in room.sink.rollouts} == {len(expected)}


@pytest.mark.parametrize("objective", ["grpo", "dr_grpo", "dapo"])
@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_losses_and_gradients_equal_trls_own(
    room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, objective: str, beta: float
) -> None:
    compared: list[tuple[float, float, float]] = []
    original = CurriculumTrainer._compute_loss

    def both(self: Any, model: Any, inputs: dict[str, Any]) -> Any:
        sampled = self._get_per_token_logps_and_entropies(
            model,
            torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1),
            torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1),
            inputs["completion_ids"].size(1),
        )[0].detach()
        inputs["old_per_token_logps"] = sampled + torch.linspace(-0.5, 0.5, sampled.numel()).view_as(
            sampled
        )  # off policy, some clipped
        ours, theirs = original(self, model, inputs), GRPOTrainer._compute_loss(self, model, inputs)
        weights = list(model.parameters())
        left, right = torch.autograd.grad(ours, weights, retain_graph=True), torch.autograd.grad(theirs, weights)
        compared.append(
            (ours.item(), theirs.item(), max((a - b).abs().max().item() for a, b in zip(left, right, strict=True)))
        )
        return ours

    monkeypatch.setattr(CurriculumTrainer, "_compute_loss", both)
    room.train(steps=1, problems_per_step=2, micro_batch_size=2, objective=objective, kl_coef=beta)
    assert len(compared) == 4
    for ours, theirs, gap in compared:
        assert ours == pytest.approx(theirs, abs=1e-6)
        assert gap < 1e-6
    assert any(abs(ours) > 1e-3 for ours, _, _ in compared)


def test_vllms_correction_weighs_each_token_as_in_trl(room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[float, float]] = []
    original = CurriculumTrainer._compute_loss

    def both(self: Any, model: Any, inputs: dict[str, Any]) -> Any:
        mask = inputs["completion_mask"]
        inputs["importance_sampling_ratio"] = torch.linspace(0.5, 1.5, mask.numel()).view_as(mask)
        ours = original(self, model, inputs)
        with monkeypatch.context() as patch:
            patch.setattr(self, "use_vllm", True)
            compared.append((ours.item(), GRPOTrainer._compute_loss(self, model, inputs).item()))
        return ours

    monkeypatch.setattr(CurriculumTrainer, "_compute_loss", both)
    room.train(steps=1)
    ours, theirs = compared[0]
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert abs(ours) > 1e-3


def test_vllms_arguments_are_trls_own(room: SimpleNamespace) -> None:
    from dataclasses import replace

    from assay.training.teacher.settings import TeacherSettings
    from assay.training.trainer.arguments import generation_arguments

    asked = replace(room.settings, vllm="server", vllm_url="http://localhost:1")
    assert set(generation_arguments(asked)) <= set(inspect.signature(GRPOConfig.__init__).parameters)
    assert generation_arguments(asked)["vllm_importance_sampling_correction"]
    assert not generation_arguments(replace(asked, teacher_settings=TeacherSettings()))[
        "vllm_importance_sampling_correction"
    ]
    with pytest.raises(ConfigError, match="vllm is not installed"):
        room.train(vllm="colocate")


def test_a_step_is_told_by_what_moves_and_not_by_a_loss_that_is_0_at_a_ratio_of_1() -> None:
    values = {
        "loss": -1e-9,
        "reward": 0.25,
        "tokens": 32.0,
        "truncated": 0.25,
        "seconds": 1.5,
        "frac_reward_zero_std": 0.75,
        "kl": 0.00123,
        "entropy": 1.5,
        "grad_norm": 0.4567,
    }
    assert format_step(1, 2, values) == (
        "step 1 of 2: reward 0.250, 25% of groups mixed, KL 0.0012, entropy 1.500, grad norm 0.457, 32 tokens, "
        "25% truncated, 1.5 s"
    )


def test_a_step_without_signal_says_so() -> None:
    values = {"reward": 0.0, "tokens": 32.0, "truncated": 0.25, "seconds": 1.5, "frac_reward_zero_std": 1.0}
    assert format_step(1, 2, values) == (
        "step 1 of 2: reward 0.000, 0% of groups mixed, 32 tokens, 25% truncated, 1.5 s; "
        "all rewards equal in every group, nothing to learn"
    )
