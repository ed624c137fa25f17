"""Protocols: what one room asks of another. A part matches one by its methods, without inheritance.

The optional hooks of parts are in `core.hooks`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assay.core.export_rows import DatasetSummary, ExportRow, Row
from assay.core.notes import Note
from assay.core.synthesis import AttemptedProblem, Product, SearchedProblem, SynthesisSummary, TrialSummary
from assay.core.training_rows import TrainingSetSummary
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import (
    AttemptStats,
    Counts,
    Curriculum,
    Drop,
    GradedAttempts,
    GradingCase,
    GroupResult,
    Label,
    Policy,
    Pool,
    Problem,
    Request,
    Rollout,
    Score,
    Selection,
    StoredAttempt,
    Verdict,
)

SourceRow = tuple[Problem, Label] | Drop  # one row of a source


@runtime_checkable
class Source(Protocol):
    """Anything that yields problems."""

    def read(self) -> Iterator[SourceRow]:
        """Yield each row as a problem with its label, or as a drop with its place where it cannot become one."""

    def fingerprint(self) -> str:
        """Return a hash of what the settings do not determine: the bytes of the files, the generator's version.

        It is computed without reading rows. Settings that cannot work are for the hook `check`
        (`core.hooks.SourceHooks`).
        """


class DerivedProblems(Protocol):
    """The new problems that methods of synthesis made and a lake holds."""

    def newest(self, method: str) -> str:
        """Return the id of the method's synthesis that was finished last.

        Raises:
            ConfigError: there is none.
        """

    def read(self, method: str) -> Iterator[tuple[Problem, Label, str, bool]]:
        """Yield problem, label, rule and whether the label was verified, of that synthesis."""


@runtime_checkable
class Engine(Protocol):
    """Let a policy attempt problems."""

    @property
    def policy(self) -> Policy:
        """Return the model's name and the revision of its weights."""

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in the order of the requests, each when it is complete.

        Raises:
            EngineError: the engine failed; what was yielded before is valid.
        """

    def count_tokens(self, request: Request) -> int:
        """Count the prompt tokens of one request, with the chat template applied once."""

    def show(self, request: Request) -> str:
        """Return the prompt exactly as the model reads it."""

    def close(self) -> None:
        """Release the model; the next call loads it again."""


@runtime_checkable
class StreamingEngine(Protocol):
    """An engine whose samples need not wait for each other, so that a long answer delays no commit."""

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Yield every sample once, in tuples of what has arrived since the last.

        An empty tuple comes about every second, so that the caller can stop. When the requests end, those in flight are
        finished: cutting them off would keep the short answers, which are more often right, and so bias every rate.
        Only closing the iterator abandons them.

        Args:
            requests: taken as there is room for them; None means "none yet", and they are read again after the next
                samples.
        """


@runtime_checkable
class TruncatingEngine(Protocol):
    """An engine that has its policy's tokenizer at hand."""

    def truncate(self, text: str, tokens: int) -> str:
        """Return the first `tokens` tokens of a text as text."""


@runtime_checkable
class ServedEngine(Protocol):
    """An engine whose weights lie behind an address, where they may change."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Return what is served there now: the model's root and its greedy answers to fixed prompts."""


@runtime_checkable
class Verifier(Protocol):
    """Judge one rollout against one label.

    It may hang or explode, and so runs in workers that can be killed. What else the grader asks of a verifier, each
    with a default, is in `core.hooks.VerifierHooks`.
    """

    version: ClassVar[str]

    def judge(self, case: GradingCase) -> Verdict:
        """Return the verdict on a case; it never raises because of what a model wrote."""

    def reads(self, label: Label) -> bool:
        """Return whether the gold answer can be parsed at all."""


class Judge(Protocol):
    """Verifiers behind workers that can be killed, chosen by each label's verifier.

    What stops a case is the fault of its answer, of its gold answer, or of the machine.
    """

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        """Return one verdict per case, in order."""

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        """Return per label whether its gold answer can be parsed."""

    def version(self, verifier: str) -> str:
        """Return the version that a verifier's verdicts carry."""


class Encoder(Protocol):
    """Encode texts as unit vectors."""

    @property
    def revision(self) -> str:
        """Return what identifies the encoder's weights and settings."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of norm 1 per text, (n, d)."""


class Neighbours(Protocol):
    """Exact search by cosine among unit rows."""

    def above(
        self, queries: NDArray[np.float32], rows: NDArray[np.float32], threshold: float
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield per query, in order, the rows of cosine at least `threshold`, ascending, and their cosines."""


class Tokenizer(Protocol):
    """Count how long problems are for the policy."""

    def count(self, problems: Sequence[Problem]) -> list[int]:
        """Return the prompt tokens of each problem under the policy's sampling config, template and tokenizer."""


class PolicyGrader(Protocol):
    """The policy's graded attempts: stored ones first, new ones only for what is missing."""

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, Any]
    ) -> Mapping[str, Sequence[Verdict]]:
        """Return n verdicts per problem that has a label, by problem id.

        Args:
            problems: to attempt.
            labels: by problem id.
            n: attempts per problem.
            changes: fields of the policy's sampling config that differ.
        """


class RolloutProvider(Protocol):
    """A scorer's source of evidence: stored attempts first, new ones only for what is missing."""

    def draw(self, n_attempts: Mapping[str, int]) -> Mapping[str, Counts]:
        """Return counts by problem id once each problem has its number of attempts; fewer where a limit stopped it."""


@runtime_checkable
class RewardProvider(Protocol):
    """Evidence that knows the reward of each attempt, besides counts."""

    @property
    def reward_bounds(self) -> tuple[float, float]:
        """Return the least and the most that a reward can be."""

    def attempt_rewards(self, n_attempts: Mapping[str, int]) -> Mapping[str, GradedAttempts]:
        """Return the rewards of each problem's first attempts, which were drawn before.

        Args:
            n_attempts: attempts by problem id.

        Returns:
            {} where every stored reward is 1 for correct and 0 for all else.
        """


class EvidenceProvider(RolloutProvider, Protocol):
    """What else a scorer may ask for; one that needs no more than `draw` takes a `RolloutProvider`."""

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        """Return a tree search per problem, stored ones first; one that a limit stopped is missing."""

    def draw_attempts(
        self, n_attempts: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        """Return the first attempts of each problem with their answers, by problem id and sample.

        Args:
            n_attempts: attempts by problem id; missing ones are drawn.
            changes: fields of the policy's sampling config that differ.
            policy: name or revision of another policy, of which only stored attempts are returned; "" = the policy
                itself.
        """

    def count_responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        """Return counts by respondent and problem, of all graded attempts in the lake.

        A respondent is a policy under one sampling config.
        """


class WaveProvider(RolloutProvider, Protocol):
    """Evidence wave by wave, for a scorer that decides by outcomes: a run that was killed decides the same again."""

    def draw_first(self, n_attempts: Mapping[str, int], *, at_length: int | None = None) -> Mapping[str, AttemptStats]:
        """Return the statistics of each problem's first attempts by sample index; a problem that lacks some is absent.

        Args:
            n_attempts: attempts by problem id; missing ones are drawn, and stored ones beyond this number do not count.
            at_length: a shorter token cap, under which the attempts are judged.
        """

    def draw_truncated(self, n_attempts: Mapping[str, int], at_length: int) -> Mapping[str, Counts]:
        """Return counts as `draw` does, under a shorter token cap.

        Answers longer than `at_length` tokens are cut there and judged again, which costs no tokens.
        """

    def embed(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row per problem's text by the config's encoder, (n, d)."""

    def count_of(self, policy: str) -> Mapping[str, Counts]:
        """Return counts by problem id of another policy's stored attempts, by its name or revision."""


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What filters may use from other rooms; a filter lists what it `needs`."""

    judge: Judge | None = None
    encoder: Encoder | None = None
    neighbours: Neighbours | None = None
    tokenizer: Tokenizer | None = None
    policy: PolicyGrader | None = None
    benchmarks: Mapping[str, Sequence[Problem]] | None = None  # by name: those in a filter's `against`


@runtime_checkable
class Filter(Protocol):
    """Decide which problems to drop, and correct the labels of others.

    What else the pipeline asks of a filter (`version`, `changes`, `against`) is in `core.hooks.FilterHooks`.
    """

    joint: ClassVar[bool]  # True: the answer for one row depends on the others
    needs: ClassVar[tuple[str, ...]]  # fields of FilterContext

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
    ) -> Sequence[Drop | Label] | Sequence[Drop | Note]:
        """Return a drop per problem that leaves, with its reason; a problem without one is kept.

        Args:
            problems: to judge.
            labels: by problem id.
            context: what `needs` names, borrowed from other rooms.

        Returns:
            Drops, and labels that replace those of a kept problem, or notes about kept problems.
        """


@runtime_checkable
class Scorer(Protocol):
    """Measure how hard problems are; what else the pipeline asks of a scorer is in `core.hooks.ScorerHooks`."""

    joint: ClassVar[bool]  # True: the score of one problem depends on the others

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]:
        """Return one score per attempted problem, by id."""


class SynthesisEvidence(Protocol):
    """What a method of synthesis reads, and what it may ask the policy for; every problem is of the train side."""

    def counts(self) -> Mapping[str, Counts]:
        """Return the outcomes that scoring counted, by problem id, ids ascending; no later attempt changes them."""

    def attempted(self, *, texts: bool = False, changes: Mapping[str, Any] | None = None) -> Iterator[AttemptedProblem]:
        """Yield every problem with its judged stored attempts by sample index, ids ascending, in bounded memory.

        Args:
            texts: whether completions are read.
            changes: fields of the policy's sampling config that differ.
        """

    def searched(self) -> Iterator[SearchedProblem]:
        """Yield every problem that has a stored tree search of the policy, with the tree, ids ascending."""

    def problems(self, ids: Sequence[str]) -> Mapping[str, Problem]:
        """Return problems by id."""

    def field(self, name: str, ids: Sequence[str]) -> Mapping[str, str | float]:
        """Return a field that the sources kept, by problem id; a problem without it is absent."""

    def trials(self, changes: Mapping[str, Any], *, distinct: bool) -> Mapping[str, tuple[int, int]]:
        """Return stored right answers and stored attempts by problem id.

        Args:
            changes: fields of the policy's sampling config that differ.
            distinct: whether equal right answers count once.
        """

    def draw_until(
        self, n_right: Mapping[str, int], *, changes: Mapping[str, Any], max_trials: int, distinct: bool, batch: int
    ) -> TrialSummary:
        """Draw attempts until each problem has its right answers or `max_trials` attempts; stored ones count.

        Args:
            n_right: right answers by problem id.
            changes: as in `trials`.
            max_trials: attempts per problem at most.
            distinct: as in `trials`.
            batch: attempts that are asked for at a time.
        """

    def attempt(self, questions: Sequence[tuple[Problem, Label]], n: int) -> Sequence[AttemptedProblem]:
        """Return n attempts with their texts at each of other problems than those of the pool; stored ones come first.

        Args:
            questions: problems that were made from those of the train side, such as one with a hint, each with a label
                of which the answer and the verifier count.
            n: attempts per problem; fewer where a limit stopped the run.
        """

    def teach(self, questions: Sequence[tuple[Problem, Label]], n: int) -> Sequence[AttemptedProblem]:
        """Return n attempts of the teacher, as `attempt` does of the policy; without a teacher these are the policy's.

        Args:
            questions: as in `attempt`.
            n: attempts per problem.
        """

    def complete(
        self, begun_answers: Sequence[tuple[str, str]], n: int, *, changes: Mapping[str, Any]
    ) -> Sequence[Sequence[tuple[str, bool | None]]]:
        """Return n continuations of each begun answer with whether begun answer and continuation together are right.

        Stored continuations come first. None = cut or not judged; fewer than n where a limit stopped the run.

        Args:
            begun_answers: (problem id, begun answer).
            n: continuations of each.
            changes: as in `trials`.
        """

    def say(self, text: str) -> None:
        """Report a line."""


@runtime_checkable
class Synthesizer(Protocol):
    """Turn stored attempts into training sets, preferences, labels or problems.

    The optional hook `forecast` is in `core.hooks.SynthesizerHooks`.
    """

    needs: ClassVar[tuple[str, ...]]  # methods of SynthesisEvidence
    draws: ClassVar[bool]  # True: it asks the policy for more, and what else is stored does not change its result

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Product | SynthesisSummary]:
        """Yield the rows that it makes, and at most one summary."""


@runtime_checkable
class Selector(Protocol):
    """Choose problems from a pool."""

    needs: ClassVar[tuple[str, ...]]  # columns, or "cluster", "vectors"

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        """Return a selection of exactly min(budget, rows that have what it needs) problems."""


@runtime_checkable
class Arranger(Protocol):
    """Put the selected problems in the order of training."""

    needs: ClassVar[tuple[str, ...]]  # columns, or "cluster", "vectors"

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return every problem of the pool in phases."""


class OnlineCurriculum(Protocol):
    """The state of an adaptive curriculum during one training run.

    The same pool, seed and group results give the same choices, and so does a state that was saved and loaded in
    between.
    """

    max_resamples: int  # how often a step may sample again for groups that were not admitted; 0 = all are trained on

    def sample(self, groups: int) -> tuple[str, ...]:
        """Choose the problems of the next groups.

        Args:
            groups: of the step.

        Returns:
            Problem ids, one per group; fewer where there are no more, which ends training.
        """

    def observe(self, groups: Sequence[GroupResult]) -> None:
        """Take in the results of sampled groups: every finished group once, in the order in which they were sampled."""

    def admits(self, group: GroupResult) -> bool:
        """Return whether training learns from this group."""

    def weights(self, ids: Sequence[str]) -> NDArray[np.float64]:
        """Return the weight of each problem's loss in this step, shape (n,), at least 0."""

    def state_dict(self) -> Mapping[str, NDArray[Any]]:
        """Return all that the next choice depends on besides pool, settings and seed, as named arrays."""

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a saved state.

        Raises:
            ConfigError: the state belongs to another pool, other settings or another seed.
        """


@runtime_checkable
class PilotCurriculum(OnlineCurriculum, Protocol):
    """An online curriculum whose steps attempt a part of each group first."""

    pilot: int  # rollouts of a problem before the rest of its group; 0 = groups are attempted whole
    fresh: bool  # True: the group is sampled whole behind its pilot

    def screen(
        self, groups: int, group_size: int, attempt: Callable[[Sequence[str]], list[GroupResult]]
    ) -> tuple[str, ...]:
        """Choose the problems of a step by their pilots.

        Args:
            groups: of the step.
            group_size: rollouts of a whole group.
            attempt: makes the pilots of some problems, and returns one result per problem.

        Returns:
            Problem ids, one per group; none where there are no problems.
        """


@runtime_checkable
class AdaptiveCurriculum(Protocol):
    """A curriculum whose order follows the results of training."""

    needs: ClassVar[tuple[str, ...]]  # columns, or "cluster", "vectors"

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return the order that it would have without training's results."""

    def begin(self, pool: Pool, *, seed: int) -> OnlineCurriculum:
        """Return its state at the start of a training run."""


@runtime_checkable
class Export(Protocol):
    """Write the curriculum in the form that another trainer reads; one that writes a card is a `CardExport` too."""

    def rows(self, places: Sequence[ExportRow]) -> Sequence[Row]:
        """Return one row per place of the curriculum, in its order; Parquet or JSON must hold the values."""

    def snippet(self, file: str) -> str:
        """Return the lines of code with which that trainer reads the file."""


@runtime_checkable
class CardExport(Protocol):
    """An export that describes its data set in a README.md next to the data."""

    def card(self, kept: Sequence[ExportRow], dropped: Sequence[ExportRow], summary: DatasetSummary) -> str:
        """Return the card of a data set.

        Args:
            kept: one row per place of the curriculum.
            dropped: one row per problem that was filtered out; none where these are not written.
            summary: of the whole data set.
        """


@runtime_checkable
class TrainingSet(Protocol):
    """Write what synthesis stored in the form that another trainer reads."""

    table: ClassVar[str]  # whose rows it takes: targets, pairs or step_labels

    def left_out(self, row: Any) -> str:
        """Return why a row cannot be expressed; "" where it can."""

    def rows(self, rows: Sequence[Any]) -> Sequence[Row]:
        """Return one row per stored row, in the same order; Parquet must hold the values."""

    def snippet(self, file: str) -> str:
        """Return the lines of code with which that trainer reads the file."""

    def card(self, rows: Sequence[Any], left_out: Mapping[str, int], summary: TrainingSetSummary) -> str:
        """Return the text of the dataset card; `left_out` counts rows by the reason why they were not written."""


class RolloutSink(Protocol):
    """Where training sends the rollouts that it made."""

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        """Take in rollouts with their verdicts."""

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None:
        """Take in one step's measurements; `policy` is the revision that sampled the step."""

    def flush(self) -> None:
        """Store what was taken in before, so that it is kept whatever happens afterwards."""

    def stored(self, policies: Sequence[str]) -> set[str]:
        """Return the revisions of which rollouts are stored, left by an earlier attempt at the step."""

    def supersede(self, policies: Sequence[str]) -> None:
        """Mark all rollouts of these revisions as replaced by another attempt: they stay, and count no more."""


class Progress(Protocol):
    """A progress bar, or a plain line every so often."""

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Count further items as done."""


class Reporter(Protocol):
    """Report what happens, on stderr."""

    def say(self, text: str) -> None:
        """Report one line."""

    def warn(self, text: str) -> None:
        """Report one line as a warning."""

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Report a table."""

    def track(self, title: str, total: int) -> AbstractContextManager[Progress]:
        """Report the progress of a number of items within a block."""
