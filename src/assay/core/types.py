"""The types that all rooms share: frozen, slotted dataclasses, each number with its unit and its direction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from operator import lt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.core.alternatives import split_answers
from assay.core.identity import canonical_json, content_id, derive_seed, hash_json, quote, verdict_id
from assay.core.pictures import Picture

Finish = Literal["stop", "length", "error"]
Outcome = Literal["correct", "wrong", "unparsable", "truncated", "verifier_error"]
Mode = Literal["strict", "lenient"]  # which reading of a verdict counts: beyond doubt, or what a person would accept
OPEN = "any answer that the generator's scorer accepts"  # in place of a gold answer where a generator has only a scorer


class Message(NamedTuple):
    """One chat turn."""

    role: str  # system, user, assistant
    content: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A question as its author wrote it, before any template; its id is the hash of messages and media."""

    id: str
    messages: tuple[Message, ...]
    media: tuple[str, ...] = ()  # SHA-256 of each attached file's bytes
    source: str = ""
    metadata: str = "{}"  # canonical JSON: fields that the source keeps, or a generator's entry
    # the files of `media`, where a source has just read them; the lake keeps them apart from the problem
    pictures: tuple[Picture, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(
        cls,
        prompt: str | tuple[Message, ...],
        *,
        source: str = "",
        media: tuple[str, ...] = (),
        metadata: Mapping[str, Any] | None = None,
        pictures: tuple[Picture, ...] = (),
    ) -> "Problem":
        """Build the problem of one user turn, or of a whole chat, with its content hash.

        Args:
            prompt: the text of a user turn, or the turns of a chat.
            source: name of its `[[source]]`.
            media: SHA-256 of each attached file's bytes.
            metadata: further fields; they are not part of the id.
            pictures: the attached files, in place of `media`.
        """
        media = tuple(picture.id for picture in pictures) if pictures else media
        messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
        fields = canonical_json(dict(metadata)) if metadata else "{}"
        return cls(_problem_id(messages, media), messages, media, source, fields, pictures)

    @property
    def text(self) -> str:
        """Return the contents of all turns, one per line."""
        return "\n".join(message.content for message in self.messages)


def _problem_id(messages: tuple[Message, ...], media: tuple[str, ...]) -> str:
    """Return `content_id("problem", messages, media)` in a third of its time: every row of a source needs one."""
    try:
        turns = ",".join([f"[{quote(role)},{quote(content)}]" for role, content in messages])
        return hash_json(f'["problem",[{turns}],[{",".join(map(quote, media))}]]')
    except (TypeError, ValueError):  # not texts, or more than a role and a content
        return content_id("problem", messages, media)


@dataclass(frozen=True, slots=True)
class Label:
    """A gold answer and the verifier that reads it; a corrected answer is another label, never an edit."""

    id: str
    problem_id: str
    answer: str
    verifier: str  # name of a part in verifiers/, or python:package.module:name
    origin: str = "gold"  # gold, corrected, vote, teacher

    @classmethod
    def of(cls, problem_id: str, answer: str, *, verifier: str, origin: str = "gold") -> "Label":
        """Build a label with its content hash."""
        named = f"{quote(problem_id)},{quote(answer)},{quote(verifier)},{quote(origin)}"
        return cls(hash_json(f'["label",{named}]'), problem_id, answer, verifier, origin)

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the answers, any one of which is right; usually there is one."""
        return split_answers(self.answer)


@dataclass(frozen=True, slots=True)
class Drop:
    """One row that left the pool, and why."""

    stage: str  # ingest, clean
    reason: str  # one word: duplicate, empty, unparsable, ...
    problem_id: str = ""  # "" where the row never became a problem
    detail: str = ""  # names the other row, the value, the exception
    source: str = ""
    file: str = ""
    line: int = 0  # counted from 1; 0 = no line

    @property
    def id(self) -> str:
        """Return the content hash of the whole row."""
        return content_id("drop", *asdict(self).values())


@dataclass(frozen=True, slots=True)
class Policy:
    """A model's name and the revision of its weights; the revision alone identifies it."""

    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How a policy is sampled: template, few-shot turns, temperature, cap. Rates of two of them do not compare."""

    temperature: float = 1.0  # 0 = greedy
    top_p: float = 1.0  # (0, 1], 1 = off
    top_k: int = 0  # 0 = off
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    system: str = ""  # "" leaves the chat template's own default in place
    template: str = "{prompt}"  # wraps the last user turn
    shots: tuple[tuple[str, str], ...] = ()  # (question, answer) pairs, as chat turns before the problem
    chat_template_args: str = "{}"  # canonical JSON, passed to the chat template

    @property
    def id(self) -> str:
        """Return the content hash of every field: whatever changes the meaning of a rollout changes the id."""
        return _sampler_id(self)

    def render(self, problem: Problem) -> tuple[Message, ...]:
        """Return the chat that the policy sees: system, few-shot turns, and the problem in the template."""
        head = (Message("system", self.system),) if self.system else ()
        shots = tuple(
            turn
            for question, answer in self.shots
            for turn in (Message("user", self._wrap(question)), Message("assistant", answer))
        )
        last = max((i for i, message in enumerate(problem.messages) if message.role == "user"), default=-1)
        body = tuple(
            Message(message.role, self._wrap(message.content)) if i == last else message
            for i, message in enumerate(problem.messages)
        )
        return head + shots + body

    def _wrap(self, prompt: str) -> str:
        return self.template.replace("{prompt}", prompt)  # not str.format: prompts are full of braces


@dataclass(frozen=True, slots=True)
class ExtendedSampling(SamplingConfig):
    """How attempts were sampled that were cut by one cap and continued to a longer one; it has an id of its own."""

    source: str = ""  # id of the sampling config that cut them

    @property
    def id(self) -> str:
        """Return the hash of both sampling configs."""
        return content_id("extended", self.source, *list(asdict(self).values())[:-1])


@dataclass(frozen=True, slots=True)
class ForeignSampling(SamplingConfig):
    """How another tool sampled, which is not known: the fields say nothing, and the id is given."""

    key: str = ""

    @property
    def id(self) -> str:
        """Return the id under which the import stored it."""
        return self.key


@lru_cache(maxsize=1024)
def _sampler_id(sampler: SamplingConfig) -> str:
    """Cached, because every rollout asks for it; `asdict` copies each value and costs more than the hash."""
    return content_id("sampler", *asdict(sampler).values())


@dataclass(frozen=True, slots=True)
class Request:
    """One problem to attempt, and which of its samples are still missing."""

    problem_id: str
    messages: tuple[Message, ...]  # already rendered by the sampling config
    sampler: SamplingConfig
    samples: tuple[int, ...]  # sample indices, ascending
    seed: int  # of the run
    prefix: str = ""  # a begun answer, which the policy continues; the rollout's text holds only what is new
    # the begun answer's token ids, for engines that keep them: the rollout's text is then the whole answer
    prefix_tokens: tuple[int, ...] | None = None
    pictures: tuple[Picture, ...] = ()  # of the problem, as in its `media`; its id stands for them in every key

    def seed_of(self, sample: int) -> int:
        """Return the seed of a sample: hash(problem id, begun answer, run seed) + sample index.

        llama.cpp seeds the i-th of n choices by the same rule.
        """
        prefix = (self.prefix,) if self.prefix else ()
        return derive_seed("rollout", self.problem_id, *prefix, self.seed) + sample

    def key(self, policy: str, sample: int) -> str:
        """Return the id of the rollout of a sample, under a policy's revision."""
        return rollout_id(self.problem_id, policy, self.sampler.id, sample, self.prefix)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt, raw and immutable."""

    id: str
    problem_id: str
    policy: str  # revision of the weights
    policy_name: str
    sampler: str  # sampler id
    sample: int
    seed: int  # recorded, not part of the id; -1 = the backend was given none
    text: str
    tokens: int  # generated tokens
    finish: Finish
    prompt_tokens: int = 0
    engine: str = ""
    logprobs: tuple[float, ...] | None = None  # one per generated token, natural logarithm
    step: int | None = None  # optimiser step that sampled it; None = not from training
    group: str | None = None  # GRPO group
    advantage: float | None = None
    guided: bool = False  # a teacher wrote part of it
    token_ids: tuple[int, ...] | None = None  # of an answer that the cap cut, so that it can be continued exactly
    extends: str | None = None  # the rollout under a shorter cap that it continues
    tokens_before: int | None = None  # of its tokens, those of the rollout that it continues
    fault: str = ""  # why there is no answer, where another try may bring one; reported, never stored
    stopped: str | None = None  # the stop string that ended it, "" = the model did, None = not known; not stored
    refused: str = ""  # a server's words where it will not answer this request; no attempt was made, nothing is stored

    @classmethod
    def of(
        cls,
        request: Request,
        sample: int,
        *,
        policy: Policy,
        engine: str,
        text: str,
        tokens: int,
        finish: Finish,
        prompt_tokens: int = 0,
        seed: int | None = None,
        logprobs: tuple[float, ...] | None = None,
        token_ids: tuple[int, ...] | None = None,
        fault: str = "",
        stopped: str | None = None,
        refused: str = "",
    ) -> "Rollout":
        """Build the rollout of one sample; its id hashes problem, policy revision, sampler, sample and begun answer.

        Args:
            request: that asked for it.
            sample: its index.
            policy: that wrote it.
            engine: name of the engine.
            text: without the begun answer.
            tokens: that were generated.
            finish: why it ended.
            prompt_tokens: of the request.
            seed: None = the request's own for this sample.
            logprobs: one per generated token.
            token_ids: of the generated tokens; kept where the cap cut them.
            fault: as in `Rollout`.
            stopped: as in `Rollout`.
            refused: as in `Rollout`.
        """
        sampler = request.sampler.id
        key = request.key(policy.revision, sample)
        seed_used = request.seed_of(sample) if seed is None else seed
        return cls(
            key,
            request.problem_id,
            policy.revision,
            policy.name,
            sampler,
            sample,
            seed_used,
            text,
            tokens,
            finish,
            prompt_tokens=prompt_tokens,
            engine=engine,
            logprobs=logprobs,
            token_ids=token_ids if finish == "length" else None,
            fault=fault,
            stopped=stopped,
            refused=refused,
        )


def rollout_id(problem_id: str, policy: str, sampler: str, sample: int, prefix: str = "") -> str:
    """Return the id under which a rollout is paid for once; what continues a begun answer has ids of its own."""
    return content_id("rollout", problem_id, policy, sampler, sample, *((prefix,) if prefix else ()))


@dataclass(frozen=True, slots=True)
class GradingCase:
    """What a verifier judges."""

    problem: Problem
    label: Label
    rollout: Rollout


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement of one rollout against one label; regrading adds verdicts and never edits them."""

    id: str
    rollout_id: str
    label_id: str
    verifier: str
    version: str
    outcome: Outcome
    reward: float  # 1 = right in the binary case
    extracted: str = ""  # the final answer that was read
    reason: str = ""
    lenient: Outcome | None = None  # what a person would accept, where that differs from `outcome`; None = the same

    @classmethod
    def of(
        cls,
        case: GradingCase,
        *,
        verifier: str,
        version: str,
        outcome: Outcome,
        reward: float | None = None,
        extracted: str = "",
        reason: str = "",
        lenient: Outcome | None = None,
    ) -> "Verdict":
        """Build a verdict with its content hash; the reward defaults to 1 for correct and 0 for all else."""
        value = float(outcome == "correct") if reward is None else reward
        rollout, label = case.rollout.id, case.label.id
        key = verdict_id(rollout, label, verifier, version)
        differs = lenient if lenient != outcome else None
        return cls(key, rollout, label, verifier, version, outcome, value, extracted, reason, differs)

    def in_mode(self, mode: Mode) -> "Verdict":
        """Return the verdict as it counts in a mode: itself if strict, else with the lenient outcome and its reward."""
        if mode == "strict" or self.lenient is None:
            return self
        return replace(self, outcome=self.lenient, reward=float(self.lenient == "correct"))


@dataclass(frozen=True, slots=True)
class Counts:
    """Integer outcomes of one problem's attempts; truncated and error are neither right nor wrong."""

    correct: int = 0
    wrong: int = 0  # includes unparsable answers of finished attempts
    truncated: int = 0
    error: int = 0  # the verifier or the engine failed

    @property
    def total(self) -> int:
        """Return the attempts of every outcome."""
        return self.correct + self.wrong + self.truncated + self.error

    def plus(self, outcome: Outcome, times: int = 1) -> "Counts":
        """Return the counts after one more outcome, or after as many as `times` says."""
        name = {"unparsable": "wrong", "verifier_error": "error"}.get(outcome, outcome)
        return replace(self, **{name: getattr(self, name) + times})


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """One attempt as the lake holds it."""

    sample: int
    outcome: Outcome
    extracted: str  # the final answer that was read; "" = none
    tokens: int
    finish: Finish
    logprobs: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The result of one problem's rollouts in one optimiser step."""

    problem_id: str
    counts: Counts
    advantage: float = 0.0  # mean of |advantage| over the rollouts, 0 = all rewards alike
    correctness_advantage: float | None = None  # as if the reward were 1 for correct and 0 for all else; None = same


class GradedAttempts(NamedTuple):
    """The rewards of one problem's attempts, by sample index."""

    source: str  # of the problem
    rewards: tuple[tuple[float, Outcome], ...]


class AttemptStats(NamedTuple):
    """Outcomes of some attempts at one problem, and the tokens that they took."""

    counts: Counts
    tokens: int


@dataclass(frozen=True, slots=True)
class Score:
    """How hard one problem is for one policy, with its uncertainty."""

    problem_id: str
    scorer: str
    value: float  # for pass_rate: posterior mean in [0, 1], 1 = always solved
    low: float
    high: float
    prior: str = ""
    beta_a: float | None = None  # Beta posterior of the pass rate; None where the scorer has none
    beta_b: float | None = None
    counts: Counts = field(default_factory=Counts)
    censored: bool = False
    direction: str = ""  # easier or harder: what a higher value means; "" = easier
    # Of graded rewards; None where all rewards are 1 for correct and 0 for all else.
    reward_mean: float | None = None
    reward_sd: float | None = None  # of the attempts' rewards, over n
    reward_low: float | None = None  # interval of the mean reward
    reward_high: float | None = None
    rewards: tuple[tuple[float, bool, int], ...] | None = None  # (reward, whether correct, attempts), ascending


@dataclass(frozen=True, slots=True)
class Pool:
    """What selectors see: row i is ids[i], ids ascending; only the columns that a selector declares in `needs`."""

    ids: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # {name: (n,)}
    vectors: NDArray[np.float32] | None = None  # (n, d), unit rows
    cluster: NDArray[np.int64] | None = None  # (n,)

    def __post_init__(self) -> None:
        if not all(map(lt, self.ids, self.ids[1:])):
            raise ValueError(f"{len(self.ids)} ids must be ascending and distinct")
        for name, rows in self._rows().items():
            if len(rows) != len(self.ids):
                raise ValueError(f"{len(rows)} rows of {name} for {len(self.ids)} ids")

    def _rows(self) -> dict[str, Any]:
        extra = {"vectors": self.vectors, "cluster": self.cluster}
        return {**self.columns, **{name: rows for name, rows in extra.items() if rows is not None}}

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> NDArray[Any]:
        """Return one column, (n,).

        Raises:
            LookupError: the pool has no such column.
        """
        if name not in self.columns:
            raise LookupError(f"the pool of {len(self)} has no column {name!r}; it has {sorted(self.columns)}")
        return self.columns[name]


@dataclass(frozen=True, slots=True)
class Selection:
    """Kept ids with weights, and every other id of the pool once, under the reason why it was dropped."""

    ids: tuple[str, ...]
    weights: tuple[float, ...]
    dropped: Mapping[str, tuple[str, ...]]  # {reason: ids}


@dataclass(frozen=True, slots=True)
class Phase:
    """Problems in their order, trained on for `epochs` epochs before the next phase begins."""

    ids: tuple[str, ...]
    epochs: int = 1
    weights: tuple[float, ...] = ()  # of the selection, one per id; () = 1 each


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Phases in their order."""

    phases: tuple[Phase, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """Return every id as often as training will meet it, first to last."""
        return tuple(id_ for phase in self.phases for _ in range(phase.epochs) for id_ in phase.ids)

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each problem that has one other than 1."""
        pairs = (pair for phase in self.phases for pair in zip(phase.ids, phase.weights, strict=False))
        return {id_: weight for id_, weight in pairs if weight != 1}
