"""TRL's trainer with three seams taken: which problem comes next, its rollouts, and the loss.

Importing this file imports torch, transformers and TRL, so only functions import it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from assay.core.errors import TrainingError
from assay.training.teacher.guided_rollouts import guided_mask, roll
from assay.training.teacher.hook import TeacherHook
from assay.training.trainer.batch_merge import joined
from assay.training.trainer.groups import grouped
from assay.training.trainer.loss import Objective, Tokens, kl_to
from assay.training.trainer.rollout_recorder import RolloutRecorder
from assay.training.trainer.sampler import InOrder, SampledBatch
from assay.training.trainer.shared_prefix import sample, token_logps, until_end
from assay.training.trainer.stop_strings import cut_ids


class OrderedTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO that walks a curriculum in order, keeps every rollout as evidence, and minimises one of our objectives.

    `share_prompt` computes a group's prompt once (`_shared.py`); without it TRL's own row-by-row generation and forward pass run.
    """

    def __init__(
        self,
        *,
        evidence: RolloutRecorder,
        objective: Objective,
        kl_weight: Callable[[int], float],
        mask_truncated: bool,
        share_prompt: bool,
        guide: TeacherHook | None = None,
        **rest: Any,
    ) -> None:
        self.evidence, self.objective, self.kl_weight = evidence, objective, kl_weight
        self.mask_truncated, self.share_prompt = mask_truncated, share_prompt
        self.guide = guide
        super().__init__(reward_funcs=evidence.reward, rollout_func=None if guide is None else roll, **rest)
        evidence.ends = frozenset(self.eos_token_ids)  # the tokenizer's and all that the model declares

    def _get_train_sampler(self, dataset: Any = None) -> InOrder:
        return self.evidence.order

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **rest: Any
    ) -> tuple[list[list[int]], Any]:
        stops, decode = self.evidence.sampler.stop, self.evidence.decode
        if self.share_prompt and not self.use_vllm:
            return [cut_ids(ids, stops, decode) for ids in self._sample(prompt_ids)], None
        completions, logprobs = super()._generate_single_turn(prompt_ids, *args, **rest)
        cut = [cut_ids(ids, stops, decode) for ids in completions]
        return cut, logprobs and [row[: len(ids)] for row, ids in zip(logprobs, cut, strict=True)]

    def _sample(self, prompt_ids: list[list[int]]) -> list[list[int]]:
        rows = self._tokenizer.pad({"input_ids": prompt_ids}, padding_side="left", return_tensors="pt").to(
            self.accelerator.device
        )
        stops = list(self.evidence.sampler.stop)
        early = {"stop_strings": stops, "tokenizer": self._tokenizer} if stops else {}
        with self.accelerator.autocast():
            drawn = sample(
                self.accelerator.unwrap_model(self.model),
                rows.input_ids,
                rows.attention_mask,
                self.generation_config,
                **early,
            )
        return until_end(drawn, self.evidence.ends)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        order = self.evidence.order
        return self._asked(order) if isinstance(order, SampledBatch) else self._scored(inputs)

    def _asked(self, order: SampledBatch) -> dict[str, Any]:
        """The problems that the curriculum names, again and again until the step is full of groups that it keeps, or its bound is reached."""
        step, course, parts = self.state.global_step, order.course, []
        assert course is not None
        kept: list[tuple[int, list[int]]] = []  # batch, and the places of a kept group in it
        dropped: list[tuple[int, list[int]]] = []
        for wave in range(1 + course.max_resamples):
            if wave:
                self.evidence.again()
                order.again(step)
            output = self._scored(
                [self.train_dataset[order.rows[slot.problem_id]] for slot in self.evidence.slots(step)]
            )
            output["advantages"] = output["advantages"] * self._weights(order, output["advantages"])
            groups = self.evidence.groups()
            course.observe(groups)
            for group, places in zip(groups, grouped(self.evidence.rollouts), strict=True):
                (kept if course.admits(group) else dropped).append((wave, places))
            parts.append(output)
            if len(kept) >= order.groups:
                break
        if not kept:
            raise TrainingError(
                f"step {step + 1}: none of {len(dropped)} groups in {len(parts)} batches is one to learn from; no update was made"
            )
        if len(parts) == 1:
            return parts[0]
        taken = (kept + dropped)[
            : order.groups
        ]  # a step that is not full trains on groups without signal too, as plain GRPO does
        return joined([(parts[wave], places) for wave, places in taken], pad_id=self._tokenizer.pad_token_id)

    def _scored(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        self.evidence.record(output["advantages"].tolist(), output["prompt_mask"].sum(-1).tolist())
        if self.guide is not None:
            output["guided"] = guided_mask(self.evidence.guided, output["completion_mask"])
            self.evidence.values |= self.guide.values
            counted = output["guided"] * output["completion_mask"] * output.get("tool_mask", 1)  # (B, T)
            self.evidence.guided_tokens = float(self._everywhere(counted.sum())) / self.accelerator.num_processes
        if self.mask_truncated:  # not TRL's own switch, to which a stop string looks like a cut
            finished = torch.tensor(self.evidence.finished, device=output["completion_mask"].device)  # (B,)
            output["completion_mask"] = output["completion_mask"] * finished.unsqueeze(1)  # (B, T)
            output["num_items_in_batch"] = self._everywhere(
                (output["completion_mask"] * output.get("tool_mask", 1)).sum()
            )  # ()
        return output

    def _everywhere(self, count: Tensor) -> Tensor:
        """The sum over all processes, ()."""
        total: Tensor = self.accelerator.gather(count).sum()
        return total

    def _weights(self, order: SampledBatch, like: Tensor) -> Tensor:
        """How much each rollout's loss counts in this step.

        A weight of the advantage is one of the loss: all objectives but `aas`, which shapes it too, are linear in it while its sign is kept.
        """
        assert order.course is not None
        weights = order.course.weights([rollout.problem_id for rollout in self.evidence.rollouts])  # (B,)
        return torch.as_tensor(weights, dtype=like.dtype, device=like.device).reshape(-1, *[1] * (like.dim() - 1))

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        tokens, entropy = self._tokens(model, inputs)
        values = self.objective.per_token(tokens) * inputs.get(
            "importance_sampling_ratio", 1.0
        )  # (B, T); between vLLM's weights and ours
        if self.beta:
            kl = kl_to(inputs["ref_per_token_logps"], tokens.logp)  # (B, T)
            self._note("kl", kl, tokens.mask)
            weight = self.kl_weight(self.state.global_step)
            self._metrics["train"]["kl_weight"].append(weight)
            values = values + weight * kl
        loss = self.objective.mean(values, tokens)  # ()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"step {self.state.global_step + 1}: the loss is {loss.item()}; no update was made from it"
            )
        self._note("entropy", entropy, tokens.mask)
        self._note_clipping(tokens)
        return loss

    def _tokens(self, model: Any, inputs: dict[str, Any]) -> tuple[Tokens, Tensor]:
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)  # (B, P + T)
        attended = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)  # (B, P + T)
        length = inputs["completion_ids"].size(1)  # T
        logp, entropy, _ = self._get_per_token_logps_and_entropies(
            model, ids, attended, length, compute_entropy=True
        )  # (B, T) each
        old = inputs.get("old_per_token_logps")  # None: sampled by these very weights
        advantages = inputs["advantages"]  # (B,) or (B, T)
        mask = inputs["completion_mask"] * inputs.get(
            "tool_mask", 1
        )  # (B, T) without what the environment, or a teacher, wrote
        tokens = Tokens(
            logp=logp,
            old_logp=logp.detach() if old is None else old,
            advantages=advantages.unsqueeze(1) if advantages.dim() == 1 else advantages,
            mask=mask,
            step_rows=len(ids) * self.current_gradient_accumulation_steps,
            step_tokens=float(inputs["num_items_in_batch"])
            / self.accelerator.num_processes,  # whose gradients are averaged
            limit=self.max_completion_length,
            guided=inputs.get("guided"),
            step_guided=self.evidence.guided_tokens,
        )
        return tokens, entropy

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int, *args: Any, **rest: Any
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if not self.share_prompt:
            found: tuple[Tensor, Tensor | None, Tensor | None] = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **rest
            )
            return found
        prompts, completions = input_ids[:, :-logits_to_keep], input_ids[:, -logits_to_keep:]  # (B, P), (B, T)
        prompt_mask, mask = attention_mask[:, :-logits_to_keep], attention_mask[:, -logits_to_keep:]  # (B, P), (B, T)
        with self.accelerator.autocast():
            return *token_logps(model, prompts, prompt_mask, completions, mask, temperature=self.temperature), None

    def _note(self, name: str, values: Tensor, mask: Tensor) -> None:
        self._metrics["train"][name].append(((values * mask).sum() / mask.sum().clamp(min=1)).item())

    def _note_clipping(self, tokens: Tokens) -> None:
        ratio = (tokens.logp - tokens.old_logp).exp()  # (B, T)
        low, high = ratio < 1 - self.epsilon_low, ratio > 1 + self.epsilon_high  # (B, T) each
        self._note("clip_ratio/low_mean", (low & (tokens.advantages < 0)).float(), tokens.mask)
        self._note("clip_ratio/high_mean", (high & (tokens.advantages > 0)).float(), tokens.mask)
