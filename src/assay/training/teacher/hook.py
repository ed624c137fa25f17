"""Let a teacher help with a step's rollouts: choose some, ask for feedback, and put guided sequences in their place.

`generate_guided_rollouts` is TRL's `rollout_func` of a run with a teacher; `TeacherHook` holds what it needs between
steps. A guided sequence stays in its rollout's group, and is rewarded by its final answer like any other.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import EngineError
from assay.core.identity import derive_seed
from assay.core.ports import Reporter
from assay.core.types import Finish, Rollout, Verdict
from assay.training.teacher.settings import TeacherSettings
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.groups import all_wrong, group_places
from assay.training.trainer.schedules import round_at_random
from assay.training.trainer.stop_strings import text_before_stop

if TYPE_CHECKING:
    from torch import Tensor

Ids = list[int]


@dataclass(frozen=True, slots=True)
class TeacherRollout:
    """A sequence that takes the place of a rollout."""

    place: int  # of the rollout in its step
    ids: Ids
    own: int  # tokens from the start that the student wrote
    foreign: int  # tokens after these that the student did not write
    text: str


@dataclass
class TeacherHook:
    """Ask the teacher about a step's rollouts and build the guided sequences."""

    settings: TeacherSettings
    teacher: Teacher
    encode: Callable[[str], Ids]  # without special tokens
    end_token: int  # that ends a completion
    window: int | None  # most tokens of prompt and completion; None = no limit
    reporter: Reporter
    reserved_tokens: int = 0  # that the student may need after a feedback
    demonstrations: Callable[[str], Sequence[str]] = lambda problem_id: ()  # texts that may solve a problem
    metrics: dict[str, float] = field(default_factory=dict)  # of the latest step, for its log row

    def write_rollouts(
        self,
        step: int,
        run: str,
        rollouts: Sequence[Rollout],
        verdicts: Sequence[Verdict],
        ids: Sequence[Ids],
        questions: Mapping[str, str],
        prompt_tokens: Sequence[int],
    ) -> list[TeacherRollout]:
        """Build the guided sequences of one step; a rollout that the teacher did not answer well stays as it was.

        Args:
            step: Counted from 0; decides the share.
            run: The run's id; with the step it decides which rollouts are chosen.
            rollouts: The student's, in the step's order.
            verdicts: One per rollout.
            ids: Completion ids, one list per rollout.
            questions: Per problem id, as the student was asked.
            prompt_tokens: One per rollout.

        Returns:
            Sequences with the places of the rollouts that they replace, ascending.

        Raises:
            EngineError: the teacher cannot be reached, and `if_gone` is "stop".
        """
        names = ("guided", "teacher_malformed", "teacher_too_long", "teacher_tokens", "teacher_seconds")
        self.metrics = dict.fromkeys(names, 0.0)
        rng = np.random.default_rng(derive_seed("teacher", run, step))
        places = choose_rollouts(rollouts, verdicts, self.settings.apply_to, self.settings.share_at(step), rng)
        if not places:
            return []
        began = time.perf_counter()
        try:
            reply = self.teacher.request_feedback(
                [questions[rollouts[place].problem_id] for place in places], [rollouts[place] for place in places]
            )
            if len(reply.faults) == len(places):
                raise EngineError(reply.faults[0])
        except EngineError as error:
            return self._handle_missing_teacher(step, error)
        sequences = [
            self._append_feedback(place, ids[place], feedback.text, rollouts[place].text, prompt_tokens[place])
            for place, feedback in zip(places, reply.feedback, strict=True)
            if feedback is not None
        ]
        guided = [sequence for sequence in sequences if sequence is not None]
        self.metrics |= {
            "guided": float(len(guided)),
            "teacher_malformed": float(len(places) - len(sequences)),
            "teacher_too_long": float(len(sequences) - len(guided)),
            "teacher_tokens": float(reply.tokens),
            "teacher_seconds": time.perf_counter() - began,
        }
        return guided

    def build_demonstration(self, place: int, text: str, prompt_tokens: int) -> TeacherRollout | None:
        """Return a demonstration as a sequence for this place; None where the window is too small for it."""
        ids = [*self.encode(text), self.end_token]
        fits = self.window is None or prompt_tokens + len(ids) <= self.window
        return TeacherRollout(place, ids, 0, len(ids), text) if fits else None

    def _append_feedback(
        self, place: int, ids: Ids, feedback: str, text: str, prompt_tokens: int
    ) -> TeacherRollout | None:
        # What the student wrote is not decoded and encoded again: its tokens stay its own.
        own = ids[:-1] if ids[-1] == self.end_token else ids
        foreign = self.encode(feedback) + ([] if self.settings.student_continues else [self.end_token])
        length = prompt_tokens + len(own) + len(foreign) + self.reserved_tokens
        fits = self.window is None or length <= self.window
        return TeacherRollout(place, [*own, *foreign], len(own), len(foreign), text + feedback) if fits else None

    def _handle_missing_teacher(self, step: int, error: EngineError) -> list[TeacherRollout]:
        if self.settings.on_unavailable == "stop":
            raise EngineError(
                f"step {step + 1}: the teacher did not answer: {error}; run `train resume` once it does"
            ) from error
        self.reporter.warn(f"step {step + 1}: the teacher did not answer, so no rollout is guided: {error}")
        return []


def choose_rollouts(
    rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], need: str, share: float, rng: np.random.Generator
) -> list[int]:
    """Choose the rollouts to guide: of each group a share of the finished ones that need it, uniformly.

    Args:
        rollouts: Of one step.
        verdicts: One per rollout.
        need: "any", "wrong" or "failed" (`TeacherSettings.need`).
        share: In [0, 1], kept on average however small the groups are.
        rng: Decides the choice.

    Returns:
        Places, ascending.
    """
    if share <= 0:
        return []
    chosen_places: list[int] = []
    for places in group_places(rollouts):
        if need == "failed" and not all_wrong(places, verdicts):
            continue
        eligible = [
            place
            for place in places
            if rollouts[place].finish == "stop" and (need == "any" or verdicts[place].outcome != "correct")
        ]
        count = round_at_random(eligible, share, rng.random)
        chosen_places += [int(place) for place in rng.permutation(eligible)[:count]]
    return sorted(chosen_places)


def generate_guided_rollouts(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    """Sample a step's rollouts and replace some by guided sequences; TRL calls this as its `rollout_func`.

    Args:
        prompts: The step's chats, one per rollout.
        trainer: A `CurriculumTrainer` with a teacher hook.

    Returns:
        `prompt_ids`; `completion_ids`, some guided; `logprobs` None, because they are computed again for the sequences
        as they are, as ThinkTuning does; and where the student continues after a feedback `env_mask`, 0 on tokens that
        are left out of the loss.

    Raises:
        EngineError: the teacher cannot be reached, and `if_gone` is "stop".
    """
    hook, recorder, step = trainer.teacher_hook, trainer.recorder, int(trainer.state.global_step)
    prompt_ids, images, fields = trainer._tokenize_prompts(prompts)
    completions, _ = trainer._generate_single_turn(prompt_ids, images, fields, trainer.num_generations)
    recorder.judge_samples(step, completions)
    questions = {id_: recorder.sampler.render(problem)[-1].content for id_, problem in recorder.problems.items()}
    lengths = [len(ids) for ids in prompt_ids]
    sequences = hook.write_rollouts(
        step, recorder.run, recorder.rollouts, recorder.verdicts_in_mode, completions, questions, lengths
    )
    masks: dict[int, list[int]] = {}
    if hook.settings.student_continues:
        masks = _continue(trainer, prompt_ids, completions, sequences)
    else:
        _replace(trainer, completions, sequences, whole=hook.settings.mask == "whole")
    if hook.settings.gold_fallback and hook.settings.share_at(step) > 0:
        _replace(trainer, completions, _find_demonstrations(trainer, lengths), whole=True)
    batch = {"prompt_ids": prompt_ids, "completion_ids": completions, "logprobs": None}
    if hook.settings.student_continues:
        batch["env_mask"] = [masks.get(place, [1] * len(ids)) for place, ids in enumerate(completions)]
    return batch


def guided_mask(spans: Sequence[tuple[int, int, int]], like: "Tensor") -> "Tensor":
    """Return a mask (B, T) `like` a completion mask: 1 on the guided tokens [first, end) of each place, else 0."""
    mask = like.new_zeros(like.shape)  # (B, T)
    for place, first, end in spans:
        mask[place, first:end] = 1
    return mask


def _replace(trainer: Any, completions: list[Ids], sequences: Sequence[TeacherRollout], *, whole: bool) -> None:
    """Put guided sequences in the places of their rollouts, and have them judged."""
    if not sequences:
        return
    for sequence in sequences:
        completions[sequence.place] = sequence.ids
        span = (sequence.place, 0 if whole else sequence.own, len(sequence.ids))
        trainer.recorder.guided_spans.append(span)
    trainer.recorder.replace_rollouts(
        {sequence.place: (sequence.text, len(sequence.ids), "stop") for sequence in sequences}
    )


def _continue(
    trainer: Any, prompt_ids: list[Ids], completions: list[Ids], sequences: Sequence[TeacherRollout]
) -> dict[int, list[int]]:
    """Let the student continue after the feedback; return a mask per place, 0 on what the teacher wrote."""
    recorder = trainer.recorder
    if not sequences:
        return {}
    prompts = [prompt_ids[sequence.place] + sequence.ids for sequence in sequences]
    continuations, _ = trainer._generate_single_turn(prompts, None, {}, 1)
    masks: dict[int, list[int]] = {}
    changes: dict[int, tuple[str, int, Finish]] = {}
    for sequence, continuation in zip(sequences, continuations, strict=True):
        completions[sequence.place] = ids = sequence.ids + continuation
        masks[sequence.place] = [1] * sequence.own + [0] * sequence.foreign + [1] * len(continuation)
        is_finished = continuation[-1] in recorder.end_tokens or recorder.has_stop(continuation)
        text = sequence.text + text_before_stop(recorder.decode(continuation), recorder.sampler.stop)
        changes[sequence.place] = (text, len(ids), "stop" if is_finished else "length")
    recorder.replace_rollouts(changes)
    return masks


def _find_demonstrations(trainer: Any, prompt_tokens: Sequence[int]) -> list[TeacherRollout]:
    """Return an accepted demonstration for each group that is still all wrong, in the place of its last rollout."""
    hook, recorder = trainer.teacher_hook, trainer.recorder
    demonstrations: list[TeacherRollout] = []
    for places in group_places(recorder.rollouts):
        if not all_wrong(places, recorder.verdicts_in_mode):
            continue
        place = places[-1]
        rollout = recorder.rollouts[place]
        text = recorder.find_accepted(rollout, hook.demonstrations(rollout.problem_id))
        sequence = None if text is None else hook.build_demonstration(place, text, prompt_tokens[place])
        if sequence is not None:
            demonstrations.append(sequence)
    hook.metrics["demonstrated"] = float(len(demonstrations))
    return demonstrations
