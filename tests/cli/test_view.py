"""`curate view`: prints an address with a token, answers there, writes nothing into the lake, and ends when asked."""

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.service
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/#token=([\w-]+)")


def ask(address: str, token: str, name: str) -> Any:
    request = urllib.request.Request(f"{address}/api/{name}", headers={"X-Assay-Token": token})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def read_address(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if match := ADDRESS.search(told.replace("\n", "")):
            return match[1], match[2]
    raise AssertionError(told)


def test_a_config_is_shown_with_its_forecast_and_selectors(
    scripted: Callable[..., Path], assay: Any, started: Any, tmp_path: Path
) -> None:
    config = scripted(tmp_path)
    assert assay("curate", "run", config).returncode == 0
    before = sorted(path for path in (tmp_path / "lake").rglob("*") if path.is_file())
    process = started("curate", "view", config, stderr=subprocess.PIPE)
    address, token = read_address(process)
    while not (state := ask(address, token, "state"))["ready"]:
        pass
    assert (state["config"], state["problems"], state["fault"]) == ("sums", 20, "")
    assert ask(address, token, "overview")["counts"]["selected"] == 6
    assert ask(address, token, "forecast")["next"] == ""
    compared = ask(address, token, "compare?names=hardest")["selections"]
    assert [row["selection"] for row in compared] == ["plan", "hardest", "uniform", "informative"]
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b""
    assert token.encode() not in command, "others on the machine can read a process's arguments"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert sorted(path for path in (tmp_path / "lake").rglob("*") if path.is_file()) == before


def test_what_is_not_there_is_told_in_one_line(assay: Any, tmp_path: Path) -> None:
    done = assay("curate", "view", tmp_path / "nothing")
    assert done.returncode == 1
    assert "no lake at" in done.stderr
