"""Score with many processes where the whole pool decides what is attempted next: in waves, planned by one process.

The planner runs the config's scorer as a single process would. Where attempts are missing, it posts the wave as lines
of the ledger, one per chunk. Every worker, the planner included, leases posted chunks and draws their attempts, and the
planner reads these before it decides again. Decisions depend on complete waves only, and each sample has a seed of its
own. So a planner that takes the place of a dead one makes the same decisions over what is stored, and the scores are
those of a single process.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from assay.core.identity import canonical_json, content_id
from assay.core.types import Counts, Label, Problem
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.data.problems import read_side
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.shards import ShardConfig, attempts_at, cut_chunks, pause, warn_if_late
from assay.pipelines.stages.score import score_problems
from assay.stores.commits.lease import give_back, lease, renew, take

OPEN = """
SELECT {what} FROM stages a WHERE stage = 'asked' AND starts_with(key, ?)
AND NOT EXISTS (SELECT 1 FROM stages d WHERE d.stage = 'score' AND d.key = a.key)
"""


class Unanswered(Exception):
    """The open chunks cannot be answered by this process: a limit of the config is reached, or attempts failed."""


def score_in_waves(
    context: RunContext, inputs: StageResults, key: StageKey, problems: int, terms: ShardConfig
) -> StageResult:
    """Answer posted chunks, and plan while no other process does, until all problems are scored.

    Returns:
        The result; partly where a limit or failures leave some chunks open.

    Raises:
        Stopped: the run was asked to stop; what had arrived is committed and every lease given back.
    """
    board, lease_name = WaveQueue(context, inputs, key, terms), f"plan-{content_id('plan', str(key))}"
    while not (result := context.finished("score", key)):
        try:
            if board.answer(board.open()):
                continue
            if (token := take(context.lake.root, lease_name, limit_s=terms.lease_s)) is None:
                pause(context, "another worker is planning the rounds")
                continue
            try:
                return _plan(
                    context,
                    inputs,
                    key,
                    board,
                    lambda token=token: renew(context.lake.root, lease_name, token, limit_s=terms.lease_s),  # type: ignore[misc]
                )
            finally:
                give_back(context.lake.root, lease_name, token)
        except Unanswered:
            return StageResult("score", key, problems, 0, {"chunks_left": len(board.open())}, partly=True)
    return result


class WaveQueue:
    """The waves of one scoring as lines of the ledger.

    A posted chunk is a line of `asked`; once it is answered there is a line of `score` under the same key.
    """

    def __init__(self, context: RunContext, inputs: StageResults, key: StageKey, terms: ShardConfig) -> None:
        self.context, self.inputs, self.terms = context, inputs, terms
        self.name, self.given_up = content_id("round", str(key)), set[str]()

    def open(self) -> list[str]:
        """List the unanswered chunks in an order of this process's own, so that two seldom take the same one."""
        rows = self.context.lake.rows(OPEN.format(what="key"), [f"{self.name}/"])
        return sorted((row["key"] for row in rows), key=lambda name: content_id(self.context.run, name))

    def post(self, n_attempts: Mapping[str, int]) -> None:
        """Post a wave: how many attempts each problem shall have. A chunk that is there already is not posted again."""
        lines = []
        for ids in cut_chunks(self.context, n_attempts, self.terms.chunk):
            counts = {id_: n_attempts[id_] for id_ in ids}
            key = f"{self.name}/{content_id('asked', counts)}"
            line = {
                "id": content_id("stage", "asked", key),
                "stage": "asked",
                "key": key,
                "rows_in": len(ids),
                "detail": canonical_json(counts),
            }
            lines.append({**line, "rows_out": 0, "seconds": 0.0})
        self.context.lake.append({"stages": lines}, run=self.context.run)

    def answer(self, open_chunks: Sequence[str]) -> bool:
        """Draw what one open chunk lacks; False where others hold all of them, or this process gave them up.

        Raises:
            Unanswered: a limit is reached, or attempts of every open chunk failed in this process.
        """
        if self.context.limit_reached() or (open_chunks and not set(open_chunks) - self.given_up):
            raise Unanswered
        for name in open_chunks:
            if name in self.given_up:
                continue
            with lease(self.context.lake.root, f"score-{name.replace('/', '-')}", limit_s=self.terms.lease_s) as ours:
                # another worker may have answered it before this one got the lease
                if ours and (line := self.context.lake.rows(OPEN.format(what="detail"), [name])):
                    self._answer(name, parse_json(line[0]["detail"]))
                    return True
        return False

    def _answer(self, name: str, n_attempts: dict[str, int]) -> None:
        began, attempts = time.monotonic(), attempts_at(self.context, self.inputs, list(n_attempts))
        whole = attempts.draw_first(n_attempts)
        if attempts.unfinished:
            self.given_up.add(name)
            return
        seconds = time.monotonic() - began
        self.context.finish(
            StageResult("score", StageKey.of(name), len(n_attempts), len(whole), {"chunk": len(n_attempts)}, seconds)
        )
        warn_if_late(self.context, seconds, self.terms)


class SharedRollouts(StoredRollouts):
    """Attempts at the whole pool; missing ones are posted in chunks, drawn by any worker, and then read."""

    def __init__(
        self,
        context: RunContext,
        problems: Mapping[str, Problem],
        labels: Mapping[str, Label],
        board: WaveQueue,
        hold: Callable[[], None],
    ) -> None:
        super().__init__(context, problems, labels)
        self.board, self.hold, self._followed = board, hold, False

    def draw(self, n_attempts: Mapping[str, int]) -> dict[str, Counts]:
        """Draw as `StoredRollouts.draw` does, with all workers together.

        Raises:
            Stopped: as there.
            Unanswered: a limit or failed attempts leave some chunks open.
        """
        self.hold()
        # an earlier planner may have posted chunks that differ from ours
        if self.missing(n_attempts) and not self._followed:
            self._await(n_attempts)
        self._followed = True
        if self.missing(n_attempts):
            self.board.post(n_attempts)
            self._await(n_attempts)
        return super().draw(n_attempts)

    def _await(self, n_attempts: Mapping[str, int]) -> None:
        while open_chunks := self.board.open():
            self.hold()
            if not self.board.answer(open_chunks):
                pause(self.context, "other workers hold the last chunks of this round")
        self.context.lake.mark_known()
        self.look_again(list(n_attempts))


def _plan(
    context: RunContext, inputs: StageResults, key: StageKey, board: WaveQueue, renewed: Callable[[], bool]
) -> StageResult:
    """Run the scorer to its end.

    Where planning takes longer than its lease another process may plan too; both make the same decisions.
    """
    last = time.monotonic()

    def hold() -> None:
        nonlocal last
        if time.monotonic() - last > board.terms.lease_s / 3:
            last = time.monotonic()
            if not renewed() and "plan" not in context.warned:
                context.warned.add("plan")
                context.reporter.warn(
                    f"planning took longer than its lease of {board.terms.lease_s:g} s, "
                    "and another worker is planning too; raise --lease-s"
                )

    return context.finished("score", key) or score_problems(
        context, SharedRollouts(context, *read_side(context, inputs, "train"), board, hold), key
    )
