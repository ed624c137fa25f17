"""A stage that is one file and one line: it runs, is found again, and every command, report and clean-up knows it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import assay
from assay import api
from assay.cli.curate import report, run, status
from assay.cli.curate import stages as stage_commands
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.pipelines import stages
from assay.pipelines.analysis.empty_result import describe_shortfall
from assay.pipelines.analysis.report import collect_values
from assay.pipelines.analysis.summary import list_notes
from assay.pipelines.context.run import RunContext
from assay.pipelines.loop.rounds import curating_stages
from assay.pipelines.runner.score_workers import score_shards
from assay.pipelines.runner.stages import done_stages, run_stages, survey_stages
from assay.pipelines.sampling.shards import ShardConfig
from assay.pipelines.stages import StageEntry, load_stage, pool_stages, stage_entries, stage_names
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import forget

Made = Callable[..., RunContext]
FILE = '''
"""How long each question is, in characters: a column `size`, and a note on each of them."""

from assay.core.identity import content_id
from assay.core.notes import Note
from assay.pipelines.context.results import PoolColumns, Remaining, StageKey, StageResult
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.drops import note_row
from assay.pipelines.data.problems import read_side, side_ids


class Size(Stage):
    """Measure the questions of the train side."""

    name = "size"
    rows_query = "SELECT * FROM notes WHERE key = ? ORDER BY problem_id"
    columns = PoolColumns("notes WHERE key = ?", {"size": "detail::BIGINT"})

    def compute_key(self):
        return StageKey.of(content_id("size", str(self.inputs.of("split").key)))

    def remaining(self):
        count = len(side_ids(self.context, self.inputs, "train"))
        return Remaining(problems=count, rows_in=count)

    def run(self):
        problems, _ = read_side(self.context, self.inputs, "train")
        notes = [
            Note("size", "measured", problem.id, str(len(problem.text)), problem.source) for problem in problems.values()
        ]
        result = StageResult(self.name, self.key, len(problems), len(notes))
        return self.context.finish(result, {"notes": [note_row(note, self.key.rows) for note in notes]})
'''
LINE = StageEntry("size", "Measure how long each question is.", "our_size:Size")


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage `size` between `split` and `score`."""
    (tmp_path / "our_size.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    after = stage_names().index("split") + 1
    monkeypatch.setattr(stages, "STAGES", (*stages.STAGES[:after], LINE, *stages.STAGES[after:]))


@pytest.fixture
def plan(tables: dict[str, Any], tmp_path: Path) -> str:
    """The config as a file."""
    lines = [f"{name} = {json.dumps(tables[name])}" for name in ("name", "seed", "lake")]
    for name in ("split", "policy", "score", "embed", "select"):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in tables[name].items())]
    lines += ["[[source]]", *(f"{key} = {json.dumps(value)}" for key, value in tables["source"][0].items())]
    path = tmp_path / "plan.toml"
    path.write_text("\n".join(lines))
    return str(path)


def curate(*words: str) -> Any:
    """`curate` with the commands that the list gives it now; the parsed JSON where --json is among the words."""
    app = typer.Typer()
    for name, command in stage_commands.build_commands().items():
        app.command(name, help=command.__doc__)(command)
    for name, command in (("run", run.run), ("status", status.status), ("report", report.report)):
        app.command(name)(command)
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in words else done.stdout


@pytest.mark.usefixtures("listed")
def test_it_runs_in_its_place_and_is_found_again(context: Made) -> None:
    results = run_stages(context())
    assert [result.stage for result in results] == list(stage_names())
    place = stage_names().index("size")
    assert stage_names()[place - 1 : place + 2] == ("split", "size", "score")
    assert (results.of("size").rows_in, results.of("size").rows_out) == (32, 32)
    again = context()
    assert all(result.reused for result in run_stages(again))
    assert (again.meter.tokens, again.meter.samples) == (0, 0)
    other = {"split": {"held_out": 7}}
    run_stages(context(**other), "split")
    with pytest.raises(ConfigError, match="score needs size, which is not done"):
        run_stages(context(**other), "score", only=True)


@pytest.mark.usefixtures("listed")
def test_every_command_knows_it(plan: str) -> None:
    assert "Measure how long each question is." in curate("--help")
    (state,) = [row for row in curate("status", plan, "--json")["stages"] if row["stage"] == "size"]
    assert state == {"stage": "size", "state": "later", "left": {}}
    for stage in ("ingest", "clean", "split"):
        curate(stage, plan)
    dry = {row["stage"]: row for row in curate("run", plan, "--dry-run", "--json")["stages"]}
    assert dry["size"] == {"stage": "size", "state": "next", "left": {"problems": 32}}
    assert dry["score"]["state"] == "later"
    assert curate("size", plan, "--json") == {"stage": "size", "rows_in": 32, "rows_out": 32, "nothing_to_do": False}
    whole = curate("run", plan, "--json")
    assert list(whole["stages"]) == list(stage_names())
    assert {"stage": "size", "reason": "measured", "problems": 32, "example": "15"} in whole["noticed"]
    assert {row["state"] for row in curate("status", plan, "--json")["stages"]} == {"done"}


@pytest.mark.usefixtures("listed")
def test_reports_python_and_the_loop_follow_the_list(context: Made, tables: dict[str, Any]) -> None:
    made = context()
    results = run_stages(made)
    row = next(row for row in collect_values(made)["stages"] if row["stage"] == "size")
    assert (row["state"], row["in"], row["out"], row["key"]) == ("done", 32, 32, results.of("size").key.ledger)
    assert not describe_shortfall(made, results)
    assert "size" in [note["stage"] for note in list_notes(made, results)]
    assert done_stages(made, "size", "a test").of("size").reused
    assert api.__getattr__("size")(tables).num_rows == 32
    assert assay.size(tables)["reason"].to_pylist() == ["measured"] * 32
    assert "size" in dir(assay)
    assert pool_stages()[-1] == "size"
    assert not {"size", *pool_stages()} & {*curating_stages()}


@pytest.mark.usefixtures("listed")
def test_a_selector_may_need_its_column_and_chooses_anew_when_it_changes(context: Made) -> None:
    made = context(select={"selector": "stratified", "by": "size", "budget": 4})
    plain = run_stages(context(select={"selector": "stratified", "by": "source", "budget": 4}))
    results = run_stages(made)
    assert results.of("select").rows_out == 4
    rows = made.lake.rows(
        "SELECT detail::BIGINT AS size FROM selections s JOIN notes n USING (problem_id) WHERE selection_id = ? AND kept",
        [results.rows_of("select")],
    )
    assert {row["size"] for row in rows} <= {15}
    assert results.of("select").key != plain.of("select").key


@pytest.mark.usefixtures("listed")
def test_workers_score_behind_it(context: Made) -> None:
    run_stages(context(), "size")
    assert score_shards(context(), ShardConfig(chunk=8)).rows_out == 32


@pytest.mark.usefixtures("listed")
def test_what_is_forgotten_is_measured_again(context: Made, tables: dict[str, Any]) -> None:
    made = context()
    run_stages(made)
    (source,) = {row["source"] for row in made.lake.rows("SELECT source FROM problems")}
    removed = forget(made.lake, "source", source).removed
    assert removed["notes"] == 32
    again = context()
    run_stages(again, "split")
    assert survey_stages(again).following.name == "size"  # type: ignore[union-attr]
    assert run_stages(again).of("size").rows_out == 32


def test_a_config_written_without_it_keeps_its_keys(tables: dict[str, Any], context: Made, request: Any) -> None:
    before = {result.stage: result.key for result in run_stages(context())}
    request.getfixturevalue("listed")
    config = parse_config(tables)
    with Lake(config.lake) as lake, RunContext(config, lake, api.NullReporter()) as made:
        after = {result.stage: result.key for result in run_stages(made)}
    assert {name: after[name] for name in before} == before


def test_a_stage_that_calls_itself_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = StageEntry("sort", "Sort.", "assay.pipelines.stages.order:Order")
    with pytest.raises(ConfigError, match="'sort' calls itself 'order'"):
        entry.load()


def test_listed_stages_have_the_names_of_their_lines() -> None:
    assert [load_stage(name).name for name in (*stage_names(), "train")] == [*stage_names(), "train"]
    with pytest.raises(ConfigError, match="no stage is called 'sort'; known: ingest, clean"):
        stage_entries("sort")
