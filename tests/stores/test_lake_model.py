"""A lake under appends, kills at every step of a commit, reopenings, compactions and concurrent readers is a plain set of rows."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import fsck
from assay.stores.storage import local

STEPS = ("write_synced", "_sync_folder", "_create")  # what a commit asks of the disk, each of which may be its last
IDS = st.lists(st.integers(0, 30), min_size=1, max_size=5)
KILL = st.one_of(st.none(), st.integers(1, 9))


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, nothing is tidied up."""


@contextmanager
def killed_at(step: int | None) -> Iterator[None]:
    """The process ends before the step-th thing that it asks of the disk."""
    asked, real = 0, {name: getattr(local, name) for name in STEPS}

    def guarded(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == step:
                raise Killed
            return work(*arguments)

        return run

    for name, work in real.items():
        setattr(local, name, guarded(work))
    try:
        yield
    except Killed:
        pass
    finally:
        for name, work in real.items():
            setattr(local, name, work)


def rows(numbers: list[int]) -> dict[str, list[dict[str, Any]]]:
    """The same ids in two tables, which must come and go together."""
    return {
        "labels": [
            {"id": f"{n:02d}", "problem_id": "p", "answer": "4", "verifier": "math", "origin": "gold"} for n in numbers
        ],
        "splits": [
            {"id": f"{n:02d}", "split": "s", "problem_id": "p", "side": "train", "duplicates": "d"} for n in numbers
        ],
    }


class LakeIsASet(RuleBasedStateMachine):
    """Two writers and a reader share one folder; the model is the set of committed ids."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root, self.model = self.folder / "lake", set[str]()
        self.writers, self.reader = [Lake(self.root), Lake(self.root)], Lake(self.root)

    def teardown(self) -> None:
        found = [each for each in fsck(self.root) if each.harm] if (self.root / "lake.json").exists() else []
        shutil.rmtree(self.folder)
        assert found == []

    def stored(self, lake: Lake) -> set[str]:
        labels, splits = ([row["id"] for row in lake.rows(f"SELECT id FROM {name}")] for name in ("labels", "splits"))
        assert sorted(labels) == sorted(splits), "a commit was seen in part"
        assert len(labels) == len(set(labels)), "a row was seen twice"
        return set(labels)

    @rule(writer=st.integers(0, 1), numbers=IDS, kill=KILL)
    def append(self, writer: int, numbers: list[int], kill: int | None) -> None:
        wanted = {f"{n:02d}" for n in numbers}
        with killed_at(kill):
            self.writers[writer].append(rows(numbers))
            self.model |= wanted
            return
        self.writers[writer] = Lake(self.root)
        now = self.stored(self.writers[writer])
        assert now in (self.model, self.model | wanted), "neither before nor after"
        self.model = now

    @rule(numbers=IDS)
    def append_at_once(self, numbers: list[int]) -> None:
        """Both look, then both commit the same rows."""
        fresh = {
            name: self.writers[0]._typed(name, given, "r")
            for name, given in rows(sorted(set(numbers) - set(map(int, self.model)))).items()
        }
        if not fresh["labels"].num_rows:
            return
        for lake in self.writers:
            lake._refresh()
        for lake in self.writers:
            lake.commit(fresh, "r")
        self.model |= set(fresh["labels"]["id"].to_pylist())

    @rule(kill=KILL, sweep=st.booleans())
    def compaction(self, kill: int | None, sweep: bool) -> None:
        if not (self.root / "lake.json").exists():
            return
        with killed_at(kill):
            compact(self.writers[0], keep_s=0 if sweep else 86_400)
        shutil.rmtree(self.root / "leases", ignore_errors=True)  # a killed one's lease ends by time; here time is short
        self.writers[0] = Lake(self.root)

    @rule()
    def forgetting_nothing(self) -> None:
        if (self.root / "lake.json").exists():
            assert forget(self.writers[1], "policy", "nobody").removed == {}

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.writers[which].close()
        self.writers[which] = Lake(self.root)

    @invariant()
    def every_reader_sees_the_model(self) -> None:
        assert self.stored(self.reader) == self.model


def drive(examples: int, steps: int) -> None:
    relaxed = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(LakeIsASet, settings=relaxed)


def test_sixty_steps_differ_nowhere_from_the_model() -> None:
    drive(3, 20)


@pytest.mark.service
def test_a_thousand_steps_differ_nowhere_from_the_model() -> None:
    drive(20, 50)
