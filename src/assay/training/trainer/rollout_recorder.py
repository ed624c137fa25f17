"""Judge every rollout of a training run with the verifier used everywhere else, and store it with its advantage.

TRL knows token ids and rewards; the lake knows rollouts and verdicts. `RolloutRecorder` stands between them for the
length of one run.
"""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.errors import TrainingError
from assay.core.identity import content_id
from assay.core.ports import Judge, Reporter, RolloutSink
from assay.core.rewards import RewardTerms
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
from assay.maths.rl.reward_terms import term_values
from assay.training.trainer.groups import all_wrong, correctness_advantage, group_places
from assay.training.trainer.reward_watch import reward_warning
from assay.training.trainer.sampler import GroupSampler, Slot
from assay.training.trainer.stop_strings import has_stop_string, text_before_stop

WARN_TRUNCATED = 0.5  # share of the first step's rollouts that reached the token limit
STOP_TRUNCATED = 0.95
NO_SEED = -1  # one random stream samples a whole step, so no rollout has a seed of its own


def training_policy(run: str, base: Policy, step: int, attempt: int = 0) -> Policy:
    """Return the policy after `step` updates, which is the one that samples step `step`, counted from 0.

    Even before the first update this is another revision than the base: training samples in another engine, and its
    sample indices start at 0 again. A step repeated after a kill is another attempt and so another revision, because
    its weights may differ in the last bits.
    """
    repeated = (attempt,) if attempt else ()
    return Policy(
        f"{base.name}+step-{step}" + (f"+attempt-{attempt}" if attempt else ""),
        content_id("training", run, step, *repeated)[:16],
    )


def next_attempt(sink: RolloutSink, revisions: Callable[[int], Sequence[str]]) -> int:
    """Find the first attempt without stored rollouts, and mark the rollouts of all earlier attempts as superseded.

    Args:
        sink: Where the rollouts of earlier attempts are stored.
        revisions: Gives the policy revisions of an attempt's steps.

    Returns:
        The attempt's number; 0 where the remaining steps were never sampled.
    """
    attempt, replaced_revisions = 0, set[str]()
    while stored_revisions := sink.stored(revisions(attempt)):
        replaced_revisions |= stored_revisions
        attempt += 1
    if replaced_revisions:
        sink.supersede(sorted(replaced_revisions))
    return attempt


@dataclass
class RolloutRecorder:
    """Turn one run's token ids into judged rollouts, and hand them to the sink.

    Per step, TRL calls `reward`, and our trainer then calls `record`. A teacher may replace rollouts between the two.
    """

    problems: Mapping[str, Problem]
    labels: Mapping[str, Label]
    judge: Judge
    sink: RolloutSink
    reporter: Reporter
    base: Policy
    sampler: SamplingConfig
    run: str
    order: GroupSampler
    rank: int = 0  # of this process
    processes: int = 1
    mode: Mode = "strict"  # the reading of a verdict that rewards use; stored verdicts hold both
    allow_truncated: bool = False  # continue although nearly all rollouts of the first step are truncated
    terms: RewardTerms = field(default_factory=RewardTerms)  # of which a reward is the sum
    divides: bool = True  # whether advantages are divided by their group's standard deviation
    tokenizer: Any = None  # of the policy; set once it is loaded
    end_tokens: frozenset[int] = frozenset()  # ids that end a completion; the trainer sets them
    attempt: int = 0  # how often the steps to come were sampled before
    tokens: int = 0  # generated in the whole run
    rewards: list[float] = field(default_factory=list)  # mean per step; NaN where nothing could be judged
    correct: list[float] = field(default_factory=list)  # share of judged rollouts per step; NaN as in `rewards`
    metrics: dict[str, float] = field(default_factory=dict)  # of the latest step, for its log row
    # The other fields are of the latest step.
    step: int = -1
    judged_step: int = -1  # the step whose rollouts are judged; -1 before the first and between a step's batches
    guided_tokens: float = 0.0  # guided tokens that count in the loss
    rollouts: list[Rollout] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    # the student's, where guided ones stand
    replaced_pairs: list[tuple[Rollout, Verdict]] = field(default_factory=list)
    guided_spans: list[tuple[int, int, int]] = field(default_factory=list)  # place, and guided tokens [first, end)
    failed_problems: list[str] = field(default_factory=list)  # of which the student got no rollout right
    earlier_metrics: dict[str, float] = field(default_factory=dict)  # of the step's earlier batches
    pilots: list[tuple[Rollout, Verdict]] = field(default_factory=list)  # of which it is not known yet what goes on

    def slots(self, step: int) -> tuple[Slot, ...]:
        """Return the rollouts of a step that this process samples: a contiguous part, equally long in every process."""
        slots = self.order.slots(step)
        size = len(slots) // self.processes
        return slots[self.rank * size : (self.rank + 1) * size]

    def judge_samples(self, step: int, completion_ids: Sequence[Sequence[int]]) -> None:
        """Judge the student's own rollouts of a step, before a teacher replaces any of them."""
        self.step = self.judged_step = step
        self.replaced_pairs, self.guided_spans, self.guided_tokens = [], [], 0.0
        slots = self.slots(step)
        texts, policy = self.tokenizer.batch_decode(completion_ids, skip_special_tokens=True), self.policy
        self.rollouts = [
            self._rollout(policy, slot, ids, text) for slot, ids, text in zip(slots, completion_ids, texts, strict=True)
        ]
        self.verdicts = self.judge.judge([self._case(rollout) for rollout in self.rollouts])
        self.failed_problems = [
            self.rollouts[places[0]].problem_id
            for places in group_places(self.rollouts)
            if all_wrong(places, self.verdicts_in_mode)
        ]

    def judge_pilots(
        self, step: int, slots: Sequence[Slot], completion_ids: Sequence[Sequence[int]]
    ) -> list[GroupResult]:
        """Judge a part of the groups of some problems, and keep the rollouts until it is known which groups go on.

        Args:
            step: from 0.
            slots: one per completion; those of one problem stand together.
            completion_ids: token ids.

        Returns:
            One result per problem, in order.
        """
        self.step = step
        texts, policy = self.tokenizer.batch_decode(completion_ids, skip_special_tokens=True), self.policy
        rollouts = [
            replace(self._rollout(policy, slot, ids, text), group=f"{policy.revision}-pilot-{slot.problem_id}")
            for slot, ids, text in zip(slots, completion_ids, texts, strict=True)
        ]
        verdicts = self.judge.judge([self._case(rollout) for rollout in rollouts])
        self.pilots += zip(rollouts, verdicts, strict=True)
        counts: dict[str, Counts] = {}
        for rollout, verdict in zip(rollouts, verdicts, strict=True):
            so_far = counts.get(rollout.problem_id, Counts())
            counts[rollout.problem_id] = so_far.plus(verdict.in_mode(self.mode).outcome)
        return [GroupResult(id_, own) for id_, own in counts.items()]

    def record_pilots(self, completed: Set[str]) -> None:
        """Hand the step's pilots to the sink, without those that become a part of their problem's group."""
        pairs = [pair for pair in self.pilots if pair[0].problem_id not in completed]
        self.pilots = []
        self.sink.write([rollout for rollout, _ in pairs], [verdict for _, verdict in pairs])
        tokens = sum(rollout.tokens for rollout, _ in pairs)
        self.tokens += tokens
        errors = sum(verdict.outcome == "verifier_error" for _, verdict in pairs)
        self.earlier_metrics = {
            "rollouts": float(len(pairs)),
            "tokens": float(tokens),
            "verifier_errors": float(errors),
        }

    def replace_rollouts(self, changes: Mapping[int, tuple[str, int, Finish]]) -> None:
        """Put guided rollouts in the place of the student's, judge them, and keep the student's aside.

        Args:
            changes: Per place in the step: text, tokens and finish of the guided rollout. Its final answer decides its
                verdict.
        """
        guided = {
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
        verdicts = self.judge.judge([self._case(rollout) for rollout in guided.values()])
        for (place, rollout), verdict in zip(guided.items(), verdicts, strict=True):
            if not self.rollouts[place].guided:
                self.replaced_pairs.append((self.rollouts[place], self.verdicts[place]))
            self.rollouts[place], self.verdicts[place] = rollout, verdict

    def find_accepted(self, template: Rollout, texts: Sequence[str]) -> str | None:
        """Return the first text that the verifier accepts for the problem of `template`; None if it accepts none."""
        rollouts = [
            replace(
                template,
                id=content_id("demonstration", template.problem_id, text),
                text=text,
                finish="stop",
                guided=True,
            )
            for text in texts
        ]
        verdicts = self.judge.judge([self._case(rollout) for rollout in rollouts])
        accepted = (
            rollout.text
            for rollout, verdict in zip(rollouts, verdicts, strict=True)
            if verdict.in_mode(self.mode).outcome == "correct"
        )
        return next(accepted, None)

    def empty_rollout(self, problem_id: str) -> Rollout:
        """Return a rollout of a problem without any text, as the template of `find_accepted`."""
        policy = self.policy
        return Rollout(
            "", problem_id, policy.revision, policy.name, self.sampler.id, 0, NO_SEED, "", 0, "stop", step=self.step
        )

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of a completion, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def has_stop(self, ids: Sequence[int]) -> bool:
        """Return whether a completion holds a stop string."""
        return has_stop_string(self.decode(ids), self.sampler.stop)

    def reward(
        self, *, completion_ids: Sequence[Sequence[int]], problem_id: Sequence[str], trainer_state: Any, **_: Any
    ) -> list[float | None]:
        """Return one reward per rollout: the sum of its terms, or None where the verifier failed. TRL calls this.

        TRL keeps a None out of its group's mean and std and gives it advantage 0, so a verifier's failure teaches
        nothing (its tokens still count in `dapo`'s divisor and its row in `grpo`'s, which shrinks the step a little).

        Raises:
            TrainingError: the batch is not the one that the curriculum prescribes, or a reward is not finite.
        """
        step = int(trainer_state.global_step)
        slots = self.slots(step)
        if [slot.problem_id for slot in slots] != list(problem_id):
            raise TrainingError(
                f"step {step + 1}: the batch of {len(problem_id)} rollouts is not the curriculum's {len(slots)}"
            )
        if self.judged_step != step:
            self.judge_samples(step, completion_ids)
        return [
            self._reward(verdict, rollout)
            for verdict, rollout in zip(self.verdicts_in_mode, self.rollouts, strict=True)
        ]

    def record(self, advantages: Sequence[float], prompt_tokens: Sequence[int]) -> None:
        """Hand the step's rollouts to the sink, with the advantages that TRL computed.

        Raises:
            TrainingError: nearly every rollout of the first step reached the token limit.
        """
        self.rollouts = [
            replace(rollout, advantage=float(advantage), prompt_tokens=int(tokens))
            for rollout, advantage, tokens in zip(self.rollouts, advantages, prompt_tokens, strict=True)
        ]
        replaced_rollouts = [replace(own, prompt_tokens=self._prompt_tokens(own)) for own, _ in self.replaced_pairs]
        self.sink.write(
            [*self.rollouts, *replaced_rollouts], [*self.verdicts, *(verdict for _, verdict in self.replaced_pairs)]
        )
        self._measure()
        if self.step == 0:
            self._check_truncation(self.metrics["truncated"])

    def begin_next_batch(self) -> None:
        """Prepare for another batch in the same step, whose measurements are added to those so far."""
        self.judged_step, self.earlier_metrics = -1, dict(self.metrics)
        self.rewards.pop()
        self.correct.pop()

    def group_results(self) -> list[GroupResult]:
        """Return the result of each group of the latest batch; counts are of the student's own rollouts alone."""
        own_pairs = [pair for pair in zip(self.rollouts, self.verdicts, strict=True) if not pair[0].guided]
        own_pairs += self.replaced_pairs
        results: dict[str, GroupResult] = {}
        for places in group_places(self.rollouts):
            first = self.rollouts[places[0]]
            counts = Counts()
            for rollout, verdict in own_pairs:
                counts = counts.plus(verdict.in_mode(self.mode).outcome) if rollout.group == first.group else counts
            size = sum(abs(self.rollouts[place].advantage or 0.0) for place in places) / len(places)
            results[str(first.group)] = GroupResult(first.problem_id, counts, size, self._correctness_advantage(places))
        return list(results.values())

    def _correctness_advantage(self, places: Sequence[int]) -> float | None:
        """Return the mean |advantage| of a group if rewards were 1 and 0; None where they are."""
        verdicts = [self.verdicts_in_mode[place] for place in places]
        judgements = [verdict for verdict in verdicts if verdict.outcome != "verifier_error"]
        if not self.terms.key and all(verdict.reward == (verdict.outcome == "correct") for verdict in judgements):
            return None
        return correctness_advantage([verdict.outcome == "correct" for verdict in judgements], divides=self.divides)

    def log(self, metrics: Mapping[str, float]) -> None:
        """Hand the latest step's measurements to the sink."""
        self.sink.log(self.policy.revision, self.step, metrics)

    @property
    def verdicts_in_mode(self) -> list[Verdict]:
        """The latest step's verdicts as they count in the run's mode."""
        return [verdict.in_mode(self.mode) for verdict in self.verdicts]

    @property
    def policy(self) -> Policy:
        """The policy that sampled the latest step."""
        return training_policy(self.run, self.base, self.step, self.attempt)

    @property
    def reward_means(self) -> tuple[float | None, ...]:
        """The mean reward per step so far; None where nothing could be judged, because JSON has no NaN."""
        return tuple(None if math.isnan(mean) else mean for mean in self.rewards)

    @property
    def correct_shares(self) -> list[float | None]:
        """The share of correct rollouts per step so far, as `reward_means`."""
        return [None if math.isnan(share) else share for share in self.correct]

    @property
    def saved(self) -> Mapping[str, Any]:
        """What a resume state keeps besides counts and mean rewards."""
        return {"correct": self.correct_shares}

    def check_rewards(self) -> str:
        """Return a warning where rewards rise and correctness does not, else ""."""
        return reward_warning(self.rewards, self.correct)

    @property
    def finished_mask(self) -> list[bool]:
        """Per rollout of the latest step, whether it ended before the token limit."""
        return [rollout.finish == "stop" for rollout in self.rollouts]

    def _rollout(self, policy: Policy, slot: Slot, ids: Sequence[int], text: str) -> Rollout:
        is_finished = ids[-1] in self.end_tokens or has_stop_string(text, self.sampler.stop)
        return Rollout(
            id=rollout_id(slot.problem_id, policy.revision, self.sampler.id, slot.sample),
            problem_id=slot.problem_id,
            policy=policy.revision,
            policy_name=policy.name,
            sampler=self.sampler.id,
            sample=slot.sample,
            seed=NO_SEED,
            text=text_before_stop(text, self.sampler.stop),
            tokens=len(ids),
            finish="stop" if is_finished else "length",
            engine="trl",
            step=self.step,
            group=f"{policy.revision}-{slot.group}",
        )

    def _prompt_tokens(self, rollout: Rollout) -> int:
        return next(other.prompt_tokens for other in self.rollouts if other.problem_id == rollout.problem_id)

    def _case(self, rollout: Rollout) -> GradingCase:
        return GradingCase(self.problems[rollout.problem_id], self.labels[rollout.problem_id], rollout)

    def _reward(self, verdict: Verdict, rollout: Rollout) -> float | None:
        if verdict.outcome == "verifier_error":
            return None
        if not math.isfinite(verdict.reward):
            raise TrainingError(
                f"step {self.step + 1}: reward {verdict.reward} for rollout {rollout.id} "
                f"from verifier {verdict.verifier!r}"
            )
        return self.terms.total(verdict.reward, self._terms_of(rollout))

    def _terms_of(self, rollout: Rollout) -> dict[str, float]:
        return term_values(self.terms, rollout.text, rollout.tokens, self.sampler.max_tokens)

    def _measure(self) -> None:
        judgements = [
            (verdict, self._terms_of(rollout))
            for verdict, rollout in zip(self.verdicts_in_mode, self.rollouts, strict=True)
            if verdict.outcome != "verifier_error"
        ]
        rewards = [self.terms.total(verdict.reward, values) for verdict, values in judgements]
        own = [rollout for rollout in self.rollouts if not rollout.guided]
        own += [rollout for rollout, _ in self.replaced_pairs]
        tokens = sum(rollout.tokens for rollout in own)
        self.tokens += tokens
        self.rewards.append(_mean(rewards))
        self.correct.append(_mean([float(verdict.outcome == "correct") for verdict, _ in judgements]))
        self.metrics = {
            "rollouts": float(len(self.rollouts)),
            "tokens": float(tokens),
            "truncated": sum(rollout.finish == "length" for rollout in own) / len(own),  # share in [0, 1]
            "verifier_errors": float(len(self.verdicts) - len(rewards)),  # count
            "correct": self.correct[-1],  # share in [0, 1]
        }
        for name in self.terms.extra:
            self.metrics[f"reward_{name}"] = _mean([values[name] for _, values in judgements])
        for name in ("rollouts", "tokens", "verifier_errors") if self.earlier_metrics else ():
            self.metrics[name] += self.earlier_metrics[name]
        self.earlier_metrics = {}
        if not rewards:
            self.reporter.warn(
                f"step {self.step + 1}: the verifier failed on all {len(self.verdicts)} rollouts, "
                "so there is nothing to learn from them"
            )

    def _check_truncation(self, share: float) -> None:
        limit = self.sampler.max_tokens
        finding = f"{share:.0%} of the first step's {len(self.rollouts)} rollouts ran into the limit of {limit} tokens"
        if share > STOP_TRUNCATED and not self.allow_truncated:
            raise TrainingError(
                f"{finding}: raise max_tokens above {limit}, ask for shorter answers, or set allow_truncated"
            )
        if share > WARN_TRUNCATED:
            self.reporter.warn(
                f"{finding}; truncated answers usually count as wrong: "
                f"raise max_tokens above {limit}, or ask for shorter answers"
            )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
