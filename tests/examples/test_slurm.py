"""The Slurm scripts as plain processes: what they hand on, when they go back into the queue, and servers that a client finds by their files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.stores.lake import Lake

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "slurm"
Started = subprocess.Popen[str]
PLAN = """
name = "sums"
[[source]]
type = "files"
paths = "{folder}/sums.jsonl"
[policy]
model = "scripted"
max_tokens = 16
[score]
n = 2
[embed]
encoder = "tfidf"
clusters = 2
[select]
budget = 4
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts a script with stand-ins for `scontrol`, `curate` and `vllm` before everything on its path; all are ended at the end."""
    stands = tmp_path / "bin"
    stands.mkdir()
    serve = f'exec {sys.executable} -m assay curate serve-model --engine scripted --set "rule=\'sum\'" --host 127.0.0.1 --port "$6"'
    for name, body in {
        "scontrol": f'echo "$@" >>{tmp_path}/requeued',
        "curate": f'exec {sys.executable} -m assay curate "$@"',
        "vllm": f'[ "$1 $2 $3 $5" = "serve M --host --port" ] || exit 9\n{serve}',
    }.items():
        (stands / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (stands / name).chmod(0o755)
    started: list[Started] = []

    def run(*command: object, **environment: str) -> Started:
        known = {
            **os.environ,
            "PATH": f"{stands}:{os.environ['PATH']}",
            "SLURM_SUBMIT_DIR": str(SCRIPTS),
            **environment,
        }
        started.append(
            subprocess.Popen(["bash", *map(str, command)], env=known, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield run
    for each in started:
        if each.poll() is None:
            each.terminate()
        each.communicate(timeout=30)


@pytest.mark.parametrize("script", sorted(each.name for each in SCRIPTS.iterdir() if each.suffix != ".md"))
def test_a_script_is_bash(script: str) -> None:
    checked = subprocess.run(["bash", "-n", str(SCRIPTS / script)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("number", "code", "requeued"),
    [(signal.SIGUSR1, 3, "requeue 7_5\n"), (signal.SIGTERM, 3, ""), (signal.SIGUSR1, 0, ""), (None, 3, "")],
    ids=["warned", "preempted", "done_meanwhile", "partly_by_itself"],
)
def test_a_job_goes_back_into_the_queue_only_where_it_was_asked_to_stop(
    start: Callable[..., Started], tmp_path: Path, number: int | None, code: int, requeued: str
) -> None:
    waits = f"trap 'exit {code}' USR1 TERM; touch {tmp_path}/ready; for _ in {{1..300}}; do sleep .1; done"
    command = ("bash", "-c", waits if number else f"touch {tmp_path}/ready; exit {code}")
    context = start(
        SCRIPTS / "resumable.sh", *command, SLURM_JOB_ID="12", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="5"
    )
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    if number:
        context.send_signal(number)
    assert context.wait(timeout=30) == code
    assert ((tmp_path / "requeued").read_text() if (tmp_path / "requeued").exists() else "") == requeued


@pytest.mark.service
@pytest.mark.skipif(shutil.which("curl") is None, reason="servers.sbatch asks its server by curl")
def test_a_client_scores_with_the_servers_that_have_written_their_urls(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    (tmp_path / "sums.jsonl").write_text(
        "".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(12))
    )
    (tmp_path / "plan.toml").write_text(PLAN.format(folder=tmp_path))
    lake, shared = tmp_path / "lake", {"URLS": str(tmp_path / "urls"), "ADVERTISE": "127.0.0.1", "BIND": "127.0.0.1"}
    servers = [
        start(SCRIPTS / "servers.sbatch", MODEL="M", SLURM_JOB_ID="1", SLURM_ARRAY_TASK_ID=str(task), **shared)
        for task in range(2)
    ]
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "urls").glob("*.url"))) < 2 and time.monotonic() < deadline:
        assert [each.poll() for each in servers] == [None, None]
        time.sleep(0.2)
    client = start(SCRIPTS / "client.sbatch", "--lake", lake, CONFIG=str(tmp_path / "plan.toml"), **shared)
    _, told = client.communicate(timeout=120)
    assert client.returncode == 0, told
    worker = start(
        SCRIPTS / "workers.sbatch",
        "--lake",
        lake,
        "--set",
        "policy.engine=openai",
        "--set",
        _urls(tmp_path),
        CONFIG=str(tmp_path / "plan.toml"),
    )
    _, told = worker.communicate(timeout=120)
    assert worker.returncode == 0, told
    assert "nothing to do" in told
    with Lake(lake) as opened:
        assert opened.rows("SELECT engine, count(*) AS n FROM rollouts GROUP BY ALL") == [{"engine": "openai", "n": 24}]
    for each in servers:
        each.terminate()
    assert [each.wait(timeout=30) for each in servers] == [143, 143]
    assert list((tmp_path / "urls").iterdir()) == []


def _urls(folder: Path) -> str:
    return f"policy.urls={[path.read_text().strip() for path in sorted((folder / 'urls').glob('*.url'))]}"
