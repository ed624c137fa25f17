"""What one room asks of another: structural types, met without inheritance."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assay.core.export_rows import DatasetSummary, ExportRow, Row
from assay.core.notes import Note
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import (
    AttemptStats,
    Counts,
    Curriculum,
    Drop,
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

Found = tuple[Problem, Label] | Drop


@runtime_checkable
class Source(Protocol):
    """Anything that yields problems; a row that cannot become one is a Drop with its place."""

    def read(self) -> Iterator[Found]: ...

    def fingerprint(self) -> str:
        """Hash of what the settings do not determine: the bytes of the files, the generator's version; computed without reading rows.

        A mistake in the settings that this does not notice is for the optional hook `check` (`core.hooks.SourceHooks`).
        """


@runtime_checkable
class Engine(Protocol):
    """Lets a policy attempt problems: one tuple of rollouts a request, in the order of the requests, each yielded when it is complete."""

    @property
    def policy(self) -> Policy: ...

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]: ...

    def count_tokens(self, request: Request) -> int:
        """Prompt tokens of one request, chat template applied once."""

    def show(self, request: Request) -> str:
        """The prompt exactly as the model reads it."""

    def close(self) -> None: ...


@runtime_checkable
class StreamingEngine(Protocol):
    """An engine whose samples need not wait for each other: a long answer holds up nobody's commit."""

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Every sample once, in tuples of what has arrived since the last; an empty one comes about every second, so that the caller is heard.

        Requests are taken as there is room for them; None among them means "none yet", and they are asked again after what has arrived.
        When they end, those in flight are finished: cutting them off would keep the short answers, which are more often right, and so bias
        every rate. Only closing the iterator abandons them.
        """


@runtime_checkable
class TruncatingEngine(Protocol):
    """An engine that has its policy's tokenizer at hand."""

    def cut(self, text: str, tokens: int) -> str:
        """The text's first `tokens` tokens as text."""


@runtime_checkable
class ServedEngine(Protocol):
    """An engine whose weights lie behind an address, where they may change."""

    @property
    def identity(self) -> Mapping[str, str]:
        """What is served there now: the model's root and its greedy answers to fixed prompts."""


@runtime_checkable
class Verifier(Protocol):
    """(problem, label, rollout) -> Verdict; may hang or explode, so it runs in workers that can be killed.

    What else the grader asks of a verifier, each with a default, is in `core.hooks.VerifierHooks`.
    """

    version: ClassVar[str]

    def judge(self, case: GradingCase) -> Verdict: ...

    def reads(self, label: Label) -> bool:
        """Whether the gold answer can be parsed at all."""


class Judge(Protocol):
    """Verifiers behind killable workers, chosen by each label's verifier; what stops a case is its answer's fault, its gold's or the machine's."""

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]: ...

    def reads(self, labels: Sequence[Label]) -> list[bool]: ...

    def version(self, verifier: str) -> str: ...


class Encoder(Protocol):
    """Texts -> unit vectors."""

    @property
    def revision(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...  # (n, d), rows of norm 1


class Neighbours(Protocol):
    """Exact search by cosine among unit rows."""

    def above(
        self, queries: NDArray[np.float32], rows: NDArray[np.float32], threshold: float
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """For each query, in order: the rows of cosine at least `threshold`, ascending, and their cosines."""


class Tokenizer(Protocol):
    """How long problems are for the policy."""

    def count(self, problems: Sequence[Problem]) -> list[int]:
        """Prompt tokens of each problem under the policy's own sampler, template and tokenizer."""


class PolicyGrader(Protocol):
    """The policy's graded attempts: stored ones first, new ones only for what is missing."""

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, Any]
    ) -> Mapping[str, Sequence[Verdict]]:
        """n verdicts a problem that has a label, under the policy's sampler with these fields changed."""


class RolloutProvider(Protocol):
    """A scorer's way to evidence: stored attempts first, new ones only for what is missing."""

    def draw(self, wanted: Mapping[str, int]) -> Mapping[str, Counts]:
        """Counts per problem id once each has `wanted` attempts (fewer where a limit stopped the run)."""


class EvidenceProvider(RolloutProvider, Protocol):
    """What else a scorer may ask for; one that needs no more than `draw` takes Attempts."""

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        """A tree search of each problem, stored ones first; a problem whose search a limit stopped is missing."""

    def said(
        self, wanted: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        """The first `wanted` attempts of each problem with their answers, by sample, under the policy's sampler with these fields changed.

        Of another policy, by its name or revision, what is stored is given, and nothing is drawn.
        """

    def responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        """Graded attempts of every respondent in the store, a policy under a sampler: counts by respondent and problem."""


class WaveProvider(RolloutProvider, Protocol):
    """Evidence wave by wave: what a scorer that decides by outcomes needs, so that a run that is killed decides the same again."""

    def first(self, wanted: Mapping[str, int], *, at_length: int | None = None) -> Mapping[str, AttemptStats]:
        """The first `wanted` attempts of each problem by sample index, missing ones drawn; a problem that lacks some is absent.

        However many are stored, the others have no say. `at_length` tells what they would have been under that shorter cap.
        """

    def cut(self, wanted: Mapping[str, int], at_length: int) -> Mapping[str, Counts]:
        """As `draw`, under a shorter cap: answers longer than `at_length` tokens are cut there and judged again, free of tokens."""

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows of the problems' texts by the plan's encoder, (n, d)."""


@dataclass(frozen=True, slots=True)
class FilterContext:
    """What filters may borrow from other rooms; a filter lists what it `needs`."""

    judge: Judge | None = None
    encoder: Encoder | None = None
    neighbours: Neighbours | None = None
    tokenizer: Tokenizer | None = None
    policy: PolicyGrader | None = None
    benchmarks: Mapping[str, Sequence[Problem]] | None = None  # by name: what a filter's `against` names


@runtime_checkable
class Filter(Protocol):
    """Problems -> drops with reasons, labels that take the place of a kept problem's old ones, and notes; what is not dropped is kept.

    What else the pipeline asks of a filter (`version`, `changes`, `against`) is in `core.hooks.FilterHooks`.
    """

    joint: ClassVar[bool]  # True: the answer for one row depends on the others
    needs: ClassVar[tuple[str, ...]]  # fields of FilterContext

    def sift(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], bench: FilterContext
    ) -> Sequence[Drop | Label] | Sequence[Drop | Note]: ...


@runtime_checkable
class Scorer(Protocol):
    """Problems + attempts -> Scores; what else the pipeline asks of a scorer is in `core.hooks.ScorerHooks`."""

    joint: ClassVar[bool]

    def score(self, ids: Sequence[str], attempts: EvidenceProvider) -> list[Score]: ...


@runtime_checkable
class Selector(Protocol):
    """Pool + budget + rng -> Selection of exactly min(budget, rows that have what it needs)."""

    needs: ClassVar[tuple[str, ...]]  # columns, or "cluster", "vectors"

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection: ...


@runtime_checkable
class Arranger(Protocol):
    """Selected rows of a pool -> Curriculum."""

    needs: ClassVar[tuple[str, ...]]

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum: ...


class OnlineCurriculum(Protocol):
    """The state of an adaptive curriculum during one training run.

    The same pool, seed and group results give the same choices, and so does a state that was saved and loaded in between.
    """

    max_resamples: (
        int  # how often a step may sample again for groups that were not admitted; 0 = every group is trained on
    )

    def sample(self, groups: int) -> tuple[str, ...]:
        """Choose the problems of the next groups.

        Args:
            groups: How many groups the step wants.

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
class AdaptiveCurriculum(Protocol):
    """An Arranger whose order answers to training; its `arrange` is the order that it would have without."""

    needs: ClassVar[tuple[str, ...]]

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum: ...

    def begin(self, pool: Pool, *, seed: int) -> OnlineCurriculum: ...


@runtime_checkable
class Export(Protocol):
    """The curriculum in the form that another trainer reads; one that writes a dataset card is a `CardExport`, too."""

    def rows(self, chosen: Sequence[ExportRow]) -> Sequence[Row]:
        """Return one row per place of the curriculum, in its order; Parquet or JSON must hold the values."""

    def snippet(self, file: str) -> str:
        """Return the lines of code with which that trainer reads the file."""


@runtime_checkable
class CardExport(Protocol):
    """An export that describes its dataset in a README.md beside the data."""

    def card(self, chosen: Sequence[ExportRow], gone: Sequence[ExportRow], told: DatasetSummary) -> str:
        """Return the card: of the rows kept, the rows filtered out (none where they are not written) and the summary of the whole."""


class RolloutSink(Protocol):
    """Where training hands the rollouts that it made."""

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None: ...

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None:
        """One step's measurements; `policy` is the revision that sampled the step."""

    def flush(self) -> None:
        """What was handed over before is kept, whatever happens from now on."""

    def stored(self, policies: Sequence[str]) -> set[str]:
        """Those of the revisions of which rollouts are kept: an earlier attempt at a step was here."""

    def supersede(self, policies: Sequence[str]) -> None:
        """Marks all rollouts of these revisions as those of an attempt that another replaces: they stay, and count no more."""


class Progress(Protocol):
    """A bar, or a plain line every so often."""

    def advance(self, amount: int = 1, *, note: str = "") -> None: ...


class Reporter(Protocol):
    """Says what happens, on stderr."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None: ...

    def track(self, title: str, total: int) -> AbstractContextManager[Progress]: ...
