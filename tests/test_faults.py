"""Faults that were found once, row by row: the table of docs/faults.md names a test for each, and those that belong to no one file stand here."""

# ruff: noqa: E501  # pairs of one row

import ast
import http.client
import http.server
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.stores.lake import Lake
from assay.stores.maintenance.fsck import fsck
from assay.verifiers.code.verifier import Code
from assay.verifiers.pool.grader import Grader

ROOT = Path(__file__).parents[1]
ROWS = {f"{part}{number}" for part, count in (("A", 4), ("B", 7), ("C", 11)) for number in range(1, count + 1)}


def table() -> list[list[str]]:
    lines = (ROOT / "docs/faults.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if re.match(r"\| [A-D]\d", line)]


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_fault_names_tests_that_exist() -> None:
    rows = table()
    assert {row[0].split()[0] for row in rows} == ROWS
    sections = re.findall(r"^## (.+)$", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.MULTILINE)
    for row, _, answer in rows:
        named = re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", answer)
        assert named, row
        assert all(section in sections for section in re.findall(r'SECURITY.md, "([^"]+)"', answer)), row
        for path, name in named:
            assert name in names_in(path), f"{row}: {path} has no {name}"


def case(gold: str, text: str, verifier: str) -> GradingCase:
    problem = Problem.of("How many?")
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(request, 0, policy=Policy("fake", "r0"), engine="scripted", text=text, tokens=1, finish="stop")
    return GradingCase(problem, Label.of(problem.id, gold, verifier=verifier), rollout)


PAIRS = [  # of row B6: a gold answer, and a text that was correct beside it
    ("37", "\\boxed{12 25}"), ("45", "\\boxed{1 2 3 4 5 6 7 8 9}"), ("37", "12 + 25"), ("37", "$12+25$"), ("5050", "$\\sum_{i=1}^{100} i$"),
    ("120", "\\boxed{\\binom{10}{3}}"), ("1/3", "$\\int_0^1 x^2 dx$"), ("1.6 \\times 10^{-19}", "\\boxed{x-x}"), ("6.626 \\times 10^{-34}", "\\boxed{0x}"),
    ("2^{-60}", "\\boxed{x-x}"), ("2", "\\boxed{1=2}"), ("0", "\\boxed{f(x)=0}"), ("listen", "\\boxed{silent}"), ("ABC", "\\boxed{BCA}"),
    ("NaCl", "\\boxed{ClNa}"), ("no", "\\boxed{on}"), ("4:30 p.m.", "\\boxed{4:30 a.m.}"), ("4:30", "\\boxed{2:15}"), ("10:30", "\\boxed{5:15}"),
    ("25_7", "\\boxed{25_9}"), ("12 hours", "\\boxed{12 days}"), ("5 cm", "\\boxed{5 m}"), ("1<x<2", "\\boxed{\\{1,2\\}}"),
    ("x \\in (1,2)", "\\boxed{\\{1,2\\}}"), ("7", "The answer is not 7."), ("7", "The answer is $8$, not $7$"), ("7", "7 or 8"), ("7", "\\boxed{7\\%}"),
    ("0.07", "\\boxed{7\\%}"),
]  # fmt: skip
EVASIONS = ["\\boxed{9^{9^{9^9}}}", "\\boxed{" + "x+" * 1001 + "1}", "\\boxed{" + "(" * 21 + "1" + ")" * 21 + "}"]


@pytest.mark.service
def test_math_holds_no_copied_question_and_no_unequal_value_for_right() -> None:
    pairs = PAIRS + [("x+2", text) for text in EVASIONS]
    with Grader(workers=1) as grader:
        verdicts = grader.judge([case(gold, text, "math") for gold, text in pairs])
        (honest,) = grader.judge([case("37", "\\boxed{37}", "math")])
    right = [
        pair for pair, verdict in zip(pairs, verdicts, strict=True) if (verdict.outcome, verdict.reward) != ("wrong", 0)
    ]
    assert right == []
    assert honest.outcome == "correct"


@pytest.mark.service
def test_a_run_over_a_generator_runs_no_answer(tmp_path: Path, assay: Callable[..., Any]) -> None:
    gym = pytest.importorskip("reasoning_gym")
    question = gym.create_dataset("countdown", size=8, seed=7)[0]["question"]
    answer = f"<answer>__import__('os').system('id > {tmp_path}/PWNED')</answer>"
    (tmp_path / "plan.toml").write_text(
        f'lake = "{tmp_path}/lake"\n[[source]]\ntype = "reasoning_gym"\ngenerator = "countdown"\nsize = 8\nseed = 7\n'
        f'[policy]\nmodel = "scripted"\nengine = "scripted"\nanswers = {{{json.dumps(question)} = [{json.dumps(answer)}]}}\n'
        '[score]\nn = 2\n[embed]\nencoder = "tfidf"\nclusters = 1\n[select]\nbudget = 1\n'
    )
    ran = assay("curate", "run", tmp_path / "plan.toml")
    assert not (tmp_path / "PWNED").exists()
    with Lake(tmp_path / "lake", create=False) as lake:
        stored = lake.rows(
            "SELECT text, outcome FROM completions JOIN verdicts ON verdicts.rollout_id = completions.id"
        )
    assert [row["outcome"] for row in stored if row["text"] == answer] == ["wrong"] * 2, ran.stderr


SPY = """
import os, re
def look(path):
    try: text = open(path, "rb").read(1 << 16).decode("utf-8", "replace")
    except OSError: return
    for found in re.findall(r"output\\W+(seventy-[a-z]+)", text): print(found)
for pid in filter(str.isdecimal, os.listdir("/proc") if os.path.isdir("/proc") else []):
    for name in ("cmdline", "environ", "cwd"): look(f"/proc/{pid}/{name}")
for top in ({folder!r}, "/tmp", "/program", os.getcwd()):
    for folder, _, names in os.walk(top):
        for name in names: look(os.path.join(folder, name))
"""


def test_no_program_finds_the_tests_of_its_label(tmp_path: Path) -> None:
    text = json.dumps([{"input": "", "output": "seventy-seven"}])
    (tmp_path / "tests.json").write_text(text)
    verifier = Code(tests=str(tmp_path), cpu_s=2)
    if refusal := verifier.refusal():
        pytest.skip(refusal)
    gold = f"tests.json@sha256:{sha256(text.encode()).hexdigest()}"
    program = SPY.replace("{folder!r}", repr(str(tmp_path)))
    verdict = verifier.judge(case(gold, f"```python\n{program}\n```", "code"))
    assert (verdict.outcome, verdict.reason) == ("wrong", "test 1 of 1: another output")
    honest = verifier.judge(case(gold, "```python\nprint('seventy-seven')\n```", "code"))
    assert honest.outcome == "correct"


class Unsteady(http.server.BaseHTTPRequestHandler):
    """Hands requests on to another service; of every ten answers one is a 503 and one breaks off in the middle."""

    behind, count, faults = "", 0, 0

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Unsteady.count += 1
        turn = Unsteady.count % 10
        if turn == 3:
            Unsteady.faults += 1
            self._answer(503, [], b"<Error><Code>ServiceUnavailable</Code></Error>")
            return
        place = urllib.parse.urlsplit(self.behind)
        line = http.client.HTTPConnection(place.hostname or "", place.port)
        line.request(self.command, self.path, body, dict(self.headers))
        answer = line.getresponse()
        data = answer.read()
        line.close()
        cut = turn == 7 and self.command == "GET" and len(data) > 1
        Unsteady.faults += cut
        self._answer(answer.status, answer.getheaders(), data, cut=cut)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _hand_on  # noqa: N815  # http.server calls them so

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                self.send_header(name, value)
        length = dict(headers).get("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def unsteady(bucket: str) -> Iterator[str]:
    """The address of a service that fails now and then, before the one that holds the bucket."""
    Unsteady.behind, Unsteady.count, Unsteady.faults = os.environ["AWS_ENDPOINT_URL"], 0, 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unsteady) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.service
def test_a_service_that_fails_now_and_then_loses_and_doubles_nothing(
    bucket: str, unsteady: str, tmp_path: Path, scripted: Callable[..., Path], assay: Callable[..., Any]
) -> None:
    plan = scripted(tmp_path, problems=6)
    plan.write_text(plan.read_text().replace(f'lake = "{tmp_path}/lake"', f'lake = "{bucket}"'))
    for _ in range(6):
        ran = assay("curate", "run", plan, timeout=600, AWS_ENDPOINT_URL=unsteady)  # 15 s alone
        assert "Traceback" not in ran.stderr + ran.stdout
        assert ran.returncode in (0, 1), ran.stderr
        if ran.returncode == 0:
            break
    assert ran.returncode == 0, ran.stderr
    assert Unsteady.faults > 5
    with Lake(bucket, create=False) as lake:
        counts = lake.rows("SELECT count(*) AS n, count(DISTINCT (problem_id, sample)) AS keys FROM rollouts")
        assert counts == [{"n": 24, "keys": 24}]
        assert lake.rows("SELECT count(*) AS n FROM verdicts") == [{"n": 24}]
    assert [finding for finding in fsck(bucket) if finding.harm] == []
