"""`curate run` against every behaviour of `server_behaviours`: read right, asked again, or one sentence."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assay.cli.apps import curate_app
from assay.engines.openai import endpoints
from assay.stores.lake import Lake

_spec = importlib.util.spec_from_file_location("server_behaviours", Path(__file__).with_name("server_behaviours.py"))
assert _spec is not None
assert _spec.loader is not None
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)
pytestmark = pytest.mark.service  # each walks a plan
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a plan of some problems with some attempts each against a stub, one request at a time."""
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.001)
    monkeypatch.setenv("STUB_KEY", servers.KEY)
    stubs = []

    def started(answer: Callable[..., Any], *sets: str, problems: int, n: int, **more: Any) -> Result:
        stubs.append(servers.Stub(answer, **more))
        rows = [{"prompt": f"What is {number} + 40?", "answer": "42"} for number in range(problems)]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "plan.toml").write_text(
            f'name = "stub"\nlake = "{tmp_path}/lake"\n[[source]]\ntype = "files"\npaths = "rows.jsonl"\n'
            f'[policy]\nengine = "openai"\nmodel = "m"\nurls = ["{stubs[-1].url}"]\nrevision = "r"\nmax_tokens = 16\n'
            f'concurrency = 1\nretries = 2\nkey_env = "STUB_KEY"\n[score]\nn = {n}\nproblems_per_commit = 50\nstop_early_attempts = 1000\n'
            '[embed]\nencoder = "tfidf"\nclusters = 1\n[select]\nbudget = 2\n'
        )
        changes = [word for change in sets for word in ("--set", change)]
        return CliRunner().invoke(curate_app, ["run", str(tmp_path / "plan.toml"), *changes], catch_exceptions=False)

    yield started
    for stub in stubs:
        stub.close()


def stored(folder: Path) -> list[dict[str, Any]]:
    with Lake(folder / "lake") as lake:
        return lake.rows("SELECT r.*, t.text FROM rollouts r JOIN completions t USING (id) ORDER BY r.id")


def test_every_dialect_is_read_right(run: Run, tmp_path: Path) -> None:
    dialects = {**servers.DIALECTS, **servers.CUT}
    replies = [make(f"{name}: 42") for name, make in dialects.items()]
    ran = run(lambda n, *_: replies[n - 1], problems=len(replies), n=1)
    assert ran.exit_code == 0, ran.output
    attempts = {
        row["text"].rpartition("\n")[2].removeprefix("so ").partition(": 42")[0]: row for row in stored(tmp_path)
    }
    assert attempts.keys() == dialects.keys()
    assert {name for name, row in attempts.items() if row["finish"] == "length"} == servers.CUT.keys()
    assert all(row["tokens"] > 0 for row in attempts.values())
    assert {name for name, row in attempts.items() if row["text"].startswith("hm\n</think>")} == {
        name for name in dialects if "reasoning" in name or "thinking" in name
    } - {"an empty reasoning part"}


def test_every_fault_is_asked_for_again_and_nothing_is_lost(run: Run, tmp_path: Path) -> None:
    faults, seen = list(servers.FAULTS.items()), list[str]()

    def answer(n: int, _: Any, handler: Any) -> Any:
        if n % 2 == 0 or not faults:  # the second request of a sample
            return servers.GOOD
        name, reply = faults.pop(0)
        seen.append(name)
        return reply(handler) if callable(reply) else reply

    ran = run(answer, problems=len(faults), n=1)
    assert ran.exit_code == 0, ran.output
    assert seen == list(servers.FAULTS)
    attempts = stored(tmp_path)
    assert [row["text"] for row in attempts] == ["42"] * len(servers.FAULTS)
    assert {row["tokens"] for row in attempts} == {3}
    assert servers.KEY not in ran.output
    assert "Traceback" not in ran.output


def test_every_refusal_is_kept_in_its_words_and_counts_against_no_problem(run: Run, tmp_path: Path) -> None:
    refusals, words = [reply for reply, _ in servers.REFUSALS.values()], [text for _, text in servers.REFUSALS.values()]
    ran = run(lambda n, *_: refusals[n - 2] if 2 <= n < len(refusals) + 2 else servers.GOOD, problems=10, n=1)
    assert ran.exit_code == 0, ran.output
    assert len(stored(tmp_path)) == 10 - len(refusals)
    with Lake(tmp_path / "lake") as lake:
        drops = lake.rows("SELECT problem_id, detail FROM drops WHERE stage = 'score' AND reason = 'refused'")
        unscored = lake.rows("SELECT problem_id FROM selections WHERE reason = 'unscored'")
        assert not lake.rows("SELECT 1 FROM verdicts WHERE outcome = 'verifier_error'")
    assert all(sum(text in drop["detail"] for drop in drops) == 1 for text in words)
    assert {row["problem_id"] for row in unscored} == {drop["problem_id"] for drop in drops}


@pytest.mark.parametrize("ending", servers.ENDS.values(), ids=servers.ENDS)
def test_what_no_request_survives_ends_the_run_with_the_servers_words(run: Run, tmp_path: Path, ending: Any) -> None:
    ran = run(ending.answer, *ending.sets, problems=8, n=1, probe=ending.probe)
    assert ran.exit_code == ending.code, ran.output
    assert ending.message in " ".join(ran.output.split())
    assert "http://127.0.0.1" in ran.output
    assert "Traceback" not in ran.output
    assert (
        len(stored(tmp_path)) == ending.kept
        if ending.kept
        else not (tmp_path / "lake" / "tables" / "rollouts").exists()
    )


def test_a_server_that_wants_max_completion_tokens_is_found_out_once(run: Run, tmp_path: Path) -> None:
    refusal = (400, {}, b"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    asked = list[bool]()

    def answer(_: int, body: dict[str, Any], __: Any) -> Any:
        asked.append("max_tokens" in body)
        return refusal if asked[-1] else servers.GOOD

    assert run(answer, problems=4, n=1).exit_code == 0
    assert asked == [True, *[False] * 4]


def test_more_than_57_behaviours_are_tried() -> None:
    assert sum(map(len, (servers.DIALECTS, servers.CUT, servers.FAULTS, servers.REFUSALS, servers.ENDS))) > 57
