"""What tests of several rooms need: a plan over a few sums, `python -m assay` in a process of its own, an S3-compatible service on loopback."""

import gc
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


TABLES: dict[str, dict[str, Any]] = {
    "policy": {"truncated": "wrong", "model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
    "score": {"n": 4},
    "embed": {"encoder": "tfidf", "clusters": 2},
    "select": {"budget": 6},
}


def pytest_collection() -> None:
    """Imports make no garbage that is worth a search of all that they have made."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, the tests of one file run in one process, one after another: they share models and servers."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(item.path)))


def pytest_collection_finish() -> None:
    """What was imported stays, so no later collection walks through it: with torch and transformers that takes .3 s each time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def scripted() -> Callable[..., Path]:
    """Writes sums that a scripted engine answers in no time, and a plan over them whose tables may be changed: `score={"wave": 1}`."""

    def written(
        folder: Path, *, problems: int = 20, name: str = "sums", lake: Path | None = None, **tables: dict[str, Any]
    ) -> Path:
        sums = [{"prompt": f"What is {n} + {n % 9}?", "answer": str(n + n % 9)} for n in range(problems)]
        (folder / "sums.jsonl").write_text("".join(json.dumps(each) + "\n" for each in sums))
        lines = [
            f'name = "{name}"',
            f'lake = "{lake or folder / "lake"}"',
            "[[source]]",
            'type = "files"',
            f'paths = "{folder}/sums.jsonl"',
        ]
        for table in TABLES | tables:
            settings = TABLES.get(table, {}) | tables.get(table, {})
            lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
        (folder / "plan.toml").write_text("\n".join(lines))
        return folder / "plan.toml"

    return written


@pytest.fixture
def assay(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command to its end; named arguments go into its environment."""

    def run(*arguments: object, timeout: int = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "assay", *map(str, arguments)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command in a process group of its own, of which nothing is left when the test ends; "" takes a variable out of its environment."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object, env: dict[str, str] | None = None, **pipes: Any) -> subprocess.Popen[str]:
        given = {name: value for name, value in (env or {**os.environ}).items() if value}
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        call = [sys.executable, "-m", "assay", *map(str, arguments)]
        running.append(subprocess.Popen(call, env=given, text=True, start_new_session=True, **{**silent, **pipes}))
        return running[-1]

    yield start
    for each in running:
        with suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)
        each.communicate(timeout=30)


@pytest.fixture(scope="session")
def s3_service() -> Iterator[str]:
    """The address of moto's server in a process of its own, which ends when its stdin does."""
    pytest.importorskip("moto")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.communicate(timeout=30)


@pytest.fixture
def bucket(s3_service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a lake to be in a new bucket; the mirror lies in tmp_path/cache."""
    import botocore.session

    name = f"lakes-{secrets.token_hex(4)}"
    for key, value in {
        "AWS_ENDPOINT_URL": s3_service,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "hush-hush",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "NO_PROXY": "127.0.0.1",
        "ASSAY_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(key, value)
    botocore.session.get_session().create_client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/lake"
