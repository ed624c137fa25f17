"""Sixteen writers, half of them killed, leave the keys that one undisturbed writer leaves; a killed pipeline is completed by the next."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact
from assay.stores.maintenance.fsck import fsck

CHUNKS, PER = 48, 4
WRITER = """
import sys, time
from assay.stores.lake import Lake
from assay.stores.commits.lease import lease
root, chunks, per, limit_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
lake = Lake(root)
print("ready", flush=True)
def ids(chunk): return [f"{chunk:03d}-{n}" for n in range(per)]
while left := [c for c in range(chunks) if len(lake.ids("rollouts", ids(c))) < per]:
    for chunk in left:
        with lease(lake.root, f"chunk-{chunk}", limit_s=limit_s) as mine:
            if mine and len(lake.ids("rollouts", ids(chunk))) < per:
                time.sleep(0.02)
                base = {"problem_id": str(chunk), "policy": "p", "sampler": "s", "tokens": 1, "guided": False}
                rows = [{"id": id_, "sample": n, **base} for n, id_ in enumerate(ids(chunk))]
                verdict = {"verifier": "math", "version": "1", "label_id": "l", "outcome": "correct", "reward": 1.0}
                verdicts = [{"id": "v" + id_, "rollout_id": id_, **verdict} for id_ in ids(chunk)]
                lake.append({"rollouts": rows, "completions": [{"id": id_, "text": "t"} for id_ in ids(chunk)], "verdicts": verdicts})
    time.sleep(0.05)
"""
MANY, COMMITS = 64, 2
FORKS = """
import os, sys
from assay.stores.lake import Lake
root, many, commits, notes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
children = []
for me in range(many):
    if (child := os.fork()) == 0:
        with Lake(root) as lake, open(f"{notes}/{me}", "w") as note:
            for n in range(commits):
                lake.append({"completions": [{"id": f"{me}-{n}", "text": "own"}, {"id": f"all-{n}", "text": "shared"}]})
                print(n, file=note, flush=True)
        os._exit(0)
    children.append(child)
print(*children, flush=True)
for child in children:
    os.waitpid(child, 0)
"""
WANTED = sorted(f"{chunk:03d}-{n}" for chunk in range(CHUNKS) for n in range(PER))


@pytest.mark.service
def test_sixteen_writers_of_which_eight_are_killed_leave_every_key_once(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    with Lake(root) as lake:
        lake.append({"sampling_configs": [{"id": "s", "settings": "{}"}]})
    call = [sys.executable, "-c", WRITER, str(root), str(CHUNKS), str(PER), "0.5"]
    writers = [
        subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        for _ in range(16)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    chance = random.Random(0)
    for writer in writers[::2]:
        time.sleep(chance.uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
    assert [writer.wait(timeout=120) for writer in writers[1::2]] == [0] * 8
    with Lake(root) as lake:
        for table, prefix in (("rollouts", ""), ("completions", ""), ("verdicts", "v")):
            found = [row["id"] for row in lake.rows(f"SELECT id FROM {table} ORDER BY id")]
            assert found == sorted(prefix + id_ for id_ in WANTED), table
        assert lake.rows("SELECT sum(n)::BIGINT AS n FROM pass_rates") == [{"n": CHUNKS * PER}]
        compact(lake, keep_s=0)
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": CHUNKS * PER}]
    assert [each for each in fsck(root) if each.harm] == []


@pytest.mark.service
def test_of_sixty_four_writers_half_are_killed_and_what_was_committed_is_there_once(tmp_path: Path) -> None:
    root, notes = tmp_path / "lake", tmp_path / "notes"
    notes.mkdir()
    Lake(root).close()
    call = [sys.executable, "-c", FORKS, str(root), str(MANY), str(COMMITS), str(notes)]
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as parent:
        assert parent.stdout is not None
        children, chance = [int(pid) for pid in parent.stdout.readline().split()], random.Random(0)
        assert len(children) == MANY
        for child in children[::2]:
            time.sleep(chance.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
        assert parent.wait(timeout=300) == 0
    told = {f"{note.name}-{n}" for note in notes.iterdir() for n in note.read_text().split()}
    survivors = {f"{me}-{n}" for me in range(1, MANY, 2) for n in range(COMMITS)}
    with Lake(root) as lake:
        found = [row["id"] for row in lake.rows("SELECT id FROM completions")]
    assert len(found) == len(set(found))
    assert survivors | told | {f"all-{n}" for n in range(COMMITS)} <= set(found)
    assert (
        len(set(found) - survivors - told - {f"all-{n}" for n in range(COMMITS)}) <= MANY // 2
    )  # committed, and killed before it was noted
    assert [each for each in fsck(root) if each.harm] == []
