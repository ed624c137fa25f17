"""Scoring by many processes where the whole pool decides who is attempted next: in rounds, planned by one process at a time.

The planner runs the plan's scorer as a single process would. Where attempts are missing it posts the wave as lines of the ledger, a chunk
each; every worker, the planner too, leases posted chunks and answers them, and the planner reads what has come before it decides again.
Decisions are functions of complete waves, and a sample's seed is its own, so a planner that takes the place of a dead one decides the same
again over what is stored, and the outcome is that of a single process.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from assay.core.identity import canonical_json, content_id
from assay.core.types import Counts, Label, Problem
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.data.problems import side
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.sampling.shards import ShardConfig, attempts_at, cut, pause, warn_if_late
from assay.pipelines.stages.score import measure
from assay.stores.commits.lease import give_back, lease, renew, take

OPEN = """
SELECT {what} FROM stages a WHERE stage = 'asked' AND starts_with(key, ?)
AND NOT EXISTS (SELECT 1 FROM stages d WHERE d.stage = 'score' AND d.key = a.key)
"""


class Unanswered(Exception):
    """What is open cannot be answered here: a limit of the plan is reached, or attempts failed."""


def score_in_waves(
    context: RunContext, inputs: StageResults, key: StageKey, problems: int, terms: ShardConfig
) -> StageResult:
    """Answer what is posted, and plan where nobody does, until all problems are scored; partly where some are left.

    Raises:
        Stopped: the run was asked to stop; what had arrived is committed and every lease given back.
    """
    board, config = WaveQueue(context, inputs, key, terms), f"plan-{content_id('plan', str(key))}"
    while not (done := context.finished("score", key)):
        try:
            if board.answer(board.open()):
                continue
            if (token := take(context.lake.root, config, limit_s=terms.lease_s)) is None:
                pause(context, "another worker plans the rounds")
                continue
            try:
                return _plan(
                    context,
                    inputs,
                    key,
                    board,
                    lambda token=token: renew(context.lake.root, config, token, limit_s=terms.lease_s),  # type: ignore[misc]
                )
            finally:
                give_back(context.lake.root, config, token)
        except Unanswered:
            return StageResult("score", key, problems, 0, {"chunks_left": len(board.open())}, partly=True)
    return done


class WaveQueue:
    """The waves of one scoring as lines of the ledger: `asked` when they are posted, `score` under the same key when they are answered."""

    def __init__(self, context: RunContext, inputs: StageResults, key: StageKey, terms: ShardConfig) -> None:
        self.context, self.inputs, self.terms = context, inputs, terms
        self.name, self.given_up = content_id("round", str(key)), set[str]()

    def open(self) -> list[str]:
        """The chunks that nobody has answered, in this process's own order, so that two seldom reach for the same one."""
        found = self.context.lake.rows(OPEN.format(what="key"), [f"{self.name}/"])
        return sorted((row["key"] for row in found), key=lambda name: content_id(self.context.run, name))

    def post(self, wanted: Mapping[str, int]) -> None:
        """Posts a wave: so many attempts in all of each problem. A chunk that was posted before is not posted again."""
        lines = []
        for ids in cut(self.context, wanted, self.terms.chunk):
            asked = {id_: wanted[id_] for id_ in ids}
            key = f"{self.name}/{content_id('asked', asked)}"
            line = {
                "id": content_id("stage", "asked", key),
                "stage": "asked",
                "key": key,
                "rows_in": len(ids),
                "detail": canonical_json(asked),
            }
            lines.append({**line, "rows_out": 0, "seconds": 0.0})
        self.context.lake.append({"stages": lines}, run=self.context.run)

    def answer(self, left: Sequence[str]) -> bool:
        """Draws what one of the open chunks lacks; False where all are held by others or were given up here.

        Raises:
            Unanswered: a limit is reached, or the attempts of all that is open failed here.
        """
        if self.context.limit_reached() or (left and not set(left) - self.given_up):
            raise Unanswered
        for name in left:
            if name in self.given_up:
                continue
            with lease(self.context.lake.root, f"score-{name.replace('/', '-')}", limit_s=self.terms.lease_s) as ours:
                # it may have been answered between our look and our lease
                if ours and (line := self.context.lake.rows(OPEN.format(what="detail"), [name])):
                    self._answer(name, parse_json(line[0]["detail"]))
                    return True
        return False

    def _answer(self, name: str, wanted: dict[str, int]) -> None:
        began, attempts = time.monotonic(), attempts_at(self.context, self.inputs, list(wanted))
        whole = attempts.draw_first(wanted)
        if attempts.unfinished:
            self.given_up.add(name)
            return
        seconds = time.monotonic() - began
        self.context.finish(
            StageResult("score", StageKey.of(name), len(wanted), len(whole), {"chunk": len(wanted)}, seconds)
        )
        warn_if_late(self.context, seconds, self.terms)


class SharedRollouts(StoredRollouts):
    """Evidence of the whole pool, whose missing attempts are posted, answered by whoever is there, and read."""

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

    def draw(self, wanted: Mapping[str, int]) -> dict[str, Counts]:
        """As `Attempts.draw`, once all that is missing has been answered.

        Raises:
            Stopped: as there.
            Unanswered: a limit or failed attempts leave some.
        """
        self.hold()
        if (
            self.missing(wanted) and not self._followed
        ):  # what another planner had posted, in chunks that may be cut otherwise
            self._await(wanted)
        self._followed = True
        if self.missing(wanted):
            self.board.post(wanted)
            self._await(wanted)
        return super().draw(wanted)

    def _await(self, wanted: Mapping[str, int]) -> None:
        while left := self.board.open():
            self.hold()
            if not self.board.answer(left):
                pause(self.context, "a round's last chunks are with other workers")
        self.context.lake.caught_up()
        self.look_again(list(wanted))


def _plan(
    context: RunContext, inputs: StageResults, key: StageKey, board: WaveQueue, renewed: Callable[[], bool]
) -> StageResult:
    """Run the scorer's design to its end. Where planning outlives its lease another may plan too; both decide the same."""
    last = time.monotonic()

    def hold() -> None:
        nonlocal last
        if time.monotonic() - last > board.terms.lease_s / 3:
            last = time.monotonic()
            if not renewed() and "plan" not in context.warned:
                context.warned.add("plan")
                context.reporter.warn(
                    f"planning took longer than its lease of {board.terms.lease_s:g} s, and another worker plans too: --lease-s"
                )

    return context.finished("score", key) or measure(
        context, SharedRollouts(context, *side(context, inputs, "train"), board, hold), key
    )
