"""Every rollout that a step makes is judged by the same verifier as any other, and handed to the sink with its advantage."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.errors import TrainingError
from assay.core.identity import content_id
from assay.core.ports import Judge, Reporter, RolloutSink
from assay.core.types import (
    Counts,
    Finish,
    GradingCase,
    GroupResult,
    Label,
    Mode,
    Policy,
    Problem,
    Rollout,
    SamplingConfig,
    Verdict,
    rollout_id,
)
from assay.training.trainer.groups import failed, grouped
from assay.training.trainer.sampler import InOrder, Slot
from assay.training.trainer.stop_strings import before, stopped

WARN_TRUNCATED = 0.5  # share of the first step's rollouts that ran into the limit
STOP_TRUNCATED = 0.95
NO_SEED = -1  # one random stream samples a whole step; no rollout has a seed of its own


def policy_at(run: str, base: Policy, step: int, attempt: int = 0) -> Policy:
    """The policy after `step` updates: the one that samples step `step`, counted from 0.

    Even before the first update it is not the base's revision: training samples in another engine, and sample indices start anew.
    A step that is made again after a kill is another attempt and another revision, for its weights may differ in the last bits.
    """
    again = (attempt,) if attempt else ()
    return Policy(
        f"{base.name}+step-{step}" + (f"+attempt-{attempt}" if attempt else ""),
        content_id("training", run, step, *again)[:16],
    )


def next_attempt(sink: RolloutSink, revisions: Callable[[int], Sequence[str]]) -> int:
    """The first attempt of whose revisions no rollout is stored; those of earlier ones are superseded from now on.

    0 = the steps to come were never made.
    """
    attempt, replaced = 0, set[str]()
    while found := sink.stored(revisions(attempt)):
        replaced |= found
        attempt += 1
    if replaced:
        sink.supersede(sorted(replaced))
    return attempt


@dataclass
class RolloutRecorder:
    """What one run makes, from TRL's token ids to the sink; TRL calls `reward`, then our trainer calls `record`."""

    problems: Mapping[str, Problem]
    labels: Mapping[str, Label]
    judge: Judge
    sink: RolloutSink
    reporter: Reporter
    base: Policy
    sampler: SamplingConfig
    run: str
    order: InOrder
    decode: Callable[[Sequence[int]], str]  # without special tokens
    decode_all: Callable[[Sequence[Sequence[int]]], list[str]] | None = (
        None  # the same for many at once, where that is cheaper
    )
    ends: frozenset[int] = frozenset()  # token ids that end a completion; the trainer knows them
    allow_truncated: bool = False
    mode: Mode = "strict"  # which reading of a verdict rewards use; stored verdicts hold both
    rank: int = 0  # of this process
    processes: int = 1
    attempt: int = 0  # how often the steps to come were made before
    tokens: int = 0  # generated in the whole run
    rewards: list[float] = field(default_factory=list)  # mean of each step; NaN where nothing could be judged
    values: dict[str, float] = field(default_factory=dict)  # of the latest step, for its log row
    step: int = -1
    guided_tokens: float = 0.0  # of the latest step, that count
    rollouts: list[Rollout] = field(default_factory=list)  # of the latest step
    verdicts: list[Verdict] = field(default_factory=list)
    aside: list[tuple[Rollout, Verdict]] = field(
        default_factory=list
    )  # what the student wrote where a guided sequence took its place
    guided: list[tuple[int, int, int]] = field(
        default_factory=list
    )  # of the latest step: place, and the tokens [from, to) that are guided
    failed: list[str] = field(default_factory=list)  # problems of the latest step of which the student got none right
    more: dict[str, float] = field(default_factory=dict)  # measurements of the step's earlier batches
    met: int = -1  # the step whose rollouts are judged already

    def slots(self, step: int) -> tuple[Slot, ...]:
        """The rollouts of a step that this process makes: an equal run of them for each process, in their order."""
        every = self.order.slots(step)
        each = len(every) // self.processes
        return every[self.rank * each : (self.rank + 1) * each]

    def meet(self, step: int, completion_ids: Sequence[Sequence[int]]) -> None:
        """The student's rollouts of a step are judged, before anything takes the place of one."""
        self.step = self.met = step
        self.aside, self.guided, self.guided_tokens = [], [], 0.0
        slots = self.slots(step)
        texts = self.decode_all(completion_ids) if self.decode_all else [self.decode(ids) for ids in completion_ids]
        policy = self.policy
        self.rollouts = [self._rollout(policy, *each) for each in zip(slots, completion_ids, texts, strict=True)]
        self.verdicts = self.judge.judge([self._case(rollout) for rollout in self.rollouts])
        self.failed = [
            self.rollouts[group[0]].problem_id for group in grouped(self.rollouts) if failed(group, self.counted)
        ]

    def give_way(self, changes: Mapping[int, tuple[str, int, Finish]]) -> None:
        """Text, tokens and finish of each place stand where the student's rollout stood, judged by the final answer; the student's is set aside."""
        fresh = {
            place: replace(
                self.rollouts[place],
                id=content_id("guided", self.rollouts[place].id),
                text=text,
                tokens=tokens,
                finish=finish,
                guided=True,
            )
            for place, (text, tokens, finish) in changes.items()
        }
        verdicts = self.judge.judge([self._case(rollout) for rollout in fresh.values()])
        for (place, rollout), verdict in zip(fresh.items(), verdicts, strict=True):
            if not self.rollouts[place].guided:
                self.aside.append((self.rollouts[place], self.verdicts[place]))
            self.rollouts[place], self.verdicts[place] = rollout, verdict

    def proven(self, like: Rollout, texts: Sequence[str]) -> str | None:
        """The first of the texts that the verifier accepts as an answer to a rollout's problem; None where there is none."""
        made = [
            replace(like, id=content_id("demonstration", like.problem_id, text), text=text, finish="stop", guided=True)
            for text in texts
        ]
        verdicts = self.judge.judge([self._case(rollout) for rollout in made])
        return next(
            (
                rollout.text
                for rollout, verdict in zip(made, verdicts, strict=True)
                if verdict.in_mode(self.mode).outcome == "correct"
            ),
            None,
        )

    def blank(self, problem_id: str) -> Rollout:
        """A rollout of a problem in which nothing is written yet."""
        policy = self.policy
        return Rollout(
            "", problem_id, policy.revision, policy.name, self.sampler.id, 0, NO_SEED, "", 0, "stop", step=self.step
        )

    def ended(self, ids: Sequence[int]) -> bool:
        """Whether a completion holds a stop string."""
        return stopped(self.decode(ids), self.sampler.stop)

    def reward(
        self, *, completion_ids: Sequence[Sequence[int]], problem_id: Sequence[str], trainer_state: Any, **_: Any
    ) -> list[float | None]:
        """One reward a rollout, the verdict's; None where the verifier failed.

        TRL keeps a None out of its group's mean and std and gives it advantage 0, so a verifier's failure teaches nothing (its
        tokens still count in `dapo`'s and its row in `grpo`'s divisor, which shrinks the step a little).

        Raises:
            TrainingError: the batch is not the one that the curriculum prescribes, or a reward is not finite.
        """
        step = int(trainer_state.global_step)
        slots = self.slots(step)
        if [slot.problem_id for slot in slots] != list(problem_id):
            raise TrainingError(
                f"step {step + 1}: the batch of {len(problem_id)} rollouts is not the curriculum's {len(slots)}"
            )
        if self.met != step:
            self.meet(step, completion_ids)
        return [self._reward(verdict, rollout) for verdict, rollout in zip(self.counted, self.rollouts, strict=True)]

    def record(self, advantages: Sequence[float], prompt_tokens: Sequence[int]) -> None:
        """The step's rollouts are in the sink, with the advantages that TRL computed.

        Raises:
            TrainingError: nearly every rollout of the first step ran into the completion limit.
        """
        self.rollouts = [
            replace(rollout, advantage=float(advantage), prompt_tokens=int(tokens))
            for rollout, advantage, tokens in zip(self.rollouts, advantages, prompt_tokens, strict=True)
        ]
        kept = [
            (replace(rollout, prompt_tokens=self._prompt_tokens(rollout)), verdict) for rollout, verdict in self.aside
        ]
        self.sink.write(
            [*self.rollouts, *(each for each, _ in kept)], [*self.verdicts, *(verdict for _, verdict in kept)]
        )
        self._measure()
        if self.step == 0:
            self._check_truncation(self.values["truncated"])

    def again(self) -> None:
        """The step gets another batch: what follows is judged and counted on top of what was."""
        self.met, self.more = -1, dict(self.values)
        self.rewards.pop()

    def groups(self) -> list[GroupResult]:
        """What came of the latest step's groups, the student's own rollouts alone, in their order."""
        own = [pair for pair in zip(self.rollouts, self.verdicts, strict=True) if not pair[0].guided] + self.aside
        found: dict[str, GroupResult] = {}
        for place in grouped(self.rollouts):
            first = self.rollouts[place[0]]
            counts = Counts()
            for rollout, verdict in own:
                counts = counts.plus(verdict.in_mode(self.mode).outcome) if rollout.group == first.group else counts
            size = sum(abs(self.rollouts[row].advantage or 0.0) for row in place) / len(place)
            found[str(first.group)] = GroupResult(first.problem_id, counts, size)
        return list(found.values())

    def log(self, values: Mapping[str, float]) -> None:
        """The latest step's measurements are in the sink."""
        self.sink.log(self.policy.revision, self.step, values)

    @property
    def counted(self) -> list[Verdict]:
        """The latest step's verdicts as they count in the run's mode."""
        return [verdict.in_mode(self.mode) for verdict in self.verdicts]

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

    def _rollout(self, policy: Policy, slot: Slot, ids: Sequence[int], text: str) -> Rollout:
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

    def _prompt_tokens(self, rollout: Rollout) -> int:
        return next(each.prompt_tokens for each in self.rollouts if each.problem_id == rollout.problem_id)

    def _case(self, rollout: Rollout) -> GradingCase:
        return GradingCase(self.problems[rollout.problem_id], self.labels[rollout.problem_id], rollout)

    def _reward(self, verdict: Verdict, rollout: Rollout) -> float | None:
        if verdict.outcome == "verifier_error":
            return None
        if not math.isfinite(verdict.reward):
            raise TrainingError(
                f"step {self.step + 1}: reward {verdict.reward} for rollout {rollout.id} from verifier {verdict.verifier!r}"
            )
        return verdict.reward

    def _measure(self) -> None:
        judged = [verdict.reward for verdict in self.counted if verdict.outcome != "verifier_error"]
        own = [rollout for rollout in self.rollouts if not rollout.guided] + [rollout for rollout, _ in self.aside]
        tokens = sum(rollout.tokens for rollout in own)
        self.tokens += tokens
        self.rewards.append(sum(judged) / len(judged) if judged else math.nan)
        self.values = {
            "rollouts": float(len(self.rollouts)),
            "tokens": float(tokens),
            "truncated": sum(rollout.finish == "length" for rollout in own) / len(own),  # share in [0, 1]
            "verifier_errors": float(len(self.verdicts) - len(judged)),  # count
        }
        for name in ("rollouts", "tokens", "verifier_errors") if self.more else ():
            self.values[name] += self.more[name]
        self.more = {}
        if not judged:
            self.reporter.warn(
                f"step {self.step + 1}: the verifier failed on all {len(self.verdicts)} rollouts; nothing is learnt from them"
            )

    def _check_truncation(self, share: float) -> None:
        limit = self.sampler.max_tokens
        found = f"{share:.0%} of the first step's {len(self.rollouts)} rollouts ran into the limit of {limit} tokens"
        if share > STOP_TRUNCATED and not self.allow_truncated:
            raise TrainingError(
                f"{found}: raise max_tokens above {limit}, ask for shorter answers, or set allow_truncated"
            )
        if share > WARN_TRUNCATED:
            self.reporter.warn(
                f"{found}; a cut answer is mostly graded as wrong: raise max_tokens above {limit}, or ask for shorter answers"
            )
