"""What becomes of a shard whose task has ended, on hand-made futures. On a server, with real workers: `test_shards.py`."""

from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import EngineError, LakeError
from assay.core.flow_config import FlowConfig
from assay.flows.shards import LOSSES, ShardBoard


class Ended:
    """The future of a task that came to this: an error, numbers, or "lost" with its worker."""

    def __init__(self, came_to: Any) -> None:
        self.came_to, self.state = (
            came_to,
            SimpleNamespace(is_crashed=lambda: came_to == "lost", message="the actor died"),
        )

    def wait(self) -> None: ...

    def result(self) -> Any:
        if isinstance(self.came_to, Exception):
            raise self.came_to
        return self.came_to


DONE = {"samples": 4, "tokens": 16}
Ends = dict[str, list[Any]]


class Scripted(ShardBoard):
    """A board whose shards end as they are told to, one after another."""

    def __init__(self, ends: Ends) -> None:
        self.ends, self.warned = {name: iter(each) for name, each in ends.items()}, list[str]()
        bar = SimpleNamespace(advance=lambda *_args, **_named: None)
        voice = SimpleNamespace(warn=self.warned.append, track=lambda *_args: _Tracked(bar))
        context = SimpleNamespace(
            config=SimpleNamespace(flow=FlowConfig()), reporter=voice, meter=SimpleNamespace(tokens=0), halted=""
        )
        context.stop, context.limit_reached = bool, str
        super().__init__(SimpleNamespace(context=context, missing=[]), list(ends))  # type: ignore[arg-type]

    def _run_pool(self) -> None:
        while self.left:
            shard = self.left.popleft()
            self._settle(shard, Ended(next(self.ends[shard])))


class _Tracked:
    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def __enter__(self) -> Any:
        return self.bar

    def __exit__(self, *_why: Any) -> None: ...


def test_a_failed_shard_is_named_and_the_others_are_done() -> None:
    board = Scripted({"a": [DONE], "b": [EngineError("gone")], "c": [DONE]})
    board.clear()
    assert board.samples == 8
    assert board.run.missing == ["1 of 3 shards of score failed, the first: gone"]


def test_an_error_that_no_retry_cures_is_raised_when_the_other_shards_are_done() -> None:
    board = Scripted({"a": [LakeError("full")], "b": [DONE], "c": [LakeError("later")]})
    with pytest.raises(LakeError, match="full"):
        board.clear()
    assert board.samples == 4


def test_a_shard_goes_to_another_worker_until_the_third_is_lost_at_it() -> None:
    board = Scripted({"a": ["lost", DONE], "b": ["lost"] * LOSSES})
    board.clear()
    assert board.samples == 4
    assert board.run.missing == [
        "1 of 2 shards of score failed, the first: shard b: 3 workers were lost with it (the actor died)"
    ]
    assert [each.endswith("given up") for each in board.warned].count(True) == 1
