"""Single bits and cut files all over a small lake: what fsck leaves answers as it should or says what is gone, and nothing whole is set aside.

A sample of each runs here; ASSAY_SOAK=1 (`make soak`) runs a thousand flips and two hundred cuts.
"""

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact
from assay.stores.maintenance.fsck import fsck

Rows = Callable[..., dict[str, list[dict[str, Any]]]]
SOAK = os.environ.get("ASSAY_SOAK", "") == "1"
FLIPS, CUTS, PARTS = (1_000, 200, 10) if SOAK else (16, 6, 1)
TABLES = ("problems", "labels", "rollouts", "completions", "verdicts", "stages")
RATES = "SELECT problem_id, n_correct, n_wrong, low, high FROM pass_rates ORDER BY ALL"


def filled(root: Path, attempted: Rows, labels: Callable[..., dict[str, Any]]) -> Path:
    """Five commits, of which three are compacted; in the soak a catalogue too."""
    with Lake(root) as lake:
        lake.append(
            {
                "problems": [{"id": each, "source": "s"} for each in "abcd"],
                "labels": [labels(f"l-{each}", each) for each in "abcd"],
            }
        )
        lake.append(attempted("a", "cwt"), run="one")
        lake.append(attempted("b", "ccw"), run="two")
        compact(lake)
        lake.append(attempted("c", "w" * 4), run="three")
        lake._intervals()
        lake.append({**attempted("d", "cce"), "stages": [{"id": "k", "stage": "score", "key": "k"}]}, run="four")
        if SOAK:  # a quarter of the time
            lake.catalogue()
    return root


def answers(root: Path) -> dict[str, Any]:
    """Every row of every table by id, and the pass rates; a table that says that it cannot answer is "refused"."""
    told: dict[str, Any] = {}
    with Lake(root, create=False) as lake:
        for name in TABLES:
            try:
                told[name] = {row["id"]: repr(row) for row in lake.rows(f"SELECT * FROM {name}")}
            except LakeError:
                told[name] = "refused"
        try:
            told["rates"] = lake.rows(RATES)
        except LakeError:
            told["rates"] = "refused"
    return told


def read(root: Path) -> dict[str, Any] | str:
    try:
        return answers(root)
    except (LakeError, ConfigError) as error:
        return f"refused: {error}"


def wrong(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Tables with a row that is not one of those before."""
    return [
        name
        for name in TABLES
        if after[name] != "refused" and any(before[name].get(id_) != row for id_, row in after[name].items())
    ]


def lacking(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Tables that answer with fewer rows than before."""
    return [name for name in TABLES if after[name] != "refused" and len(after[name]) < len(before[name])]


def sums(root: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def judge(root: Path, damaged: Path, before: dict[str, Any], intact: dict[str, str]) -> None:
    """What an ordinary read and fsck make of one damaged file."""
    inside = str(damaged.relative_to(root))
    first = read(root)
    if isinstance(first, str):
        assert "\n" not in first
    else:
        assert not wrong(before, first), f"{inside}: an ordinary read answers wrong"
        assert not lacking(before, first), f"{inside}: an ordinary read lacks rows and does not say so"
        assert first["rates"] in ("refused", before["rates"]), f"{inside}: an ordinary read counts wrong"
    found = fsck(root)
    assert all("\n" not in finding.said for finding in found)
    after = answers(root)
    assert not wrong(before, after), f"{inside}: wrong after fsck"
    if gone := lacking(before, after):
        harmed = {finding.table for finding in found if finding.harm and finding.rows}
        assert set(gone) & harmed, f"{inside}: rows of {gone} are gone, and fsck says {found}"
    if not gone and "rates" in after and after["rates"] != "refused":
        assert after["rates"] == before["rates"], inside
    aside = {path.name: path for path in (root / "quarantine").rglob("*") if path.is_file()}
    innocent = [
        name
        for name, path in aside.items()
        if name != damaged.name and hashlib.sha256(path.read_bytes()).hexdigest() == intact.get(name)
    ]
    assert not innocent, f"{inside}: {innocent} are whole and set aside"
    again = fsck(root)
    assert not [finding for finding in again if finding.harm and finding.kind != "textless"], (
        f"{inside}: the second fsck still finds {again}"
    )


def damage_all(
    tmp_path: Path,
    attempted: Rows,
    labels: Callable[..., Any],
    count: int,
    seed: str,
    harm: Callable[[random.Random, bytes], bytes],
) -> int:
    """How many of `count` copies of a lake were changed, each of which is judged."""
    whole = filled(tmp_path / "whole", attempted, labels)
    before, intact, chance = answers(whole), sums(whole), random.Random(seed)
    files = sorted(
        path for path in whole.rglob("*") if path.is_file() and path.parent.name != "leases" and path.stat().st_size
    )
    changed = 0
    for _ in range(count):
        root = tmp_path / "lake"
        shutil.copytree(whole, root)
        victim = root / chance.choice(files).relative_to(whole)
        data = victim.read_bytes()
        bad = harm(chance, data)
        changed += bad != data
        victim.write_bytes(bad)
        judge(root, victim, before, intact)
        shutil.rmtree(root)
    return changed


def flipped(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(8 * len(data))
    return data[: place // 8] + bytes([data[place // 8] ^ 1 << place % 8]) + data[place // 8 + 1 :]


def cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_one_flipped_bit_anywhere_is_told_or_harmless(
    tmp_path: Path, attempted: Rows, labels: Callable[..., dict[str, Any]], part: int
) -> None:
    assert damage_all(tmp_path, attempted, labels, FLIPS // PARTS, f"flip-{part}", flipped) == FLIPS // PARTS


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_a_file_cut_anywhere_is_told_or_harmless(
    tmp_path: Path, attempted: Rows, labels: Callable[..., dict[str, Any]], part: int
) -> None:
    assert damage_all(tmp_path, attempted, labels, CUTS // PARTS, f"cut-{part}", cut) == CUTS // PARTS
