"""One program, one input: run here behind limits, or sent to a sandbox over HTTP."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.verifiers import _jail

START = "import importlib.util as u; s = u.spec_from_file_location('jail', {!r}); m = u.module_from_spec(s); s.loader.exec_module(m); m.main()"
QUEUE_S = 30.0  # that an HTTP sandbox may take longer than the program
SHOWN = 300  # characters of an error that are kept


class Limits(NamedTuple):
    """What one run may use."""

    cpu_s: float
    wall_s: float
    memory: int  # bytes of address space
    file: int  # bytes of any one file, standard output included
    processes: int
    packages: bool  # whether installed packages can be imported


class Ran(NamedTuple):
    """What one run did."""

    output: str
    why: str = ""  # "" = it ended by itself with exit code 0
    late: bool = False  # the wall limit, which load can bring about
    failed: bool = False  # the sandbox, not the program


def run(program: str, given: str, limits: Limits) -> Ran:
    """The program's output in a fresh folder and process; nothing that it started is left."""
    with tempfile.TemporaryDirectory(prefix="assay-code-") as folder, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as noise:
        Path(folder, "main.py").write_text(program, encoding="utf-8", errors="replace")
        with tempfile.TemporaryFile() as told:
            told.write(given.encode("utf-8", "replace"))
            told.seek(0)
            process = subprocess.Popen(
                _command(folder, limits),
                stdin=told,
                stdout=said,
                stderr=noise,
                start_new_session=True,
                env={"HOME": folder, "TMPDIR": folder, "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            )
        late = False
        try:
            process.wait(limits.wall_s)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        noise.seek(0)
        why = f"time limit {limits.wall_s:g} s" if late else _reason(process.returncode, noise.read(1 << 20))
        return Ran(said.read(limits.file).decode("utf-8", "replace"), why, late)


def _command(folder: str, limits: Limits) -> list[str]:
    told = {
        "folder": folder,
        "parent": os.getpid(),
        "cpu_s": max(1, math.ceil(limits.cpu_s)),
        "memory": limits.memory,
        "file": limits.file,
        "processes": limits.processes,
    }
    switches = ["-I", "-B"] if limits.packages else ["-I", "-B", "-S"]
    return [sys.executable, *switches, "-c", START.format(_jail.__file__), json.dumps(told)]


def _reason(code: int, noise: bytes) -> str:
    if code == 0:
        return ""
    if code in (_jail.CPU_OUT, -signal.SIGXCPU):
        return "CPU time is used up"
    if code == _jail.CROWD:
        return "too many processes"
    last = noise.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    return (last or f"exit code {code}")[:SHOWN]


def ask(url: str, program: str, given: str, limits: Limits) -> Ran:
    """The program's output from an HTTP sandbox that speaks SandboxFusion's `run_code` (the one that verl asks)."""
    body = {"code": program, "stdin": given, "language": "python", "run_timeout": limits.wall_s, "memory_limit_MB": limits.memory >> 20}
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=limits.wall_s + QUEUE_S) as answer:
            told: Any = json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        return Ran("", f"sandbox: {type(error).__name__}: {error}"[:SHOWN], failed=True)
    if not isinstance(told, Mapping) or not isinstance(told.get("run_result"), Mapping):
        return Ran("", f"sandbox: {json.dumps(told)[:SHOWN]}", failed=True)
    result = told["run_result"]
    if result.get("status") == "TimeLimitExceeded":
        return Ran(str(result.get("stdout") or ""), f"time limit {limits.wall_s:g} s", late=True)
    code = result.get("return_code")
    if not isinstance(code, int):  # it never ran, says SandboxFusion's status "Error"
        return Ran("", f"sandbox: {json.dumps(result)}"[:SHOWN], failed=True)
    why = "" if code == 0 else (str(result.get("stderr") or "").strip().rsplit("\n", 1)[-1] or f"exit code {code}")[:SHOWN]
    return Ran(str(result.get("stdout") or ""), why)
