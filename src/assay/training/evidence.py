"""Every rollout that a step makes is judged by the same verifier as any other, and handed to the sink with its advantage."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.identity import content_id
from assay.core.ports import Judge, Narrator, RolloutSink
from assay.core.types import Case, Finish, Label, Policy, Problem, Rollout, Sampler, Verdict, rollout_id
from assay.training.sampler import InOrder, Slot
from assay.training.stops import before, stopped

WARN_TRUNCATED = 0.5  # share of the first step's rollouts that ran into the limit
STOP_TRUNCATED = 0.95
NO_SEED = -1  # one random stream samples a whole step; no rollout has a seed of its own


def policy_at(run: str, base: Policy, step: int, attempt: int = 0) -> Policy:
    """The policy after `step` updates: the one that samples step `step`, counted from 0.

    Even before the first update it is not the base's revision: training samples in another engine, and sample indices start anew.
    A step that is made again after a kill is another attempt and another revision, for its weights may differ in the last bits.
    """
    again = (attempt,) if attempt else ()
    return Policy(f"{base.name}+step-{step}" + (f"+attempt-{attempt}" if attempt else ""), content_id("training", run, step, *again)[:16])


def next_attempt(sink: RolloutSink, run: str, base: Policy, steps: range) -> int:
    """The first attempt of which no rollout of these steps is stored; those of earlier ones are superseded from now on.

    0 = these steps were never made.
    """
    attempt, replaced = 0, set[str]()
    while found := sink.stored([policy_at(run, base, step, attempt).revision for step in steps]):
        replaced |= found
        attempt += 1
    if replaced:
        sink.supersede(sorted(replaced))
    return attempt


@dataclass
class Evidence:
    """What one run makes, from TRL's token ids to the sink; TRL calls `reward`, then our trainer calls `record`."""

    problems: Mapping[str, Problem]
    labels: Mapping[str, Label]
    judge: Judge
    sink: RolloutSink
    narrator: Narrator
    base: Policy
    sampler: Sampler
    run: str
    order: InOrder
    decode: Callable[[Sequence[int]], str]  # without special tokens
    ends: frozenset[int] = frozenset()  # token ids that end a completion; the trainer knows them
    allow_truncated: bool = False
    attempt: int = 0  # how often the steps to come were made before
    tokens: int = 0  # generated in the whole run
    rewards: list[float] = field(default_factory=list)  # mean of each step; NaN where nothing could be judged
    values: dict[str, float] = field(default_factory=dict)  # of the latest step, for its log row
    step: int = -1
    guided_tokens: float = 0.0  # of the latest step, that count
    rollouts: list[Rollout] = field(default_factory=list)  # of the latest step
    verdicts: list[Verdict] = field(default_factory=list)

    def reward(self, *, completion_ids: Sequence[Sequence[int]], problem_id: Sequence[str], trainer_state: Any, **_: Any) -> list[float | None]:
        """One reward a rollout, the verdict's; None where the verifier failed.

        TRL keeps a None out of its group's mean and std and gives it advantage 0, so a verifier's failure teaches nothing (its
        tokens still count in `dapo`'s and its row in `grpo`'s divisor, which shrinks the step a little).

        Raises:
            RuntimeError: the batch is not the one that the curriculum prescribes, or a reward is not finite.
        """
        self.step = int(trainer_state.global_step)
        slots = self.order.slots(self.step)
        if [slot.problem_id for slot in slots] != list(problem_id):
            raise RuntimeError(f"step {self.step + 1}: the batch of {len(problem_id)} rollouts is not the curriculum's {len(slots)}")
        self.rollouts = [self._rollout(slot, ids) for slot, ids in zip(slots, completion_ids, strict=True)]
        self.verdicts = self.judge.judge([self._case(rollout) for rollout in self.rollouts])
        return [self._reward(verdict, rollout) for verdict, rollout in zip(self.verdicts, self.rollouts, strict=True)]

    def record(self, advantages: Sequence[float], prompt_tokens: Sequence[int]) -> None:
        """The step's rollouts are in the sink, with the advantages that TRL computed.

        Raises:
            RuntimeError: nearly every rollout of the first step ran into the completion limit.
        """
        self.rollouts = [
            replace(rollout, advantage=float(advantage), prompt_tokens=int(tokens))
            for rollout, advantage, tokens in zip(self.rollouts, advantages, prompt_tokens, strict=True)
        ]
        self.sink.write(self.rollouts, self.verdicts)
        self._measure()
        if self.step == 0:
            self._check_truncation(self.values["truncated"])

    def log(self, values: Mapping[str, float]) -> None:
        """The latest step's measurements are in the sink."""
        self.sink.log(self.policy.revision, self.step, values)

    @property
    def policy(self) -> Policy:
        """Of the latest step."""
        return policy_at(self.run, self.base, self.step, self.attempt)

    @property
    def reward_means(self) -> tuple[float | None, ...]:
        """The mean reward of each step so far; None where nothing could be judged, because JSON has no NaN."""
        return tuple(None if math.isnan(mean) else mean for mean in self.rewards)

    @property
    def finished(self) -> list[bool]:
        """Which rollouts of the latest step ended by themselves."""
        return [rollout.finish == "stop" for rollout in self.rollouts]

    def _rollout(self, slot: Slot, ids: Sequence[int]) -> Rollout:
        policy, text = self.policy, self.decode(ids)
        finish: Finish = "stop" if ids[-1] in self.ends or stopped(text, self.sampler.stop) else "length"
        return Rollout(
            id=rollout_id(slot.problem_id, policy.revision, self.sampler.id, slot.sample),
            problem_id=slot.problem_id,
            policy=policy.revision,
            policy_name=policy.name,
            sampler=self.sampler.id,
            sample=slot.sample,
            seed=NO_SEED,
            text=before(text, self.sampler.stop),
            tokens=len(ids),
            finish=finish,
            engine="trl",
            step=self.step,
            group=f"{policy.revision}-{slot.group}",
        )

    def _case(self, rollout: Rollout) -> Case:
        return Case(self.problems[rollout.problem_id], self.labels[rollout.problem_id], rollout)

    def _reward(self, verdict: Verdict, rollout: Rollout) -> float | None:
        if verdict.outcome == "verifier_error":
            return None
        if not math.isfinite(verdict.reward):
            raise RuntimeError(f"step {self.step + 1}: reward {verdict.reward} for rollout {rollout.id} from verifier {verdict.verifier!r}")
        return verdict.reward

    def _measure(self) -> None:
        judged = [verdict.reward for verdict in self.verdicts if verdict.outcome != "verifier_error"]
        tokens = sum(rollout.tokens for rollout in self.rollouts)
        self.tokens += tokens
        self.rewards.append(sum(judged) / len(judged) if judged else math.nan)
        self.values = {
            "rollouts": float(len(self.rollouts)),
            "tokens": float(tokens),
            "truncated": 1 - sum(self.finished) / len(self.rollouts),  # share in [0, 1]
            "verifier_errors": float(len(self.verdicts) - len(judged)),  # count
        }
        if not judged:
            self.narrator.warn(f"step {self.step + 1}: the verifier failed on all {len(self.verdicts)} rollouts; nothing is learnt from them")

    def _check_truncation(self, share: float) -> None:
        limit = self.sampler.max_tokens
        found = f"{share:.0%} of the first step's {len(self.rollouts)} rollouts ran into the limit of {limit} tokens"
        if share > STOP_TRUNCATED and not self.allow_truncated:
            raise RuntimeError(f"{found}: raise max_tokens above {limit}, ask for shorter answers, or set allow_truncated")
        if share > WARN_TRUNCATED:
            self.narrator.warn(f"{found}; a cut answer is mostly graded as wrong: raise max_tokens above {limit}, or ask for shorter answers")
