"""The base class of the pipeline's stages: each has a key, counts what remains, and runs.

To add a stage, write a file in `pipelines/stages` whose class derives from `Stage`, and one line in its list `STAGES`.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from assay.pipelines.context.results import COLUMNS, PoolColumns, Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.stores.lake import Lake


class Stage(ABC):
    """One stage in one run. What its methods share, such as rows that were read, is a cached attribute.

    The runner makes the object, looks its key up in the ledger (`finished`), and where it is not there says what
    remains and calls `run`.

    Attributes:
        name: of its command and of its lines in the ledger.
        pays: whether it pays for answers of a policy. A stop never interrupts such a stage, which ends by itself where
            nothing is lost.
        rows_query: SELECT of the rows that it leaves, with a `?` for `key.rows`; what its function in Python returns.
        columns: what it knows of each problem; a selector or a curriculum `needs` these by their names.
    """

    name: ClassVar[str]
    pays: ClassVar[bool] = False
    rows_query: ClassVar[str]
    columns: ClassVar[PoolColumns] = PoolColumns()

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "name"):  # a base class of several stages has none
            COLUMNS[cls.name] = cls.columns

    def __init__(self, context: RunContext, inputs: StageResults) -> None:
        self.context, self.inputs = context, inputs

    @cached_property
    def key(self) -> StageKey:
        """The key of the result, computed once."""
        return self.compute_key()

    @abstractmethod
    def compute_key(self) -> StageKey:
        """Hash everything that the result depends on: settings, keys of earlier stages, models, versions."""

    @abstractmethod
    def remaining(self) -> Remaining:
        """Count what is left to do, before anything is done."""

    @abstractmethod
    def run(self) -> StageResult:
        """Do the stage, and commit its rows together with its line in the ledger (`context.finish`).

        Raises:
            Stopped: the run was asked to stop; what was committed is kept.
        """

    def prepare(self) -> bool:
        """Bring up to date what the stage reads, before it is looked up; True where this may have changed its key."""
        return False

    def finished(self) -> StageResult | None:
        """Look the stage's result up in the ledger; None where there is something to do."""
        return self.context.finished(self.name, self.key)

    @classmethod  # noqa: B027  # most stages need nothing from outside
    def preflight(cls, context: RunContext) -> None:
        """Find what can be wrong with files, models and settings of this stage, before anything is written.

        Raises:
            ConfigError: something is missing, or not as it must be.
        """

    @classmethod
    def read_rows(cls, lake: Lake, key: StageKey) -> pa.Table:
        """Read the rows that a result of this stage has in the lake."""
        return lake.query(cls.rows_query, [key.rows])
