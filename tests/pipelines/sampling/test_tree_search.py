"""Searches on a lake: all trees together, nothing paid twice, the same trees however the engine brings its answers."""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError, EngineError, Stopped
from assay.core.ports import StreamingEngine
from assay.core.tree_search import SearchConfig
from assay.core.types import Request, Rollout, SamplingConfig
from assay.engines.requests.order import take_ready
from assay.engines.scripted import Scripted
from assay.engines.server.app import ModelServer
from assay.maths.search.tree import Complete, Expand, SearchStep
from assay.pipelines.analysis.cost_estimate import BYTES_A_TOKEN, OVERHEAD, estimate_cost
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import plan_stage, run_stages
from assay.pipelines.sampling import tree_search
from assay.pipelines.sampling.tree_search import search_samplers, step_of
from assay.stores.lake import Lake

QUESTION = "What is {n} + 1?"
ANSWERS = {
    # 5: right at once. 6: every first answer is wrong; the third root child's second step is right. 7: never.
    "What is 5 + 1?": ("5 and 1;", "one more;", "next;"),
    **{f"What is 5 + 1?{begun}": ("The answer is 6",) for begun in ("5 and 1;", "one more;", "next;")},
    "What is 6 + 1?": ("a;", "b;", "c;"),
    **{f"What is 6 + 1?{begun}": ("The answer is 8",) for begun in ("a;", "b;")},
    "What is 6 + 1?c;": ("The answer is 9", "The answer is 7", "The answer is 9"),
    "What is 7 + 1?": ("a;", "b;", "c;"),
    **{f"What is 7 + 1?{begun}": ("The answer is 0", "The answer is 1") for begun in ("a;", "b;", "c;")},
}
SEARCH = {"scorer": "mcts", "delimiter": ";", "iterations": 12, "max_steps": 3, "baseline_attempts": 0}


def plan(folder: Path) -> dict[str, Any]:
    path = folder / "problems.jsonl"
    path.write_text(
        "".join(json.dumps({"prompt": QUESTION.format(n=n), "answer": str(n + 1)}) + "\n" for n in (5, 6, 7))
    )
    return {
        "seed": 3,
        "lake": str(folder / "lake"),
        "source": [{"type": "files", "paths": str(path), "verifier": "numeric"}],
        "policy": {"model": "scripted", "engine": "scripted", "max_tokens": 16, "answers": ANSWERS},
        "score": SEARCH,
        "embed": {"encoder": "tfidf", "clusters": 1},
        "select": {"selector": "mcts", "above": 1, "budget": 10},
    }


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Any]:
    return plan(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    """The finished run of the plan, without a stop: to read or copy, not to write."""
    config = parse_config(plan(tmp_path_factory.mktemp("whole")))
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as made:
        run_stages(made)
        yield made


@pytest.fixture
def resumed(whole: RunContext, tables: dict[str, Any], context: Any, tmp_path: Path) -> Any:
    """Opens runs like `context`'s on a copy of that run's lake."""
    shutil.copytree(whole.lake.root, tmp_path / "lake")
    tables["source"] = [source.model_dump() for source in whole.config.source]
    return context


def searched(context: Any) -> dict[str, tuple[int, int | None, bool]]:
    """Iterations, solved_at and censored by the question's first number."""
    rows = context.lake.rows(
        "SELECT p.messages[1].content AS q, s.* FROM searches s JOIN problems p ON p.id = s.problem_id ORDER BY q"
    )
    return {row["q"].split()[2]: (row["iterations"], row["solved_at"], row["censored"]) for row in rows}


def nodes(context: Any) -> list[dict[str, Any]]:
    return context.lake.rows("SELECT * EXCLUDE (run) FROM search_nodes ORDER BY id")


def test_scores_count_from_one_censored_ones_are_kept_and_the_selector_reads_them(whole):
    made = whole
    found = searched(made)
    assert found["5"] == (1, 1, False)
    assert found["7"] == (12, None, True)
    assert found["6"][1] == found["6"][0] > 2
    scores = made.lake.rows("SELECT value, censored, direction, n_correct, n_wrong FROM scores ORDER BY value")
    assert scores[0] == {"value": 1.0, "censored": False, "direction": "harder", "n_correct": 1, "n_wrong": 0}
    assert scores[-1] == {"value": 12.0, "censored": True, "direction": "harder", "n_correct": 0, "n_wrong": 12}
    chosen = made.lake.rows(
        "SELECT p.messages[1].content AS q, s.kept, s.reason FROM selections s JOIN problems p ON p.id = s.problem_id ORDER BY q"
    )
    assert [(row["q"][:9], row["kept"], row["reason"]) for row in chosen] == [
        ("What is 5", False, "too_easy"),
        ("What is 6", True, ""),
        ("What is 7", True, ""),
    ]


def test_nodes_hold_the_whole_tree(whole):
    made = whole
    for row in made.lake.rows("SELECT * FROM searches"):
        tree = made.lake.rows("SELECT * FROM search_nodes WHERE search = ? ORDER BY node", [row["id"]])
        assert [node["node"] for node in tree] == list(range(len(tree)))
        assert (tree[0]["parent"], tree[0]["visits"], tree[0]["text"]) == (None, row["iterations"], "")
        assert sum(node["tokens"] for node in tree) == row["tokens"]
        for node in tree[1:]:
            assert node["depth"] == tree[node["parent"]]["depth"] + 1
    spent = made.lake.rows("SELECT sum(tokens)::BIGINT AS n FROM searches")[0]["n"]
    assert spent == made.lake.rows("SELECT sum(tokens)::BIGINT AS n FROM continuations")[0]["n"] == made.meter.tokens
    assert made.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 0}]


def test_the_work_left_is_told_before_it_starts(context):
    made = context()
    stage, _ = plan_stage(made, "score", run_stages(made, "split"))
    assert stage.remaining().by_unit == {"problems": 3, "iterations at most": 36, "tokens at most": 36 * (3 * 16 + 16)}
    told = estimate_cost(made, 0)["disk"]
    assert told["bytes"] == 36 * 4 * OVERHEAD + 36 * (3 * 16 + 16) * BYTES_A_TOKEN, "three children and one end each"


def test_a_pilot_searches_some_and_pays_for_none_of_them_twice(context, whole):
    made = context()
    told = estimate_cost(made, 2)
    assert len(searched(made)) == 2
    assert told["tokens"][0] <= whole.meter.tokens - made.meter.tokens <= told["tokens"][1]
    again = context()
    run_stages(again, "score")
    assert made.meter.tokens + again.meter.tokens == whole.meter.tokens


def test_a_second_run_generates_nothing(resumed):
    again = resumed()
    assert all(outcome.reused for outcome in run_stages(again))
    assert again.meter.samples == 0


def test_finished_searches_serve_another_selection_rule_of_the_pipeline_for_nothing(resumed):
    again = resumed(select={"above": 0})
    run_stages(again)
    assert again.meter.samples == 0


def test_a_limit_stops_the_searches_and_the_next_run_ends_as_an_uninterrupted_one(context, whole):
    spent, runs = 0, 0
    while True:
        part = context(limit={"tokens": 20})
        result = run_stages(part, "score")[-1]
        spent, runs = spent + part.meter.tokens, runs + 1
        if part.finished("score", result.key):
            break
    assert runs > 2
    assert spent == whole.meter.tokens
    assert nodes(part) == nodes(whole)
    assert searched(part) == searched(whole)


def test_an_engine_that_dies_loses_at_most_its_last_batch(context, whole):
    broken = context(policy={"fail_after": 5})
    with pytest.raises(EngineError, match="fails after 5 requests"):
        run_stages(broken, "score")
    assert broken.lake.rows("SELECT count(*) AS n FROM continuations")[0]["n"] > 0
    again = context()
    run_stages(again, "score")
    assert broken.meter.tokens + again.meter.tokens == whole.meter.tokens
    assert nodes(again) == nodes(whole)


def test_asked_to_stop_it_commits_and_says_so(context):
    made = context()
    asked = iter([False] * 8)
    made.stop = lambda: next(asked, True)
    with pytest.raises(Stopped):
        run_stages(made)
    again = context()
    run_stages(again, "score")
    assert made.meter.tokens > 0
    assert (
        made.lake.rows("SELECT sum(tokens)::BIGINT AS n FROM continuations")[0]["n"]
        == made.meter.tokens + again.meter.tokens
    )
    assert len(searched(again)) == 3


@dataclass(frozen=True)
class Flowing(Scripted):
    """The same script whose samples arrive one by one, in any order."""

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        rng, given, flying = np.random.default_rng(5), iter(requests), list[tuple[Request, int]]()
        while True:
            taken, ended = take_ready(given, 2)
            flying += [(request, sample) for request in taken for sample in request.samples]
            if ended and not flying:
                return
            request, sample = flying.pop(int(rng.integers(len(flying))))
            yield next(self.generate([replace(request, samples=(sample,))]))


def test_a_streaming_engine_grows_the_same_trees_as_lockstep(context, whole):
    streamed = context()
    streamed.__dict__["engine"] = Flowing(model="scripted", answers=ANSWERS)
    run_stages(streamed, "score")
    assert isinstance(streamed.engine, StreamingEngine)
    assert nodes(streamed) == nodes(whole)
    assert searched(streamed) == searched(whole)


@pytest.mark.parametrize("engine", [Scripted, Flowing])
def test_searches_one_after_the_other_grow_the_same_trees_as_all_at_once(context, whole, monkeypatch, engine):
    alone = context()
    monkeypatch.setattr(tree_search, "LIVE", 1)
    alone.__dict__["engine"] = engine(model="scripted", answers=ANSWERS)
    run_stages(alone, "score")
    assert nodes(alone) == nodes(whole)


@dataclass(frozen=True)
class Failing(Flowing):
    """One sample in four never comes."""

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        for number, found in enumerate(super().stream(requests)):
            yield (
                tuple(replace(rollout, text="", tokens=0, finish="error", fault="gone") for rollout in found)
                if number % 4 == 3
                else found
            )


def test_a_failed_answer_puts_its_search_off_to_the_next_run_and_is_not_stored(context, whole):
    made = context()
    made.__dict__["engine"] = Failing(model="scripted", answers=ANSWERS)
    result = run_stages(made, "score")[-1]
    assert len(searched(made)) < 3
    assert not made.finished("score", result.key)
    again = context()
    run_stages(again, "score")
    assert nodes(again) == nodes(whole)
    assert made.meter.tokens + again.meter.tokens == whole.meter.tokens


@pytest.mark.service
def test_searches_run_on_a_server(context, tables, tmp_path):
    service = ModelServer(Scripted(model="scripted", answers=ANSWERS)).start()
    tables["policy"] = {"model": "scripted", "engine": "openai", "max_tokens": 16, "urls": [service.url]}
    try:
        made = context()
        run_stages(made)
    finally:
        service.close()
    assert searched(made)["5"] == (1, 1, False)
    assert searched(made)["7"] == (12, None, True)


def test_the_baseline_is_drawn_under_the_same_prompt_and_temperature_and_told(context):
    made = context(score={"baseline_attempts": 2})
    detail = made.finished("score", run_stages(made).of("score").key).detail
    assert {name: detail[name] for name in ("hard_by_search", "hard_by_attempts", "hard_by_both")} == {
        "hard_by_search": 2,
        "hard_by_attempts": 3,
        "hard_by_both": 2,
    }
    assert detail["search_tokens"] + detail["attempt_tokens"] == made.meter.tokens
    assert made.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 6}]


def test_a_delimiter_among_the_plans_stop_strings_is_refused(context):
    with pytest.raises(ConfigError, match=r"policy\.stop holds ';'"):
        run_stages(context(policy={"stop": [";"]}))


def test_the_searchs_samplers_differ_from_the_plans_in_four_fields_only():
    base = SamplingConfig(temperature=1.0, max_tokens=100, stop=("Q:",), system="be brief", shots=(("a", "b"),))
    step, rest = search_samplers(base, SearchConfig(delimiter="\n", step_tokens=20, steps=4))
    assert step == replace(base, temperature=0.5, top_p=0.9, max_tokens=20, stop=("\n", "Q:"))
    assert rest == replace(base, temperature=0.5, top_p=0.9, max_tokens=60)
    assert search_samplers(base, SearchConfig(step_tokens=2048))[1].max_tokens == 100


@dataclass
class Ended:
    """How a backend may end a text."""

    finish: str = "stop"
    stopped: str | None = None
    text: str = "x"


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(stopped=";"), SearchStep("x;", 1, "open")),
        (Ended(stopped=""), SearchStep("x", 1, "closed")),
        (Ended(stopped="Q:"), SearchStep("x", 1, "closed")),
        (Ended(finish="length"), SearchStep("x", 1, "open")),
        (Ended(finish="error", text=""), SearchStep("", 1, "cut")),
        (Ended(), SearchStep("x;", 1, "open")),
        (Ended(text=""), SearchStep("", 1, "closed")),
        (Ended(stopped=";", text="so 4"), SearchStep("so 4;", 1, "closed")),
    ],
)
def test_a_step_is_open_where_a_delimiter_ended_it_and_closed_where_the_model_did(ended, expected):
    request = Request("p", (), SamplingConfig(), (0,), 0)
    rollout = Rollout(**{**_blank(request), "text": ended.text, "finish": ended.finish, "stopped": ended.stopped})
    assert step_of(rollout, Expand("", (0,)), SearchConfig(delimiter=";", mark="so ")) == expected


def test_the_rest_of_an_answer_is_cut_behind_its_last_allowed_step():
    request = Request("p", (), SamplingConfig(), (0,), 0)
    rollout = Rollout(**{**_blank(request), "text": "a;b;c", "stopped": ""})
    rules = SearchConfig(delimiter=";")
    assert step_of(rollout, Complete("", (0,), 2), rules) == SearchStep("a;b;", 1, "cut")
    assert step_of(rollout, Complete("", (0,), 3), rules) == SearchStep("a;b;c", 1, "closed")
    assert step_of(replace(rollout, finish="length"), Complete("", (0,), 3), rules) == SearchStep("a;b;c", 1, "cut")


def _blank(request: Request) -> dict[str, Any]:
    return {
        "id": "r",
        "problem_id": request.problem_id,
        "policy": "p",
        "policy_name": "p",
        "sampler": "s",
        "sample": 0,
        "seed": 0,
        "text": "",
        "tokens": 1,
        "finish": "stop",
    }
