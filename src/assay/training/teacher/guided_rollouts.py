"""TRL's `rollout_func`: the student's rollouts as ever, and then what a teacher makes of some of them.

Importing this file imports torch, so only functions import it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from assay.training.teacher.hook import Ids, TeacherRollout
from assay.training.trainer.groups import failed, grouped
from assay.training.trainer.stop_strings import before


def roll(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    """Prompt and completion ids of a step, some completions guided; `env_mask` is 0 where the loss must not look.

    `logprobs` is None: they are computed anew for the sequences as they are, as ThinkTuning does.
    """
    guide, evidence, step = trainer.guide, trainer.evidence, int(trainer.state.global_step)
    assert guide is not None
    prompt_ids, images, fields = trainer._tokenize_prompts(prompts)
    completions, _ = trainer._generate_single_turn(prompt_ids, images, fields, trainer.num_generations)
    evidence.meet(step, completions)
    questions = {id_: evidence.sampler.render(problem)[-1].content for id_, problem in evidence.problems.items()}
    lengths = [len(ids) for ids in prompt_ids]
    written = guide.write(step, evidence.run, evidence.rollouts, evidence.counted, completions, questions, lengths)
    masks = {}
    if guide.guidance.go_on:
        masks = _continue(trainer, prompt_ids, completions, written)
    else:
        _put(trainer, completions, written, whole=guide.guidance.mask == "whole")
    if guide.guidance.gold and guide.guidance.share_at(step) > 0:
        _put(trainer, completions, _last_resort(trainer, lengths), whole=True)
    made = {"prompt_ids": prompt_ids, "completion_ids": completions, "logprobs": None}
    if guide.guidance.go_on:
        made["env_mask"] = [masks.get(place, [1] * len(ids)) for place, ids in enumerate(completions)]
    return made


def guided_mask(spans: Sequence[tuple[int, int, int]], like: Tensor) -> Tensor:
    """(B, T), 1 on the guided tokens [first, end) of each place."""
    mask = torch.zeros_like(like)  # (B, T)
    for place, first, end in spans:
        mask[place, first:end] = 1
    return mask


def _put(trainer: Any, completions: list[Ids], written: Sequence[TeacherRollout], *, whole: bool) -> None:
    """Guided sequences in the places of rollouts, judged."""
    if not written:
        return
    for each in written:
        completions[each.place] = each.ids
        trainer.evidence.guided.append((each.place, 0 if whole else each.own, len(each.ids)))
    trainer.evidence.give_way({each.place: (each.text, len(each.ids), "stop") for each in written})


def _continue(
    trainer: Any, prompt_ids: list[Ids], completions: list[Ids], written: Sequence[TeacherRollout]
) -> dict[int, list[int]]:
    """The student's own words after the feedback; masks by place, 0 on what the teacher wrote."""
    evidence = trainer.evidence
    if not written:
        return {}
    after, _ = trainer._generate_single_turn([prompt_ids[each.place] + each.ids for each in written], None, {}, 1)
    masks = {}
    changes: dict[int, Any] = {}
    for each, more in zip(written, after, strict=True):
        completions[each.place] = ids = each.ids + more
        masks[each.place] = [1] * each.own + [0] * each.foreign + [1] * len(more)
        done = "stop" if more[-1] in evidence.ends or evidence.ended(more) else "length"
        changes[each.place] = (each.text + before(evidence.decode(more), evidence.sampler.stop), len(ids), done)
    evidence.give_way(changes)
    return masks


def _last_resort(trainer: Any, lengths: Sequence[int]) -> list[TeacherRollout]:
    """A demonstration for each group that is still all wrong, in the place of its last rollout; only one that the verifier accepts."""
    guide, evidence = trainer.guide, trainer.evidence
    assert guide is not None
    found = []
    for group in grouped(evidence.rollouts):
        if not failed(group, evidence.counted):
            continue
        place = group[-1]
        text = evidence.proven(evidence.rollouts[place], guide.demonstrations(evidence.rollouts[place].problem_id))
        if text is not None and (shown := guide.shown(place, text, lengths[place])):
            found.append(shown)
    guide.values["demonstrated"] = float(len(found))
    return found
