"""The train stage on a real lake with the bundled model: evidence, a stop, going on, what it was worth."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import SelectConfig, parse_config
from assay.core.errors import ConfigError, Stopped
from assay.engines.server.app import ModelServer
from assay.engines.transformers import Transformers
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.demonstrations import Demonstrations
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.loop.evaluate import compare_counts, compute_points, evaluate, last_counts
from assay.pipelines.runner.stages import preflight, run_stages, run_training
from assay.pipelines.stages.order import stored_curriculum
from assay.stores.lake import Lake

Made = Callable[..., RunContext]


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 16 sums of one digit, and lakes by the policy that has walked through them: to copy, not to write."""
    folder = tmp_path_factory.mktemp("walks")
    rows = [
        {"prompt": f"{a}+{b}=", "answer": str(a + b), "how": f"{a} and {b}"} for a in (2, 5, 7, 9) for b in (3, 4, 6, 8)
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def walk(folder: Path, lake: Path, policy: dict[str, Any], train: dict[str, Any]) -> RunContext:
    tree = {
        "lake": str(lake),
        "source": [
            {
                "type": "files",
                "paths": str(folder / "sums.jsonl"),
                "verifier": "numeric",
                "metadata_fields": ["how"],
            }
        ],
        "split": {"held_out": 4},
        "policy": {
            "truncated": "wrong",
            "model": "tiny-arithmetic",
            "engine": "transformers",
            "max_tokens": 4,
            **policy,
        },
        "score": {"n": 2},
        "embed": {"encoder": "tfidf", "clusters": 2},
        "select": {"selector": "uniform", "budget": 8},
        "train": {"steps": 4, "group_size": 4, "learning_rate": 1e-5, "save_every": 2, **train},
    }
    config = parse_config(tree)
    context = RunContext(config, Lake(config.lake), NullReporter())
    run_stages(context)
    return context


@pytest.fixture
def tiny(tmp_path: Path, walks: Path) -> Made:
    """A walked job over these sums, 4 held out; keyword arguments change `[train]`."""

    def make(*, policy: dict[str, Any] | None = None, **train: Any) -> RunContext:
        lake, policy = tmp_path / "lake", policy or {}
        if not lake.exists() and "urls" not in policy:
            done = walks / "-".join(map(str, ["lake", *policy.values()]))
            if not done.exists():
                walk(walks, done, policy, {}).lake.close()
            shutil.copytree(done, lake)
        return walk(walks, lake, policy, train)

    return make


def test_a_stopped_training_goes_on_and_its_worth_is_told(tiny: Made) -> None:
    context = tiny(eval_every=4, eval_samples=2, demonstrations=["gold"])
    with pytest.raises(ConfigError, match="nothing to resume"):
        run_training(context, resume=True)
    asked = iter([False, False, True])
    context.stop = lambda: next(asked, False)
    with pytest.raises(Stopped, match="after step 3 of 4"):
        run_training(context)
    outcome = run_training(context, resume=True)
    assert (outcome.detail["steps"], run_training(context).reused) == (4, True)
    met = context.lake.rows(
        'SELECT step, count(*) AS n, count(DISTINCT policy) AS policies FROM rollouts WHERE "group" IS NOT NULL GROUP BY step ORDER BY step'
    )
    assert met == [{"step": step, "n": 4, "policies": 1} for step in range(4)]
    told = evaluate(context)
    assert [point["policy"] for point in told["points"]] == ["step 0", "step 4"]
    assert told["points"][0]["problems"] == 4
    mean, low, high = told["points"][1]["difference"]
    assert low <= mean <= high
    fresh = context.lake.rows("SELECT sum(n) AS n, count(*) AS problems FROM recent_pass_rates")
    assert fresh == [{"n": 16, "problems": 4}]
    ends = context.lake.rows("SELECT DISTINCT value FROM train_metrics WHERE name = 'learning_rate_end'")
    assert ends == [{"value": 1.0}]


def test_the_average_is_attempted_beside_the_weights_as_they_were(tiny: Made) -> None:
    context = tiny(steps=2, save_every=1, ema_alpha=0.5, eval_every=2, eval_samples=1)
    run_training(context)
    told = evaluate(context, samples=1)["points"]
    assert [point["policy"] for point in told] == ["step 0", "step 2", "average"]
    (row,) = compute_points([("average", last_counts(context, 1))])
    assert row["pass_at_1"] == told[-1]["pass_at_1"]  # what is compared is the checkpoint that was left


def test_two_trainings_are_compared_by_the_pairs_of_their_held_out_problems(tiny: Made) -> None:
    jobs = {rate: tiny(steps=1, learning_rate=float(rate)) for rate in ("1e-6", "1e-2")}
    for context in jobs.values():
        run_training(context)
    first, second = compute_points([(name, last_counts(context, 2)) for name, context in jobs.items()])
    assert (first["policy"], second["policy"], first["difference"]) == ("1e-6", "1e-2", None)
    assert (first["problems"], second["problems"], second["k"]) == (4, 4, 2)
    assert second["difference"][0] == pytest.approx(second["pass_at_1"][0] - first["pass_at_1"][0])


def test_without_stored_attempts_base_and_checkpoint_are_attempted_once(tiny: Made) -> None:
    context = tiny(policy={"temperature": 3.0}, steps=1)  # some attempts fail
    with pytest.raises(ConfigError, match="needs a finished training"):
        evaluate(context, samples=2)
    run_training(context)
    assert [point["policy"] for point in evaluate(context, samples=2)["points"]] == ["before", "after"]
    spent = context.meter.tokens
    evaluate(context, samples=2)
    assert context.meter.tokens == spent


def test_demonstrations_are_stored_right_answers_and_then_the_gold_one(tiny: Made) -> None:
    context = tiny(gold_template="{how} make {answer}")
    problems, labels = read_cleaned_problems(context, run_stages(context, "clean"))
    id_ = next(id_ for id_, problem in problems.items() if problem.text == "2+3=")
    assert Demonstrations(context, problems, labels)(id_)[-1] == "2 and 3 make 5"


def test_a_teacher_is_named_in_the_plan_and_its_feedback_is_counted(tiny: Made) -> None:
    words = {"engine": "scripted", "fraction": 1.0, "schedule": "constant"}
    context = tiny(steps=1, objective="aas", teacher=words)
    run_training(context)
    (told,) = context.lake.rows("SELECT value FROM train_metrics WHERE name = 'teacher_malformed'")
    assert told["value"] > 0  # the script knows no form
    with pytest.raises(ConfigError, match=r"engine 'scripted' has no setting 'ruel'"):
        tiny(teacher={**words, "ruel": "x"})


def test_trainings_without_a_common_problem_cannot_be_paired() -> None:
    with pytest.raises(ConfigError, match="none by both"):
        compare_counts({"a": (1, 2)}, {"b": (1, 2)})
    (row,) = compute_points([("x", {"a": (1, 2), "b": (2, 2)})])
    assert (row["pass_at_1"][0], row["pass_at_k"][0], row["k"], row["difference"]) == (0.75, 1.0, 2, None)


def test_what_a_server_scored_is_trained_on_the_weights_that_the_config_names(tiny: Made) -> None:
    with closing(ModelServer(Transformers("tiny-arithmetic")).start()) as server:
        served = tiny(policy={"engine": "openai", "urls": [server.url]}, steps=1)
    preflight(served, "order")
    with pytest.raises(ConfigError, match=r"runs on a server; name its weights in train\.model"):
        run_training(served)
    weighed = tiny(policy={"engine": "openai", "urls": [server.url]}, steps=1, model="tiny-arithmetic")
    preflight(weighed, "train")
    outcome = run_training(weighed)
    assert outcome.detail["rollouts"] == 4
    assert (Path(outcome.detail["checkpoint"]) / "config.json").is_file()
    gone = tiny(policy={"engine": "openai", "urls": [server.url]}, steps=1, model="./no such folder")
    with pytest.raises(ConfigError, match="no such folder"):
        preflight(gone, "train")


def test_a_finished_training_goes_on_to_more_steps_from_the_state_that_it_kept(tiny: Made) -> None:
    first = tiny(steps=2, keep_state=True)
    short = run_training(first)
    longer = tiny(steps=3, keep_state=True)
    outcome = run_training(longer, resume=True)
    steps = longer.lake.rows("SELECT DISTINCT step FROM train_metrics WHERE training = ?", [outcome.key.rows])
    assert [row["step"] for row in steps] == [2], "the first two steps are not done again"
    assert outcome.detail["rollouts"] == 4
    assert outcome.detail["checkpoint"] != short.detail["checkpoint"]
    kept = Path(outcome.detail["checkpoint"]).parent.glob(".run-*/checkpoint-*")
    assert [path.name for path in kept] == ["checkpoint-3"], "and the last state is kept again"
    with pytest.raises(ConfigError, match=r"train\.keep_state = true kept its last state"):
        run_training(tiny(steps=5, learning_rate=2e-5), resume=True)
    with pytest.raises(ConfigError, match="nothing to resume"):
        run_training(tiny(steps=6, final_lr_fraction=0.5), resume=True)


def test_reward_terms_of_training_are_stored_per_rollout_and_logged(tiny: Made) -> None:
    context = tiny(steps=2, reward={"length": 0.5, "format": 0.1, "format_pattern": "^1"})
    run_training(context)
    rows = context.lake.rows(
        "SELECT r.step IS NOT NULL AS trained, e.term, count(*) AS n FROM reward_terms e JOIN rollouts r "
        "ON r.id = e.rollout_id GROUP BY ALL ORDER BY ALL"
    )
    counts = {(row["trained"], row["term"]): row["n"] for row in rows}
    assert counts == {(False, "format"): 24, (False, "length"): 24, (True, "format"): 8, (True, "length"): 8}
    names = {row["name"] for row in context.lake.rows("SELECT DISTINCT name FROM train_metrics")}
    assert {"reward", "correct", "reward_length", "reward_format"} <= names


def test_the_weights_of_a_selection_reach_training_or_are_warned_of(tiny: Made) -> None:
    context = tiny(policy={"temperature": 3.0}, steps=1)  # some attempts fail
    query = "SELECT selection_id, min(weight) AS weight FROM selections WHERE kept GROUP BY 1"
    ((selection, weight),) = [tuple(row.values()) for row in context.lake.rows(query)]
    assert weight == 1
    key = run_stages(context, only=True).rows_of("order")
    assert stored_curriculum(context, key, selection).weights == {}
    context.config = context.config.model_copy(
        update={"select": SelectConfig(selector="dart", budget=12)}  # weighs hard problems more
    )
    results = run_stages(context)
    curriculum = stored_curriculum(context, results.rows_of("order"), results.rows_of("select"))
    kept = context.lake.rows(
        "SELECT problem_id, weight FROM selections WHERE selection_id = ? AND kept", [results.rows_of("select")]
    )
    assert curriculum.weights == {row["problem_id"]: row["weight"] for row in kept if row["weight"] != 1}
    assert len(curriculum.weights) > 1
    warnings: list[str] = []
    context.reporter.warn = warnings.append  # type: ignore[method-assign]
    run_training(context)
    assert any("train.weights" in text for text in warnings)
