"""What a run does with a server that refuses, lies or is gone: nothing paid is lost, nothing that was never an attempt
is
stored.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app
from assay.engines.openai import endpoints
from assay.stores.lake import Lake

_spec = importlib.util.spec_from_file_location("stub_server", Path(__file__).parents[1] / "engines" / "stub_server.py")
assert _spec is not None
assert _spec.loader is not None
stub_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stub_server)
GOOD, event, frames, usage = stub_server.GOOD, stub_server.event, stub_server.frames, stub_server.usage
PROBLEMS, N = 6, 4
ATTEMPTS = PROBLEMS * N
pytestmark = pytest.mark.service  # each walks a plan
Run = Callable[..., tuple[Any, list[dict[str, Any]]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a plan of six problems with four attempts each against a stub; the result and the stored rollouts with their
    verdicts.
    """
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.001)
    rows = [{"prompt": f"What is {n} + 40?", "answer": str(n + 40)} for n in range(PROBLEMS)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stubs = []

    def started(
        answer: Callable[..., Any], *sets: str, flags: tuple[str, ...] = ()
    ) -> tuple[Any, list[dict[str, Any]]]:
        stubs.append(stub_server.Stub(answer))
        (tmp_path / "plan.toml").write_text(
            f'name = "stub"\nlake = "{tmp_path}/lake"\n[[source]]\ntype = "files"\npaths = "{tmp_path}/rows.jsonl"\n'
            f'[policy]\nengine = "openai"\nmodel = "m"\nurls = ["{stubs[-1].url}"]\nrevision = "r"\nmax_tokens = '
            f"16\nconcurrency = 2\nretries = 1\n"
            f'[score]\nn = {N}\nproblems_per_commit = 1\n[embed]\nencoder = "tfidf"\nclusters = 2\n[select]\nbudget = 4\n'
        )
        changes = [*flags, *(word for change in sets for word in ("--set", change))]
        ran = CliRunner().invoke(curate_app, ["run", str(tmp_path / "plan.toml"), *changes], catch_exceptions=False)
        with Lake(tmp_path / "lake") as lake:
            stored = lake.rows(
                "SELECT r.tokens, r.finish, v.outcome FROM rollouts r LEFT JOIN verdicts v ON v.rollout_id = r.id"
            )
        return ran, stored

    yield started
    for stub in stubs:
        stub.close()


REFUSAL = (400, {}, b'{"error": {"message": "maximum context length is 4096"}}')


def all_but_one(n: int, body: dict[str, Any], _: Any) -> Any:
    return REFUSAL if "1 + 40" in body["messages"][-1]["content"] else GOOD


@pytest.mark.parametrize(
    "sets",
    [(), ('score.allocation="two_stage"', "score.min_attempts=2", "score.max_attempts=4")],
    ids=["fixed", "two stages"],
)
def test_what_a_server_refuses_is_no_attempt_and_is_kept_in_its_words(
    run: Run, tmp_path: Path, sets: tuple[str, ...]
) -> None:
    ran, stored = run(all_but_one, *sets)
    assert ran.exit_code == 0, "the others' curriculum is there"
    assert "maximum context length is 4096" in ran.output
    assert "do not count as attempts" in ran.output
    assert not any(row["outcome"] == "verifier_error" for row in stored)
    with Lake(tmp_path / "lake") as lake:
        (drop,) = lake.rows("SELECT problem_id, reason, detail FROM drops WHERE stage = 'score'")
        assert "maximum context length" in drop["detail"]
        assert lake.rows("SELECT count(*) AS n FROM rollouts WHERE problem_id = ?", [drop["problem_id"]]) == [{"n": 0}]
        reasons = lake.rows("SELECT reason FROM selections WHERE problem_id = ?", [drop["problem_id"]])
        assert reasons == [{"reason": "unscored"}]
    before = len(stored)
    ran, stored = run(lambda *_: GOOD, *sets)
    assert (ran.exit_code, len(stored)) == (0, before), "it is not asked again"
    ran, stored = run(lambda *_: GOOD, *sets, flags=("--retry-refused",))
    assert ran.exit_code == 0
    assert len(stored) > before
    with Lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT count(DISTINCT problem_id) AS n FROM scores") == [{"n": PROBLEMS}]


def test_where_everything_is_refused_the_run_says_so_and_the_next_one_asks_again(run: Run) -> None:
    ran, stored = run(lambda *_: REFUSAL)
    assert (ran.exit_code, stored) == (1, [])
    assert f"all {ATTEMPTS} requests were refused and none was answered" in ran.output
    assert "maximum context length is 4096" in ran.output
    ran, stored = run(lambda *_: GOOD)
    assert (ran.exit_code, len(stored)) == (0, ATTEMPTS)


def test_a_user_who_goes_on_regardless_gets_an_empty_curriculum(run: Run) -> None:
    ran, stored = run(lambda *_: REFUSAL, "score.stop_early=false")
    assert (ran.exit_code, stored) == (4, [])
    assert "nothing to train on" in ran.output
    assert f"the requests of {PROBLEMS} problems were refused" in ran.output


def test_a_small_run_whose_answers_are_all_cut_ends_with_the_remedy(run: Run) -> None:
    cut = frames(event({"content": "so"}, "length"), usage())
    ran, stored = run(lambda *_: cut, "policy.truncated=ignore")
    assert (ran.exit_code, len(stored)) == (4, ATTEMPTS)
    assert f"of {ATTEMPTS} attempts {ATTEMPTS} were truncated at the cap" in ran.output
    assert "raise policy.max_tokens, which is too small" in ran.output


@pytest.mark.parametrize("status", [401, 402])
def test_credits_that_run_out_end_the_run_and_the_same_command_goes_on(run: Run, status: int) -> None:
    ran, stored = run(lambda n, *_: GOOD if n <= 10 else (status, {}, b"Insufficient credits"))
    assert ran.exit_code == 1
    assert "Insufficient credits" in ran.output
    assert 9 <= len(stored) <= 10
    ran, stored = run(lambda *_: GOOD)
    assert ran.exit_code == 0
    assert len(stored) == ATTEMPTS


@pytest.mark.parametrize("told", [-1_000_000, "NaN", 1e30, "many"])
def test_no_count_of_tokens_makes_the_limit_useless(run: Run, told: Any) -> None:
    bill = frames(
        event({"content": "42"}, "stop"), b'{"choices": [], "usage": {"completion_tokens": %s}}' % str(told).encode()
    )
    ran, stored = run(lambda n, *_: bill if n % 2 else GOOD, "limit.tokens=12")
    assert ran.exit_code == 3
    assert all(row["tokens"] == 3 for row in stored)
    assert len(stored) < ATTEMPTS


@pytest.mark.parametrize(
    "bad",
    [
        frames(event({"content": 5}, "stop")),
        frames({"choices": "abc"}),
        frames(event({"content": "4"}, {})),
        frames(b"[" * 99_999),
        (302, {}, b""),
    ],
    ids=["content 5", "choices abc", "finish {}", "deep", "redirect"],
)
def test_one_malformed_answer_loses_nothing_that_was_paid(run: Run, bad: Any) -> None:
    ran, stored = run(lambda n, *_: bad if n == 7 else GOOD)
    assert ran.exit_code == 0
    assert len(stored) == ATTEMPTS, "the sample was asked for again"


def test_a_server_that_is_gone_is_named_with_what_it_said_last(run: Run) -> None:
    ran, stored = run(lambda n, *_: GOOD if n <= 5 else (500, {}, b"out of memory"))
    assert ran.exit_code == 1
    assert "http://127.0.0.1" in ran.output
    assert "status 500: out of memory" in ran.output
    assert len(stored) == 5
