"""Give a pool to filters so that memory holds a batch of problems, the ids, and what the filters found.

A filter of single rows gets batches. A joint filter with `joint_keys` (`core.hooks.FilterHooks`) gets the problems that
share a key with another one, or have several labels: each batch is hashed to 64 bits a problem, and only problems with
an equal hash are read again. Equal hashes of unequal keys cost time and change nothing, since the filter itself
compares. Of a large pool the hashes lie on disk (`key_runs`). Filters that follow one another and read nothing but
problems and labels share one pass over the pool. A filter of single rows that asks an encoder or benchmarks gets large
batches. A joint filter without keys, and one that asks a policy, gets the pool as a whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.core.errors import ConfigError
from assay.core.notes import Note
from assay.core.ports import Filter, FilterContext
from assay.core.types import Drop, Label, Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.drops import drop_row
from assay.pipelines.data.key_runs import KEYS, KeyRuns
from assay.pipelines.data.problem_batches import stream_members
from assay.stores.tables import schema

Golds = dict[str, list[Label]]
Batch = tuple[list[Problem], Golds]  # problems and the labels of each, by id
Named = tuple[str, Filter]
Borrow = Callable[[Filter, Sequence[Problem]], FilterContext]
READ_AGAIN = 100_000  # problems that share a key and are objects at a time; a set with one key stays together
IN_BATCHES = {"judge", "tokenizer"}  # needs of filters of single rows that get batches
IN_LARGE_BATCHES = {*IN_BATCHES, "encoder", "neighbours", "benchmarks"}  # of those that get READ_AGAIN problems each


@dataclass(slots=True)
class Sifted:
    """What filters have found in a pool so far."""

    key: str  # of the stage, which drops carry
    run: str
    gone: set[str] = field(default_factory=set)  # ids of dropped problems
    reasons: Counter[str] = field(default_factory=Counter)
    drops: list[pa.Table] = field(default_factory=list)  # one per filter that dropped some
    corrected: dict[str, Label] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def take(self, findings: Sequence[Drop | Label | Note]) -> None:
        """Apply what one filter found about problems that were still there: drops, corrected labels, notes."""
        drops = [finding for finding in findings if isinstance(finding, Drop)]
        self.gone.update(drop.problem_id for drop in drops)
        self.reasons.update(drop.reason for drop in drops)
        self.notes += [finding for finding in findings if isinstance(finding, Note)]
        self.corrected |= {finding.problem_id: finding for finding in findings if isinstance(finding, Label)}
        if drops:
            rows = [{**drop_row(drop, self.key), "run": self.run} for drop in drops]
            self.drops.append(pa.Table.from_pylist(rows, schema=schema("drops")))

    def left_of(self, batch: Batch) -> Batch:
        """Return what is left of a batch, with corrected labels."""
        problems = [problem for problem in batch[0] if problem.id not in self.gone] if self.gone else batch[0]
        corrected = self.corrected.keys() & {problem.id for problem in problems} if self.corrected else ()
        golds = {**batch[1], **{id_: [self.corrected[id_]] for id_ in corrected}}
        return problems, {problem.id: golds[problem.id] for problem in problems}


class StreamedPool:
    """The members of the config's pool, read from the lake as often as filters need them.

    Args:
        context: the run.
        pools: keys of its sources' pools.
        sifted: what is dropped and corrected already, and where findings are kept.
        borrow: gives what a filter needs of the run.
    """

    def __init__(self, context: RunContext, pools: Sequence[str], sifted: Sifted, borrow: Borrow) -> None:
        self.context, self.pools, self.sifted, self.borrow = context, list(pools), sifted, borrow

    def sift(self, filters: Sequence[Named]) -> None:
        """Apply filters one after the other; each sees what the one before kept."""
        for way, group in groupby(filters, key=lambda name_and_part: _way_of(name_and_part[1])):
            if way == "one pass":
                self._sift_in_one_pass(list(group))
                continue
            for name, part in group:
                self.context.heed()
                if way == "whole":
                    self._sift_whole(name, part)
                else:
                    self._sift_batches(name, part, READ_AGAIN if way == "large batches" else 1)

    def _sift_in_one_pass(self, filters: list[Named]) -> None:
        """Apply filters that read only problems and labels, after one pass that finds what each has to look at."""
        findings: list[list[Drop | Label | Note]] = [[] for _ in filters]
        keys = [KeyRuns() for _ in filters]
        for problems, golds in self._batches():
            problems_left, own_golds = problems, golds
            for place, (name, part) in enumerate(filters):
                if part.joint:
                    keys[place].add(_hashed_keys(part, problems_left, own_golds))
                    continue
                own = list(part.sift(problems_left, own_golds, FilterContext()))
                check_findings(name, own, own_golds)
                findings[place] += own
                if dropped_ids := {finding.problem_id for finding in own if isinstance(finding, Drop)}:
                    problems_left = [problem for problem in problems_left if problem.id not in dropped_ids]
                    own_golds = {problem.id: golds[problem.id] for problem in problems_left}
        for place, (name, part) in enumerate(filters):
            self.context.heed()
            if part.joint:
                self._sift_alike(name, part, keys[place])
            else:
                dropped_ids = self.sifted.gone
                self._take([finding for finding in findings[place] if finding.problem_id not in dropped_ids])

    def _sift_alike(self, name: str, part: Filter, keys: KeyRuns) -> None:
        """Give a joint filter the problems whose keys are equal, in sets of whole keys."""
        gone = pa.array(list(self.sifted.gone), pa.string())
        findings: list[Drop | Label | Note] = []
        for ids in _sets(table.filter(pc.invert(pc.is_in(table["id"], value_set=gone))) for table in keys.shared()):
            problems, golds = self._read(ids)
            own = list(part.sift(problems, golds, self.borrow(part, problems)))
            check_findings(name, own, golds)
            findings += own
        self._take(findings)

    def _sift_batches(self, name: str, part: Filter, rows: int) -> None:
        findings: list[Drop | Label | Note] = []
        for problems, golds in _enlarged(self._batches(), rows):
            own = list(part.sift(problems, golds, self.borrow(part, problems)))
            check_findings(name, own, golds)
            findings += own
        self._take(findings)

    def _sift_whole(self, name: str, part: Filter) -> None:
        problems, golds = _joined(self._batches())
        findings = list(part.sift(problems, golds, self.borrow(part, problems)))
        check_findings(name, findings, golds)
        self.sifted.take(findings)

    def _take(self, findings: list[Drop | Label | Note]) -> None:
        self.sifted.take(sorted(findings, key=lambda finding: finding.problem_id))

    def _batches(self) -> Iterator[Batch]:
        return map(self.sifted.left_of, stream_members(self.context, self.pools))

    def _read(self, ids: pa.ChunkedArray) -> Batch:
        """Read some problems, ids ascending."""
        return _joined(map(self.sifted.left_of, stream_members(self.context, self.pools, ids)))


def _way_of(part: Filter) -> str:
    """Return how a filter gets the pool: in "one pass" with its neighbours, in (large) batches, or as a "whole"."""
    if part.joint:
        return "one pass" if hasattr(part, "joint_keys") else "whole"
    if not part.needs:
        return "one pass"
    if IN_BATCHES.issuperset(part.needs):
        return "batches"
    return "large batches" if IN_LARGE_BATCHES.issuperset(part.needs) else "whole"


def _sets(tables: Iterable[pa.Table]) -> Iterator[pa.ChunkedArray]:
    """Yield the ids of keys that lie side by side, about READ_AGAIN at a time; ids of one key stay together."""
    rest = KEYS.empty_table()
    for table in tables:
        rest = pa.concat_tables([rest, table])
        while len(rest) >= READ_AGAIN:
            hashes = rest["hash"].to_numpy()
            end = int(np.searchsorted(hashes, hashes[READ_AGAIN - 1], side="right"))
            ids, rest = _of_several(rest.slice(0, end)), rest.slice(end)
            if len(ids):
                yield ids
    if len(ids := _of_several(rest)):
        yield ids


def _of_several(keys: pa.Table) -> pa.ChunkedArray:
    """Return the ids whose key is not alone since others were dropped, and those with several labels."""
    _, place, many = np.unique(keys["hash"].to_numpy(), return_inverse=True, return_counts=True)
    return keys.filter(pa.array((many[place] > 1) | keys["several"].to_numpy()))["id"]


def _enlarged(batches: Iterable[Batch], rows: int) -> Iterator[Batch]:
    """Yield batches of at least so many problems, the last one left out."""
    problems: list[Problem] = []
    golds: Golds = {}
    for batch, labels in batches:
        problems, golds = problems + batch, golds | labels
        if len(problems) >= rows:
            yield problems, golds
            problems, golds = [], {}
    if problems:
        yield problems, golds


def _hashed_keys(part: Any, problems: list[Problem], golds: Golds) -> pa.RecordBatch:
    ids = [problem.id for problem in problems]
    hashes = list(map(hash, part.joint_keys(problems, golds)))
    return pa.record_batch([ids, hashes, [len(golds[id_]) > 1 for id_ in ids]], schema=KEYS)


def _joined(batches: Iterator[Batch]) -> Batch:
    problems: list[Problem] = []
    golds: Golds = {}
    for batch, labels in batches:
        problems += batch
        golds |= labels
    return sorted(problems, key=lambda problem: problem.id), golds


def check_findings(name: str, findings: Sequence[Drop | Label | Note], golds: Mapping[str, object]) -> None:
    """Refuse findings about problems that a filter was not given.

    Raises:
        ConfigError: there is one.
    """
    for finding in findings:
        if finding.problem_id not in golds:
            did = {Drop: "dropped", Note: "noted"}.get(type(finding), "relabelled")
            raise ConfigError(
                f"filter {name!r} {did} {finding.problem_id!r}, which is not among its {len(golds)} problems"
            )
