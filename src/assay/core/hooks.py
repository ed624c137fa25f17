"""Optional hooks of parts: what the machinery asks of a part beyond its port, and the default where a part lacks one.

The ports are in `core.ports`. A part need not inherit from these classes: a hook is looked up by its name, and a
missing one has the default given here. Inherit to have the names checked. `tests/core/test_hooks.py` checks that the
machinery asks for no hook that is missing here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from assay.core.export_rows import CheckedAttempt, Row
from assay.core.ports import DerivedProblems, SynthesisEvidence
from assay.core.synthesis import SynthesisSummary
from assay.core.types import Counts, GradingCase, Label, Verdict


class SourceHooks:
    """Hooks of a source."""

    def check(self) -> None:
        """Refuse settings that cannot work, before anything is read; called where the lake has not read the source yet.

        Raises:
            ConfigError: a setting that cannot work, such as a missing split.
        """

    def relative_to(self, folder: str) -> Any:
        """Return the source with its relative paths taken from a folder, that of the config."""
        return self

    def from_lake(self, stored: DerivedProblems) -> Any:
        """Return the source as it reads what synthesis stored in the lake of the run."""
        return self

    def notices(self) -> Sequence[str]:
        """Return what a user should know about where it reads, a sentence each; asked once the folder is known."""
        return ()


class VerifierHooks:
    """Hooks of a verifier, for speed and safety; the grader (`verifiers.pool.grader`) asks for them."""

    bounded: ClassVar[bool] = False  # True: `judge` and `reads` always return soon and need no worker process
    retries: ClassVar[bool] = False  # True: a case that reached its time limit is tried once more, alone
    dangerous: ClassVar[bool] = False  # True: runs programs that a model wrote; needs `grade.allow_code = true`
    # True: text that is not inert gets a process of its own; True is the default of parts from outside
    evaluates_text: ClassVar[bool] = False
    # True: rewards are any finite numbers, and an answer is correct from `correct_at` on, a setting that must be given
    graded: ClassVar[bool] = False
    # limit_s: float = `grade.timeout_s`      seconds per case, where a verifier has a limit of its own

    def warm(self) -> None:
        """Load what the first case would load; called once per worker process."""

    def warm_glance(self) -> None:
        """Load what the first `glance` would load; called by `Grader.warm` in the Grader's own process."""

    def refusal(self) -> str:
        """Return why this machine cannot run the verifier; "" where it can."""
        return ""

    def label_fault(self, label: Label) -> str:
        """Return what is wrong with the format of a label, while sources are read; "" where nothing is."""
        return ""

    def glance(self, case: GradingCase) -> Verdict | None:
        """Return the verdict on a case that bounded time in the grader's process decides; None sends it to a worker."""
        return None

    def glance_label(self, label: Label) -> bool | None:
        """Return what `reads` would return, where that is decided in bounded time; None sends the label to a worker."""
        return None

    def essence(self, case: GradingCase) -> str | None:
        """Return the part of the text on which the verdict depends; verdicts are cached by it; None = all of it."""
        return None

    def suspect(self, row: GradingCase | Label) -> bool:
        """Return whether a row is likely to stop its worker, so that it is judged after the others."""
        return False

    def evaluated(self, case: GradingCase) -> str:
        """Return the text that may be evaluated; by default the whole completion."""
        return case.rollout.text


class EngineHooks:
    """Hooks of an engine."""

    # True: a rollout that the cap cut has `token_ids`, and a request's `prefix_tokens` are continued as they are
    keeps_tokens: ClassVar[bool] = False
    # True: it shows the model a request's `pictures`; others refuse such problems
    takes_pictures: ClassVar[bool] = False
    # True: its answers were paid for before; its tokens are counted, and called replayed
    recorded: ClassVar[bool] = False
    # capacity: int                          samples at once of a streaming engine, for the forecast of a run's time;
    #                                        without it, as many as a pilot had in flight


class FilterHooks:
    """Hooks of a filter."""

    version: ClassVar[str] = "1"  # another value makes the stage run again
    against: Sequence[Mapping[str, Any]] = ()  # tables of `[[source]]`; needed where `needs` holds "benchmarks"
    # joint_keys: method(problems, labels) -> Sequence[Hashable]   of a joint filter: problems with unequal keys never
    #                                        influence each other, and one that shares its key with no other and has one
    #                                        label at most stays as it is; without it the filter gets the whole pool
    # changes: Mapping[str, Any]             fields of the sampling config that this filter changes for its attempts


class ScorerHooks:
    """Hooks of a scorer; `n`, `attempts` and `expected` serve the estimate of what a run costs."""

    needs: tuple[str, ...] = ()  # methods of `core.ports.EvidenceProvider` besides `draw`
    # apart: bool = not joint                whether the problems may be divided among workers
    sized_by_plan: tuple[str, ...] = ()  # settings that are taken from `[select]` and `[train]`: "budget", "group_size"
    against: str = ""  # a second policy, whose stored attempts are read too
    # another one decides by outcomes what is drawn next, for which imported attempts cannot serve
    design: str = "fixed"
    baseline_attempts: int = 0  # plain attempts per problem with which a search is compared; 0 = none
    n: int = 8  # attempts per problem
    # True: `score_counts(id, counts)` returns the score of a problem, which depends on its counts alone
    counts_alone: bool = False
    version: str = ""  # of a scorer from outside: another value scores again

    def attempts(self) -> tuple[int, int]:
        """Return the fewest and the most attempts per problem."""
        return self.n, self.n

    def expected(self, pilot: Sequence[Counts], problems: int) -> float:
        """Return the expected attempts per problem for a pool of this size, from a pilot's counts."""
        return float(self.n)


class SynthesizerHooks:
    """Hooks of a method of synthesis."""

    def forecast(self, evidence: SynthesisEvidence) -> SynthesisSummary:
        """Return what the method will have to draw, before it draws anything; `--dry-run` shows it."""
        return SynthesisSummary({})


class PoolHooks:
    """Hooks of what reads a pool: a selector, and a curriculum."""

    # SELECT of `problem_id` and `value`, one row per problem, by the name of a column that it needs and no stage makes;
    # it may hold $policy, $sampler and $scoring. The values are part of the stage's key.
    queries: ClassVar[Mapping[str, str]] = {}
    version: str = ""  # of a part from outside: another value makes the stage run again


class SelectorHooks(PoolHooks):
    """Hooks of a selector: settings that the pipeline compares with those of training, or fills in."""

    # group_size: int = `train.group_size`   rollouts per group that the selection assumes
    # signal: "mixed" or "sd" = None          None: filled in by `train.objective`; also a setting of scorers
    # tau: float = None                       None: filled in by `grade.repeatability`
    expected_improvement: float | str | None = None  # "fitted": the pipeline fits the value to stored training rollouts


class EncoderHooks:
    """Hooks of an encoder."""

    texts_per_commit: ClassVar[int] = 2048  # encoded between two commits


class ExportHooks:
    """Hooks of an export."""

    suffix: ClassVar[str] = "parquet"  # of its files; or "jsonl" or "csv"
    # Further files where the config's curriculum is adaptive, by path in the data's folder: they load
    # `curriculum.json`.
    sampler_files: ClassVar[Mapping[str, str]] = {}
    inner_folder: ClassVar[str] = ""  # below the export's folder, where its data lies
    row_wise: ClassVar[bool] = False  # True: a row of `rows` depends on no other one, so that they are written in parts

    def refusal(self, verifiers: Sequence[str]) -> str:
        """Return why the trainer cannot express one of these verifiers, by name; "" where it can."""
        return ""

    def files(self, name: str) -> Mapping[str, str]:
        """Return further files by their path in the data's folder; `reward.py` is the reward, with settings beside it.

        Args:
            name: of the config, for what must be named.
        """
        return {}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the reward of each attempt at its row, from the exported reward as the trainer loads and calls it.

        An export that carries no reward returns none.
        """
        return []
