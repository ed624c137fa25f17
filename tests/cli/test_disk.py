"""A disk that is full or read-only, for real: a small file system of its own, in a mount namespace that ends with the
command.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.stores.lake import Lake

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def config(scripted: Callable[..., Path], tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return scripted(tmp_path, problems=60, lake=tmp_path / "disk" / "lake", score={"problems_per_commit": 5})


def mounted(config: Path, mount: str, *commands: str) -> Ran:
    """The shell's answer to the commands, in which `curate` is ours and $D is the disk, mounted as told."""
    disk = config.parent / "disk"
    script = (
        f'D="{disk}"; {mount}; curate() {{ "{sys.executable}" -m assay curate "$@"; echo "exit $?"; }}; '
        f"{'; '.join(commands)}"
    )
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-r", "-m", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no mount namespaces here")
    return subprocess.run(
        ["unshare", "-r", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )


def keys(lake: Path) -> dict[str, list[dict[str, object]]]:
    with Lake(lake) as opened:
        return {
            table: opened.rows(f'SELECT id FROM "{table}" ORDER BY id')
            for table in ("problems", "rollouts", "completions", "verdicts", "scores", "curriculum")
        }


@pytest.mark.service
def test_a_lake_on_a_read_only_disk_answers_and_refuses_to_grow_in_one_line(
    assay: Callable[..., Ran], config: Path
) -> None:
    assert assay("curate", "ingest", config, "--lake", config.parent / "elsewhere").returncode == 0
    lake = shutil.move(config.parent / "elsewhere", config.parent / "disk" / "lake")
    before = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    read_only = 'mount --bind "$D" "$D" && mount -o remount,ro,bind "$D" || exit 9'
    asked = 'curate sql "SELECT count(*) AS n FROM problems" --lake "$D/lake" --format csv'
    ran = mounted(
        config,
        read_only,
        asked,
        f'curate status "{config}" --json',
        'curate lake fsck --check --lake "$D/lake"',
        f'curate clean "{config}"',
    )
    assert ran.stdout.count("exit 0") == 3, ran.stdout + ran.stderr
    assert "60" in ran.stdout
    assert "could not be updated" in ran.stderr
    assert ran.stdout.rstrip().endswith("exit 1")
    assert "Read-only file system; what was committed before is safe" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()} == before


@pytest.mark.service
def test_a_run_on_a_full_disk_ends_in_one_line_and_goes_on_once_there_is_room(
    assay: Callable[..., Ran], config: Path, tmp_path: Path
) -> None:
    full = 'mount -t tmpfs -o size=120k none "$D" || exit 9'
    kept = f'cp -r "$D/lake" "{tmp_path}/after"; mount -o remount,size=8m "$D"'
    ran = mounted(
        config,
        full,
        f'curate run "{config}"',
        kept,
        f'curate run "{config}" --json',
        f'cp -r "$D/lake" "{tmp_path}/done"',
    )
    assert ran.stdout.startswith("exit 1"), ran.stdout + ran.stderr
    assert ran.stdout.rstrip().endswith("exit 0"), ran.stdout + ran.stderr
    assert "No space left on device; what was committed before is safe" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert assay("curate", "run", config, "--lake", tmp_path / "plain").returncode == 0
    left, done, plain = keys(tmp_path / "after"), keys(tmp_path / "done"), keys(tmp_path / "plain")
    assert left["problems"] == plain["problems"], "what was committed before is there"
    assert done == plain
