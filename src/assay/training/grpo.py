"""Curriculum + policy -> checkpoint: GRPO on TRL, in the curriculum's order, rewarded by the same verifier as everything else."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import PlanError, require
from assay.core.identity import content_id
from assay.core.parts import build
from assay.core.ports import Judge, Narrator, RolloutSink
from assay.core.types import Curriculum, Label, Policy, Problem, Sampler
from assay.training.checks import Chat, check_curriculum, check_numbers, check_window
from assay.training.evidence import Evidence
from assay.training.loss import Objective
from assay.training.quiet import quiet
from assay.training.sampler import InOrder
from assay.training.saving import save


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train; what is sampled, and how, is the Sampler's."""

    objective: str = "grpo"  # a file in objectives/
    steps: int = 2  # optimiser steps
    group_size: int = 8  # rollouts a problem, at least 2
    groups: int = 1  # problems a step
    learning_rate: float = 1e-6  # constant
    beta: float = 0.0  # weight of the KL to the base; above 0 a second copy of the base is held in memory
    seed: int = 0
    micro_batch: int | None = None  # rollouts a forward pass, None = one group; smaller = less memory, same update
    mask_truncated: bool = False  # True: rollouts cut by the limit are kept as evidence but not trained on
    allow_truncated: bool = False  # True: go on though nearly all rollouts of the first step are cut
    share_prompt: bool = True  # compute a group's prompt once; False = row by row, as TRL does: for models without an ordinary cache
    checkpointing: bool = False  # True: recompute activations, for less memory and more time; turns share_prompt off

    @property
    def rows(self) -> int:
        """Rollouts a forward pass."""
        return self.group_size if self.micro_batch is None else self.micro_batch


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run leaves."""

    checkpoint: Path
    run: str  # names the policy revisions of its steps
    steps: int
    tokens: int  # generated
    seconds: float  # of training, after imports and loading
    rewards: tuple[float, ...]  # mean of each step's rollouts


def train(
    curriculum: Curriculum,
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    *,
    checkpoint: Path,
    base: Policy,
    sampler: Sampler,
    judge: Judge,
    sink: RolloutSink,
    settings: Settings,
    output: Path,
    narrator: Narrator,
    run: str = "",
) -> Trained:
    """`output/step-N` holds the policy after N steps, and the sink every rollout that they made; nothing else is written.

    Problems and labels are keyed by problem id. `checkpoint` is a folder that transformers loads; `base` names it. `run` is part of
    every rollout's policy revision; "" derives it from all that decides the run, so the same run again makes the same ids.
    The weights are float32; on a GPU that has bfloat16, forward passes use it. With top_p < 1 or top_k > 0 rollouts are drawn from a
    narrower distribution than the one whose probabilities are trained, as in TRL.

    Raises:
        PlanError: something cannot be trained as asked; nothing was written.
        RuntimeError: training met something that it must not learn from; no checkpoint was written.
    """
    objective = _checked(curriculum, problems, labels, sampler, settings)
    chain = (base.revision, sampler.id, asdict(settings), curriculum.order, [labels[id_].id for id_ in curriculum.order])
    run = run or content_id("run", *chain)
    order = _in_order(curriculum.order, settings, narrator)
    with quiet():
        tokenizer = _tokenizer(checkpoint)
        chats = {id_: [message._asdict() for message in sampler.render(problems[id_])] for id_ in order.rows}
        config = _config(checkpoint)
        window = getattr(config.get_text_config(), "max_position_embeddings", None)
        check_window(tokenizer, chats, window=window, max_tokens=sampler.max_tokens, template_args=_template_args(sampler))
        evidence = Evidence(
            problems=problems,
            labels=labels,
            judge=judge,
            sink=sink,
            narrator=narrator,
            base=base,
            sampler=sampler,
            run=run,
            order=order,
            decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
            allow_truncated=settings.allow_truncated,
        )
        trainer = _trainer(checkpoint, tokenizer, chats, evidence, objective, settings, output)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        model = trainer.accelerator.unwrap_model(trainer.model)
        model.config.use_cache = config.use_cache  # which the library turns off
        saved = save(model, tokenizer, output / f"step-{settings.steps}", _record(evidence, settings))
    return Trained(saved, run, settings.steps, evidence.tokens, seconds, tuple(evidence.rewards))


def _checked(curriculum: Curriculum, problems: Mapping[str, Problem], labels: Mapping[str, Label], sampler: Sampler, settings: Settings) -> Objective:
    check_curriculum(curriculum.order, problems, labels)
    check_numbers(
        sampler,
        group_size=settings.group_size,
        groups=settings.groups,
        micro_batch=settings.rows,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
    )
    for library in ("torch", "transformers", "trl"):
        require(library, extra="train")
    objective: Objective = build("objective", settings.objective)
    return objective


def _in_order(order: Sequence[str], settings: Settings, narrator: Narrator) -> InOrder:
    wanted = settings.steps * settings.groups
    if wanted > len(order):
        narrator.say(f"{settings.steps} steps of {settings.groups} want {wanted} problems; the curriculum has {len(order)} and wraps around")
    rows = {id_: row for row, id_ in enumerate(dict.fromkeys(order[:wanted]))}
    repeats = settings.groups * settings.group_size // settings.rows
    return InOrder(order, rows, settings.steps, settings.groups, settings.group_size, repeats)


def _trainer(
    checkpoint: Path,
    tokenizer: Any,
    chats: Mapping[str, Chat],
    evidence: Evidence,
    objective: Objective,
    settings: Settings,
    output: Path,
) -> Any:
    from datasets import Dataset
    from transformers import PrinterCallback

    from assay.training._trainer import OrderedTrainer, StepLog

    trainer = OrderedTrainer(
        evidence=evidence,
        objective=objective,
        mask_truncated=settings.mask_truncated,
        share_prompt=settings.share_prompt and not settings.checkpointing,
        model=str(checkpoint),
        args=_arguments(objective, evidence.sampler, settings, output, evidence.order.repeats),
        train_dataset=Dataset.from_dict({"prompt": list(chats.values()), "problem_id": list(chats)}),
        processing_class=tokenizer,
        callbacks=[StepLog(evidence)],
    )
    trainer.remove_callback(PrinterCallback)  # which prints every log on stdout once bars are off
    if trainer.accelerator.num_processes > 1:
        raise PlanError(f"{trainer.accelerator.num_processes} processes were launched, and training runs in 1")
    return trainer


def _arguments(objective: Objective, sampler: Sampler, settings: Settings, output: Path, accumulation: int) -> Any:
    """TRL's arguments: each default that would change the result in silence is set here."""
    import torch
    from trl import GRPOConfig

    return GRPOConfig(
        output_dir=str(output),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.rows,
        gradient_accumulation_steps=accumulation,
        num_generations=settings.group_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",  # the library's own falls linearly to 0
        beta=settings.beta,
        use_bias_correction_kl=False,  # the plain KL of the paper, as in loss.py
        router_aux_loss_coef=0.0,  # a mixture of experts gets no second loss
        seed=settings.seed,
        shuffle_dataset=False,
        max_completion_length=sampler.max_tokens,
        temperature=sampler.temperature,
        top_p=sampler.top_p,
        top_k=sampler.top_k,
        chat_template_kwargs=_template_args(sampler),
        gradient_checkpointing=settings.checkpointing,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),  # the library's own default is on, also on a CPU
        model_init_kwargs={"dtype": "float32", "device_map": None},
        save_strategy="no",
        report_to="none",
        logging_steps=1,
        logging_nan_inf_filter=False,  # which would log a NaN loss as the mean of the others
        disable_tqdm=True,
        **objective.arguments(),
    )


def _tokenizer(checkpoint: Path) -> Any:
    from transformers import AutoTokenizer

    if not (checkpoint / "config.json").is_file():
        raise PlanError(f"{str(checkpoint)!r} is no checkpoint: it holds no config.json")
    return AutoTokenizer.from_pretrained(str(checkpoint), padding_side="left", local_files_only=True)


def _config(checkpoint: Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(str(checkpoint), local_files_only=True)


def _template_args(sampler: Sampler) -> dict[str, Any]:
    return dict(json.loads(sampler.chat_template_args))


def _record(evidence: Evidence, settings: Settings) -> dict[str, Any]:
    rewards = [None if math.isnan(reward) else reward for reward in evidence.rewards]  # JSON has no NaN
    base, sampler = asdict(evidence.base), asdict(evidence.sampler)
    return {"run": evidence.run, "base": base, "sampler": sampler, "settings": asdict(settings), "rewards": rewards}
