"""TRL's GRPO trainer with three methods replaced: which problem comes next, how its rollouts are made, and the loss.

Importing this file imports torch, transformers and TRL, so only functions import it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from assay.core.errors import TrainingError
from assay.core.ports import PilotCurriculum
from assay.core.types import GroupResult
from assay.training.teacher.hook import TeacherHook, generate_guided_rollouts, guided_mask
from assay.training.trainer.batch_merge import merge_batches
from assay.training.trainer.generation import generate_completions
from assay.training.trainer.groups import group_places
from assay.training.trainer.loss import Objective, TokenBatch, kl_divergence
from assay.training.trainer.rollout_recorder import RolloutRecorder
from assay.training.trainer.sampler import GroupSampler, OnlineSampler, Slot
from assay.training.trainer.shared_prefix import token_logps
from assay.training.trainer.stop_strings import cut_ids


class CurriculumTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO in the curriculum's order, which records every rollout and minimizes one of our objectives.

    Args:
        recorder: Judges and stores rollouts; its rewards are the trainer's.
        objective: The loss.
        kl_weight: The KL's weight at a step, counted from 0; read where `beta` of TRL's arguments is above 0.
        mask_truncated: Leave truncated rollouts out of the loss.
        share_prompt: Compute a group's prompt once (`shared_prefix.py`); without it TRL's own row-by-row code runs.
        teacher_hook: Replaces some rollouts; None = no teacher.
        **options: Arguments of TRL's GRPOTrainer.
    """

    def __init__(
        self,
        *,
        recorder: RolloutRecorder,
        objective: Objective,
        kl_weight: Callable[[int], float],
        mask_truncated: bool,
        share_prompt: bool,
        teacher_hook: TeacherHook | None = None,
        **options: Any,
    ) -> None:
        self.recorder, self.objective, self.kl_weight = recorder, objective, kl_weight
        self.mask_truncated, self.share_prompt = mask_truncated, share_prompt
        self.teacher_hook = teacher_hook
        self.kept_completions: dict[int, list[int]] = {}  # by row of the next batch, of pilots
        self.loss_weights: Mapping[str, float] = {}  # by problem id, of a selection; 1 where it says nothing
        rollout_func = None if teacher_hook is None else generate_guided_rollouts
        super().__init__(reward_funcs=recorder.reward, rollout_func=rollout_func, **options)
        recorder.end_tokens = frozenset(self.eos_token_ids)  # the tokenizer's and all that the model declares

    def _get_train_sampler(self, dataset: Any = None) -> GroupSampler:
        return self.recorder.order

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **options: Any
    ) -> tuple[list[list[int]], Any]:
        if kept_completions := self.kept_completions:
            self.kept_completions = {}
            return self._complete_groups(kept_completions, prompt_ids), None
        if self.share_prompt and not self.use_vllm:
            return generate_completions(self, self.recorder, prompt_ids), None
        stops, decode = self.recorder.sampler.stop, self.recorder.decode
        completions, logprobs = super()._generate_single_turn(prompt_ids, *args, **options)
        cut_completions = [cut_ids(ids, stops, decode) for ids in completions]
        return cut_completions, logprobs and [
            row[: len(ids)] for row, ids in zip(logprobs, cut_completions, strict=True)
        ]

    def _complete_groups(
        self, kept_completions: Mapping[int, list[int]], prompt_ids: list[list[int]]
    ) -> list[list[int]]:
        """Generate the rows of a batch that its pilots have not made yet."""
        missing = [row for row in range(len(prompt_ids)) if row not in kept_completions]
        new_completions, _ = self._generate_single_turn([prompt_ids[row] for row in missing], None, {}, 1)
        completions = dict(kept_completions) | dict(zip(missing, new_completions, strict=True))
        return [completions[row] for row in range(len(prompt_ids))]

    def _screen(self, order: OnlineSampler, curriculum: PilotCurriculum) -> None:
        """Attempt parts of groups until enough are mixed, and make these problems the step's."""
        step, completions_by_id = self.state.global_step, dict[str, list[list[int]]]()

        def attempt(ids: Sequence[str]) -> list[GroupResult]:
            slots = [Slot(id_, 0, sample) for id_ in ids for sample in range(curriculum.pilot)]
            inputs = [self.train_dataset[order.rows[slot.problem_id]] for slot in slots]
            prompts = self._tokenize_prompts([row["prompt"] for row in inputs])[0]
            completions, _ = self._generate_single_turn(prompts, None, {}, 1)
            for slot, completion in zip(slots, completions, strict=True):
                completions_by_id.setdefault(slot.problem_id, []).append(completion)
            return self.recorder.judge_pilots(step, slots, completions)

        ids = curriculum.screen(order.groups, order.group_size, attempt)
        goes_on = set() if curriculum.fresh else set(ids) & set(completions_by_id)
        order.set_problems(step, ids, {id_: len(rows) for id_, rows in completions_by_id.items() if id_ not in goes_on})
        self.recorder.record_pilots(goes_on)
        for row, slot in enumerate(self.recorder.slots(step)):
            if slot.problem_id in goes_on and slot.sample < curriculum.pilot:
                self.kept_completions[row] = completions_by_id[slot.problem_id][slot.sample]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        order = self.recorder.order
        return self._resample(order) if isinstance(order, OnlineSampler) else self._score(inputs)

    def _resample(self, order: OnlineSampler) -> dict[str, Any]:
        """Sample the problems that the curriculum chooses until it admits enough groups, or its limit is reached."""
        step, curriculum = self.state.global_step, order.curriculum
        assert curriculum is not None
        if isinstance(curriculum, PilotCurriculum) and curriculum.pilot:
            self._screen(order, curriculum)
        batches: list[dict[str, Any]] = []
        admitted_groups: list[tuple[int, list[int]]] = []  # batch, and the places of a group in it
        spare_groups: list[tuple[int, list[int]]] = []
        while len(admitted_groups) < order.groups and len(batches) <= curriculum.max_resamples:
            if batches:
                self.recorder.begin_next_batch()
                order.begin_next_batch(step)
            batch = self._score([self.train_dataset[order.rows[slot.problem_id]] for slot in self.recorder.slots(step)])
            batch["advantages"] = batch["advantages"] * self._weights(order, batch["advantages"])
            results = self.recorder.group_results()
            curriculum.observe(results)
            for result, places in zip(results, group_places(self.recorder.rollouts), strict=True):
                (admitted_groups if curriculum.admits(result) else spare_groups).append((len(batches), places))
            batches.append(batch)
        if not admitted_groups:
            raise TrainingError(
                f"step {step + 1}: none of {len(spare_groups)} groups in {len(batches)} batches can be learned from; "
                "no update was made"
            )
        if len(batches) == 1:
            return batches[0]
        # A step that is not full trains on groups without signal too, as plain GRPO does.
        groups = (admitted_groups + spare_groups)[: order.groups]
        return merge_batches(
            [(batches[index], places) for index, places in groups], pad_id=self._tokenizer.pad_token_id
        )

    def _score(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        output["advantages"] = output["advantages"] * self._selection_weights(output["advantages"])
        self.recorder.record(output["advantages"].tolist(), output["prompt_mask"].sum(-1).tolist())
        if self.teacher_hook is not None:
            output["guided"] = guided_mask(self.recorder.guided_spans, output["completion_mask"])
            self.recorder.metrics |= self.teacher_hook.metrics
            loss_mask = output["guided"] * output["completion_mask"] * output.get("tool_mask", 1)  # (B, T)
            self.recorder.guided_tokens = float(self._sum_of_all(loss_mask.sum())) / self.accelerator.num_processes
        if self.mask_truncated:  # not TRL's own switch, which takes a stop string for a truncation
            finished_mask = torch.tensor(self.recorder.finished_mask, device=output["completion_mask"].device)  # (B,)
            output["completion_mask"] = output["completion_mask"] * finished_mask.unsqueeze(1)  # (B, T)
            loss_mask = output["completion_mask"] * output.get("tool_mask", 1)  # (B, T)
            output["num_items_in_batch"] = self._sum_of_all(loss_mask.sum())  # ()
        return output

    def _sum_of_all(self, count: Tensor) -> Tensor:
        """Return the sum over all processes, ()."""
        total: Tensor = self.accelerator.gather(count).sum()
        return total

    def _weights(self, order: OnlineSampler, like: Tensor) -> Tensor:
        """Return how much each rollout's loss counts in this step, in a shape that multiplies advantages `like` these.

        A weight of the advantage is one of the loss: all objectives but `aas`, which shapes it too, are linear in it
        while its sign is kept.
        """
        assert order.curriculum is not None
        return _as_column(order.curriculum.weights([rollout.problem_id for rollout in self.recorder.rollouts]), like)

    def _selection_weights(self, like: Tensor) -> Tensor:
        """Return the selection's weight of each rollout's problem, as `_weights` does."""
        weights = [self.loss_weights.get(rollout.problem_id, 1.0) for rollout in self.recorder.rollouts]  # (B,)
        return _as_column(weights, like)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        tokens, entropy = self._tokens(model, inputs)
        correction = inputs.get("importance_sampling_ratio", 1.0)  # (B, T) between vLLM's weights and ours
        values = self.objective.per_token(tokens) * correction  # (B, T)
        if self.beta:
            kl = kl_divergence(inputs["ref_per_token_logps"], tokens.logp)  # (B, T)
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

    def _tokens(self, model: Any, inputs: dict[str, Any]) -> tuple[TokenBatch, Tensor]:
        """Return the micro-batch as the objective sees it, and the entropy per token, (B, T)."""
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)  # (B, P + T)
        attended = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)  # (B, P + T)
        length = inputs["completion_ids"].size(1)  # T
        logp, entropy, _ = self._get_per_token_logps_and_entropies(
            model, ids, attended, length, compute_entropy=True
        )  # (B, T) each
        old_logp = inputs.get("old_per_token_logps")  # None: sampled by these very weights
        advantages = inputs["advantages"]  # (B,) or (B, T)
        tokens = TokenBatch(
            logp=logp,
            old_logp=logp.detach() if old_logp is None else old_logp,
            advantages=advantages.unsqueeze(1) if advantages.dim() == 1 else advantages,
            mask=inputs["completion_mask"] * inputs.get("tool_mask", 1),  # without what a teacher wrote
            step_rows=len(ids) * self.current_gradient_accumulation_steps,
            step_tokens=float(inputs["num_items_in_batch"]) / self.accelerator.num_processes,  # gradients are averaged
            limit=self.max_completion_length,
            guided=inputs.get("guided"),
            step_guided=self.recorder.guided_tokens,
        )
        return tokens, entropy

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int, *args: Any, **options: Any
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if not self.share_prompt:
            by_row: tuple[Tensor, Tensor | None, Tensor | None] = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **options
            )
            return by_row
        prompts, completions = input_ids[:, :-logits_to_keep], input_ids[:, -logits_to_keep:]  # (B, P), (B, T)
        prompt_mask, mask = attention_mask[:, :-logits_to_keep], attention_mask[:, -logits_to_keep:]  # (B, P), (B, T)
        with self.accelerator.autocast():
            return *token_logps(model, prompts, prompt_mask, completions, mask, temperature=self.temperature), None

    def _note(self, name: str, values: Tensor, mask: Tensor) -> None:
        self._metrics["train"][name].append(((values * mask).sum() / mask.sum().clamp(min=1)).item())

    def _note_clipping(self, tokens: TokenBatch) -> None:
        ratio = (tokens.logp - tokens.old_logp).exp()  # (B, T)
        low, high = ratio < 1 - self.epsilon_low, ratio > 1 + self.epsilon_high  # (B, T) each
        self._note("clip_ratio/low_mean", (low & (tokens.advantages < 0)).float(), tokens.mask)
        self._note("clip_ratio/high_mean", (high & (tokens.advantages > 0)).float(), tokens.mask)


def _as_column(weights: Any, like: Tensor) -> Tensor:
    """Return one weight per rollout, (B,), in a shape that multiplies advantages `like` these."""
    return torch.as_tensor(weights, dtype=like.dtype, device=like.device).reshape(-1, *[1] * (like.dim() - 1))
