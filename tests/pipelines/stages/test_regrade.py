"""Stored rollouts judged anew: verdicts are added, none edited, nothing is generated."""

import json
from pathlib import Path

from assay.core.types import Rollout, Verdict
from assay.pipelines.analysis.summary import collect_summary
from assay.pipelines.runner.stages import run_regrade, run_stages
from assay.pipelines.sampling.attempts import commit, judged_before, stored_rollouts


def test_a_corrected_label_judges_every_stored_rollout_again_and_keeps_the_old_verdicts(context, tables):
    run_stages(context())
    path = tables["source"][0]["paths"]
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    rows[5]["answer"] = "99"
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = context()
    before = made.lake.rows("SELECT * FROM verdicts ORDER BY id")
    held = made.lake.rows(
        "SELECT count(*) AS n FROM rollouts r JOIN problems p ON p.id = r.problem_id WHERE p.messages[1].content = 'What is 15 + 1?'"
    )
    told = run_regrade(made)
    assert told["judged"] == held[0]["n"]
    assert made.meter.tokens == made.meter.samples == 0
    after = made.lake.rows("SELECT * FROM verdicts ORDER BY id")
    assert len(after) == len(before) + told["judged"]
    assert all(row in after for row in before)


def test_another_version_judges_all_and_a_second_time_nothing(context):
    run_stages(
        context(grade={"settings": {}}, source=[{**context().config.source[0].model_dump(), "verifier": "numeric"}])
    )
    source = [{**context().config.source[0].model_dump(), "verifier": "numeric"}]
    made = context(grade={"settings": {"numeric": {"tolerance": 0.5}}}, source=source)
    told = run_regrade(made)
    assert told["judged"] == 32 * 4
    assert sum(each["rollouts"] for each in told["changes"]) == 32 * 4
    assert {each["now"] for each in told["changes"]} >= {"correct"}
    assert run_regrade(made)["judged"] == 0
    versions = made.lake.rows("SELECT version, count(*) AS n FROM verdicts GROUP BY version")
    assert sorted(row["n"] for row in versions) == [128, 128]


def test_rollouts_of_training_are_judged_too(walked):
    made = walked()
    first = stored_rollouts(made, [made.lake.rows("SELECT min(id) AS id FROM rollouts")[0]["id"]])[0]
    trained = Rollout(
        **{name: getattr(first, name) for name in Rollout.__slots__}
        | {"id": "of-training", "policy": "step-1", "step": 1}
    )
    commit(made, [trained], [])
    told = run_regrade(made)
    assert (told["judged"], told["from_training"]) == (1, 1)


def risen_plan(context, tolerance):
    source = [{**context().config.source[0].model_dump(), "verifier": "numeric"}]
    return context(grade={"settings": {"numeric": {"tolerance": tolerance}}}, source=source)


def test_a_run_regrades_what_another_version_judged_and_says_what_moved(context):
    run_stages(risen_plan(context, 0.001))
    made = risen_plan(context, 0.99)
    first = stored_rollouts(
        made, [made.lake.rows("SELECT min(rollout_id) AS id FROM verdicts WHERE outcome = 'wrong'")[0]["id"]]
    )[0]
    label = made.lake.rows("SELECT label_id FROM verdicts WHERE rollout_id = ?", [first.id])[0]["label_id"]
    trained = Rollout(
        **{name: getattr(first, name) for name in Rollout.__slots__}
        | {"id": "of-training", "policy": "step-1", "step": 1}
    )
    version = made.judge.version("numeric")
    judged = Verdict("old", trained.id, label, "numeric", f"9{version}", "wrong", 0.0, lenient="correct")
    commit(made, [trained], [judged])
    results = run_stages(made)
    assert (made.meter.tokens, made.meter.samples) == (0, 0)
    assert made.lake.rows("SELECT count(*) AS n FROM verdicts WHERE version = ?", [version]) == [{"n": 32 * 4 + 1}]
    assert made.moved.strict.total() == made.moved.lenient.total() == 32 * 4 + 1
    pairs = "SELECT count(*) AS n FROM verdicts a JOIN verdicts b USING (rollout_id) WHERE a.version <> ? AND b.version = ? AND a.outcome = 'wrong' "
    moved = made.lake.rows(pairs + "AND b.outcome = 'correct'", [version, version])[0]["n"]
    assert made.moved.strict["wrong", "correct"] == moved > 1
    assert made.moved.lenient["wrong", "correct"] == moved - 1
    assert {"reading": "strict", "before": "wrong", "now": "correct", "rollouts": moved} in collect_summary(
        made, results
    )["regraded"]
    again = risen_plan(context, 0.99)
    assert all(outcome.reused for outcome in run_stages(again))
    assert not again.moved.changes


def test_version_10_is_later_than_version_9(context):
    made = context()
    run_stages(made, "score")
    rollout = made.lake.rows("SELECT min(rollout_id) AS id FROM verdicts")[0]["id"]
    other = [
        Verdict(f"v{version}", rollout, "l", "exact", version, outcome, 0.0)
        for version, outcome in (("9", "wrong"), ("10+abc", "unparsable"))
    ]
    commit(made, [], other)
    assert judged_before(made, [rollout])[rollout] == ("unparsable", "unparsable")
