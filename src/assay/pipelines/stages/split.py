"""Stage 3: draw held-out problems from the cleaned pool before any score exists; groups of duplicates stay together.

The draw is by hash order of (seed, group), so it depends on no other problem. A problem never changes its side, so
later configs on the same lake are evaluated on the same held-out problems. One run draws at a time: of two configs with
an equal `[split]` that start together, the second one draws knowing what the first has stored, and both hold out as
many problems as they ask for.
"""

import heapq
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from json.encoder import encode_basestring as quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.core.identity import content_id, content_ids, hash_json
from assay.maths.text.words import normal_form
from assay.pipelines.context.locks import keep_renewed
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.derived import parents_of
from assay.pipelines.data.problem_batches import CLEANED, cleaned_parameters
from assay.pipelines.sampling.shards import pause
from assay.stores.commits.lease import take

DEAD_AFTER_S = 30.0
ROWS = 100_000  # of a commit, so that memory holds the rows of one
GROUPED = pa.schema([("problem_id", pa.string()), ("duplicates", pa.string())])
SIDES = pa.schema([*GROUPED, ("side", pa.string())])


class Split(Stage):
    """Draw a side for each cleaned problem that has none yet; rows carry the id of the draw, which pools share."""

    name = "split"
    rows_query = "SELECT * FROM splits WHERE split = ? ORDER BY problem_id"

    def compute_key(self) -> StageKey:
        """Make a key of two parts: the pool with the draw, and the draw alone."""
        config = self.context.config.split
        draw = content_id("split", config.seed, config.held_out)
        return StageKey.of(content_id("split", str(self.inputs.of("clean").key), draw), draw)

    def remaining(self) -> Remaining:
        """Count the cleaned problems."""
        count = self.inputs.of("clean").rows_out
        return Remaining(problems=count, rows_in=count)

    def run(self) -> StageResult:
        """Draw, while no other run draws for the same settings."""
        with _exclusive_draw(self.context, self.key.rows):
            return _draw(self.context, self.inputs, self.key)


@contextmanager
def _exclusive_draw(context: RunContext, split: str) -> Iterator[None]:
    """Hold the right to draw for this split; a run that was killed blocks others no longer than its lease lasts."""
    name = content_id("drawing", split)
    while (token := take(context.lake.root, name, limit_s=DEAD_AFTER_S)) is None:
        pause(context, "another run is choosing held-out problems for the same [split]")
    with keep_renewed(context.lake.root, name, token, DEAD_AFTER_S, context.reporter.warn):
        yield


def _draw(context: RunContext, inputs: StageResults, key: StageKey) -> StageResult:
    began, split, n_wanted = time.monotonic(), key.rows, context.config.split.held_out
    stored_sides = context.lake.query("SELECT problem_id, side, duplicates FROM splits WHERE split = ?", [split])
    members, parents = hash_duplicates(context, inputs), parents_of(context.lake, CLEANED, cleaned_parameters(inputs))
    own = members.filter(pc.invert(pc.is_in(members["problem_id"], value_set=pa.array(list(parents), pa.string()))))
    n_held_out = _count_held(stored_sides, own)
    sides, n_held_out = _draw_sides(own["duplicates"], stored_sides, n_held_out, n_wanted, context.config.split.seed)
    drawn_rows = own.append_column("side", sides)
    fresh = drawn_rows.filter(pc.invert(pc.is_in(drawn_rows["problem_id"], value_set=stored_sides["problem_id"])))
    derived_rows = _derived_rows(members, parents, pa.concat_tables([stored_sides.select(fresh.column_names), fresh]))
    rows = pa.concat_tables([fresh, derived_rows.select(fresh.column_names)])
    beside = pc.sum(pc.equal(_sides_of(parents, stored_sides, derived_rows), "held_out")).as_py() or 0
    if n_held_out < n_wanted:
        context.reporter.warn(
            f"split.held_out = {n_wanted}, but only {n_held_out} of {len(members)} cleaned problems could be held out"
        )
    detail, seconds = {"held_out": n_held_out}, time.monotonic() - began
    result = StageResult("split", key, len(members), len(members) - n_held_out - beside, detail, seconds)
    # what is held out comes last, with the ledger's line: a run that goes on after a kill then draws the same
    ordered_rows = rows.take(pc.sort_indices(pc.equal(rows["side"], "held_out")))
    ends = range(0, max(len(ordered_rows) - ROWS, 0), ROWS)
    first = ({"splits": _rows(split, ordered_rows.slice(start, ROWS), context.run)} for start in ends)
    last = ordered_rows.slice(len(ends) * ROWS)
    return context.finish(result, {"splits": _rows(split, last, context.run)}, first=first)


def hash_duplicates(context: RunContext, inputs: StageResults) -> pa.Table:
    """Hash the normal form of each cleaned problem, batch by batch.

    Returns:
        `problem_id`, ascending, and `duplicates`, which is equal for duplicates.
    """
    query = f"SELECT p.id, p.messages, p.media FROM problems p SEMI JOIN ({CLEANED}) c ON p.id = c.problem_id"
    parts = [
        pa.table([batch["id"], pa.array(duplicates_ids(batch), pa.string())], schema=GROUPED)
        for batch in context.lake.stream(query, cleaned_parameters(inputs))
    ]
    return pa.concat_tables([GROUPED.empty_table(), *parts]).sort_by("problem_id").combine_chunks()


def duplicates_ids(batch: pa.RecordBatch) -> list[str]:
    """Return the hash of each problem's normal form, of rows with `messages` and `media`."""
    chats, media = batch["messages"], batch["media"]
    turns = chats.flatten()
    if len(turns) != len(chats) or len(media.flatten()) or chats.null_count or 0 in chats.value_lengths().to_pylist():
        files = media.to_pylist()
        return [
            content_id(
                "duplicates", [[[turn["role"], normal_form(turn["content"])] for turn in chat], file_names or []]
            )
            for chat, file_names in zip(chats.to_pylist(), files, strict=True)
        ]
    roles = {role: f'["duplicates",[[[{quote(role)},' for role in pc.unique(turns.field("role")).to_pylist()}
    pairs = zip(turns.field("role").to_pylist(), turns.field("content").to_pylist(), strict=True)
    return [hash_json(f"{roles[role]}{quote(normal_form(content))}]],[]]]") for role, content in pairs]


def _count_held(stored_sides: pa.Table, own: pa.Table) -> int:
    held_out_ids = stored_sides.filter(pc.equal(stored_sides["side"], "held_out"))["problem_id"]
    return int(pc.sum(pc.is_in(own["problem_id"], value_set=pc.unique(held_out_ids))).as_py() or 0)


def _draw_sides(
    duplicates: pa.ChunkedArray, stored_sides: pa.Table, n_held_out: int, n_wanted: int, seed: int
) -> tuple[pa.Array, int]:
    """Draw a side for each group of duplicates that has none, in hash order until enough problems are held out.

    Returns:
        The side of each row of `duplicates`, and how many problems are held out.
    """
    groups = pc.unique(duplicates)
    place = pc.index_in(duplicates, value_set=groups).to_numpy().astype(np.int64)
    sizes = np.bincount(place, minlength=len(groups))
    latest = pc.index_in(groups, value_set=stored_sides["duplicates"].combine_chunks()[::-1])
    latest_sides = stored_sides["side"].combine_chunks()[::-1].take(latest)
    is_held = pc.fill_null(pc.equal(latest_sides, "held_out"), False).to_numpy(zero_copy_only=False).copy()
    undrawn = np.flatnonzero(latest.is_null().to_numpy(zero_copy_only=False))
    for _, group in heapq.nsmallest(max(n_wanted - n_held_out, 0), _draws(groups, undrawn, seed)):
        if n_held_out < n_wanted:
            is_held[group] = True
            n_held_out += int(sizes[group])
    return pc.if_else(pa.array(is_held[place]), "held_out", "train"), n_held_out


def _draws(groups: pa.Array, undrawn: NDArray[np.int64], seed: int) -> Iterator[tuple[str, int]]:
    """Yield the hash and the place of each group that has no side."""
    for start in range(0, len(undrawn), ROWS):
        batch = undrawn[start : start + ROWS]
        yield from zip(content_ids("draw", seed, last=groups.take(pa.array(batch)).to_pylist()), batch.tolist())


def _derived_rows(members: pa.Table, parents: dict[str, list[str]], drawn_rows: pa.Table) -> pa.Table:
    """Put problems that synthesis made on the side of those behind them: held out where one of these is.

    A problem behind them that is not in the pool gets the side `train`, so that no later draw holds it out.
    """
    family_ids = pa.array(sorted({*parents, *chain.from_iterable(parents.values())}), pa.string())
    own = members.filter(pc.is_in(members["problem_id"], value_set=family_ids)).to_pydict()
    groups = dict(zip(own["problem_id"], own["duplicates"], strict=True))
    family = drawn_rows.filter(pc.is_in(drawn_rows["problem_id"], value_set=family_ids)).to_pydict()
    side_by_id = dict(zip(family["problem_id"], family["side"], strict=True))
    rows: list[dict[str, str]] = []

    def side_of(id_: str) -> str:
        if id_ not in side_by_id:
            behind = {side_of(parent) for parent in parents.get(id_, [])}
            side_by_id[id_] = "held_out" if "held_out" in behind else "train"
            duplicates = groups.get(id_) or content_id("duplicates", id_)
            rows.append({"problem_id": id_, "duplicates": duplicates, "side": side_by_id[id_]})
        return str(side_by_id[id_])

    for id_ in sorted(parents):
        side_of(id_)
    return pa.Table.from_pylist(rows, schema=SIDES)


def _sides_of(ids: Iterable[str], *tables: pa.Table) -> pa.Array:
    """Return the sides of problems that have a row in one of the tables."""
    sides = pa.concat_tables([table.select(SIDES.names) for table in tables])
    return sides["side"].take(pc.index_in(pa.array(list(ids), pa.string()), value_set=sides["problem_id"]))


def _rows(split: str, drawn_rows: pa.Table, run: str) -> pa.Table:
    """Return drawn sides as rows of `splits`."""
    ids = content_ids("split", split, last=drawn_rows["problem_id"].to_pylist())
    constants = {name: pa.repeat(pa.scalar(value), len(drawn_rows)) for name, value in (("split", split), ("run", run))}
    return pa.table({"id": ids, **{name: drawn_rows[name] for name in drawn_rows.column_names}, **constants})
