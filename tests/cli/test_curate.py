"""What a user types and sees: exit codes, one-line errors, a report, and nothing written when the plan is wrong."""

import csv
import io
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from assay.cli import doctor
from assay.cli.apps import assay_app

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.service  # each test starts real processes


def test_run_reports_kept_dropped_curriculum_queries_and_places(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config)
    assert ran.returncode == 0, ran.stderr
    for piece in (
        "dropped, and why",
        "held_out",
        "curriculum",
        "two queries to try",
        "tables/",
        f"next: train run {config}",
    ):
        assert piece in ran.stdout, piece
    again = assay("curate", "run", config)
    assert "nothing to do" in again.stdout
    assert "spent now: 0 tokens" in again.stdout


def test_the_next_command_names_the_lake_and_settings_that_this_one_was_given(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config, "--lake", "other lake", "--set", "seed=3")
    assert f"next: train run {config} --lake 'other lake' --set seed=3\n" in ran.stdout


def test_a_run_that_keeps_nothing_says_so_in_the_place_of_the_next_command(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config, "--set", "split.held_out=20")
    assert ran.returncode == 4, ran.stderr
    assert "nothing to train on: split.held_out takes all 20 problems" in ran.stderr
    assert "the curriculum is empty, so there is nothing to train on" in ran.stdout
    assert "next: train run" not in ran.stdout
    assert "difficulty for" not in ran.stdout


def test_the_two_queries_that_a_run_suggests_count_this_run_and_no_other(assay: Run, config: Path) -> None:
    assert assay("curate", "run", config, "--set", "policy.temperature=0.5").returncode == 0
    ran = assay("curate", "run", config)
    queries = [line.split('"')[1] for line in ran.stdout.splitlines() if line.startswith("  curate sql")]
    answers = [assay("curate", "sql", query, "--lake", config.parent / "lake", "--format", "json") for query in queries]
    assert [answer.returncode for answer in answers] == [0, 0], [answer.stderr for answer in answers]
    sums, wrong = (json.loads(answer.stdout) for answer in answers)
    assert [row["problems"] for row in sums] == [16]
    assert isinstance(wrong, list)


def test_a_lake_in_a_folder_of_any_name_is_asked_as_the_run_suggests(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config, "--lake", "anna's lake")
    query = next(line for line in ran.stdout.splitlines() if line.startswith("  curate sql"))
    answer = assay(*shlex.split(query))
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""


def test_json_is_one_document_on_stdout(assay: Run, config: Path) -> None:
    told = json.loads(assay("curate", "run", config, "--json").stdout)
    assert told["nothing_to_do"] is False
    assert (told["stages"]["score"]["in"], told["stages"]["select"]["out"]) == (16, 6)
    assert told["spent"]["samples"] == 64
    assert len(told["curriculum"]) == 6


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--set", "select.selector=fronteir"], "unknown selector 'fronteir'; nearest: 'frontier'"),
        (["--set", "selct.budget=3"], "unknown table or key 'selct'; nearest: 'select'"),
        (["--set", "select.budget=many"], "select.budget: input should be a valid integer"),
        (
            ["--set", "policy.model=none", "--set", "policy.engine=llamacpp", "--set", "policy.rule=1"],
            "no setting 'rule'",
        ),
    ],
)
def test_a_wrong_plan_is_one_line_exit_2_and_nothing_written(
    assay: Run, config: Path, arguments: list[str], line: str
) -> None:
    ran = assay("curate", "run", config, *arguments)
    assert ran.returncode == 2
    assert line in ran.stderr
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert not (config.parent / "lake").exists()


def test_a_missing_plan_and_a_missing_data_file_are_named_with_their_neighbours(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config.parent / "plann.toml")
    assert (ran.returncode, "plann.toml" in ran.stderr) == (2, True)
    (config.parent / "sums.jsonl").rename(config.parent / "sums2.jsonl")
    ran = assay("curate", "run", config)
    assert ran.returncode == 2
    assert "sums.jsonl" in ran.stderr
    assert "sums2.jsonl" in ran.stderr
    assert not (config.parent / "lake").exists()


def test_check_runs_and_writes_nothing(assay: Run, config: Path) -> None:
    ran = assay("curate", "check", config)
    assert ran.returncode == 0
    assert ": valid" in ran.stderr
    assert not (config.parent / "lake").exists()


def test_a_dry_run_tells_the_work_and_does_none(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config, "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert "unknown" in ran.stdout
    assert not (config.parent / "lake").exists()
    assay("curate", "ingest", config), assay("curate", "clean", config), assay("curate", "split", config)
    told = json.loads(assay("curate", "run", config, "--dry-run", "--json").stdout)
    score = next(stage for stage in told["stages"] if stage["stage"] == "score")
    assert score["left"] == {"problems": 16, "samples": 64, "tokens at most": 64 * 16}
    assert told["tokens"] is None
    assert 0 < told["disk"]["bytes"] < told["disk"]["free"]


def test_a_pilot_gives_an_interval_that_holds_and_is_not_paid_for_again(assay: Run, config: Path) -> None:
    told = json.loads(assay("curate", "run", config, "--dry-run", "--pilot", 4, "--json").stdout)
    ran = json.loads(assay("curate", "run", config, "--json").stdout)
    low, high = told["tokens"]
    assert low <= ran["spent"]["tokens"] <= high
    assert ran["spent"]["samples"] == (16 - 4) * 4


def test_status_sums_what_one_policy_cost_under_all_samplers(assay: Run, config: Path) -> None:
    for budget, heat in ((6, 1.0), (6, 0.5), *((budget, 1.0) for budget in range(1, 11))):
        assert (
            assay(
                "curate", "run", config, "--set", f"select.budget={budget}", "--set", f"policy.temperature={heat}"
            ).returncode
            == 0
        )
    told = json.loads(assay("curate", "status", config, "--json").stdout)
    assert [(row["policy_name"], row["rollouts"]) for row in told["costs"]] == [("scripted", 128)]
    assert len(told["runs"]) == 12
    shown = assay("curate", "status", config).stdout
    assert "runs that ended (the last 10 of 12; --json has all)" in shown
    assert shown.count("curate run") == 10


def test_what_a_pilot_paid_for_is_a_run_of_the_lake(assay: Run, config: Path) -> None:
    assay("curate", "run", config, "--dry-run", "--pilot", 4)
    (ran,) = json.loads(assay("curate", "status", config, "--json").stdout)["runs"]
    assert (ran["command"], ran["outcome"], ran["samples"]) == ("curate run --dry-run", "done", 16)
    query = "SELECT DISTINCT command FROM lineage"
    told = assay("curate", "sql", query, "--lake", config.parent / "lake", "--format", "json")
    assert json.loads(told.stdout) == [{"command": "curate run --dry-run"}]


def test_a_pilot_without_a_dry_run_is_refused(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config, "--pilot", 4)
    assert (ran.returncode, "--pilot 4 needs --dry-run" in ran.stderr) == (2, True)
    assert not (config.parent / "lake").exists()


def test_status_says_what_is_done_what_is_left_and_what_it_cost(assay: Run, config: Path) -> None:
    for stage in ("ingest", "clean", "split"):
        assert assay("curate", stage, config).returncode == 0
    told = json.loads(assay("curate", "status", config, "--json").stdout)
    assert [stage["state"] for stage in told["stages"]] == ["done"] * 3 + ["next"] + ["later"] * 3
    assay("curate", "run", config)
    told = json.loads(assay("curate", "status", config, "--json").stdout)
    assert {stage["state"] for stage in told["stages"]} == {"done"}
    assert told["costs"][0]["rollouts"] == 64
    assert [(each["kept"], each["plan"], each["stale"]) for each in told["selections"]] == [(6, True, False)]


def test_status_from_another_folder_says_where_it_looked_and_where_a_lake_lies(
    scripted: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from assay.cli.apps import curate_app

    (tmp_path / "elsewhere").mkdir()
    config = scripted(tmp_path, lake=Path("lake"))
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(curate_app, ["ingest", str(config)])
    assert "nothing is stored" not in CliRunner().invoke(curate_app, ["status", str(config)]).stderr
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = CliRunner().invoke(curate_app, ["status", str(config)])
    assert told.exit_code == 0
    assert (
        f"nothing is stored in {tmp_path / 'elsewhere' / 'lake'}: `lake` is relative to the working directory"
        in told.stderr
    )
    assert "there is one beside the config: `--lake ../lake`" in told.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
    there = CliRunner().invoke(curate_app, ["status", str(config), "--lake", "../lake", "--json"])
    assert json.loads(there.stdout)["lake"] == str(tmp_path / "lake")


def test_a_stage_before_its_time_names_the_one_that_it_lacks(assay: Run, config: Path) -> None:
    ran = assay("curate", "select", config)
    assert ran.returncode == 2
    assert "select needs ingest" in ran.stderr


def test_sql_answers_as_table_csv_json_and_parquet(assay: Run, curated: Path) -> None:
    lake, query = curated.parent / "lake", "SELECT id, messages FROM problems ORDER BY id LIMIT 3"
    assert "3 rows" in assay("curate", "sql", query, "--lake", lake).stdout
    rows = list(csv.DictReader(io.StringIO(assay("curate", "sql", query, "--lake", lake, "--format", "csv").stdout)))
    assert [json.loads(row["messages"])[0]["role"] for row in rows] == ["user"] * 3
    assert len(json.loads(assay("curate", "sql", query, "--lake", lake, "--format", "json").stdout)) == 3
    command = [sys.executable, "-m", "assay", "curate", "sql", query, "--lake", str(lake), "--format", "parquet"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    assert pq.read_table(pa.BufferReader(data)).num_rows == 3


def test_sql_shows_two_columns_of_one_name(assay: Run, curated: Path) -> None:
    asked = ("curate", "sql", "SELECT 7 AS n, 8 AS n", "--lake", curated.parent / "lake", "--format")
    assert "7   8" in assay(*asked, "table").stdout
    assert assay(*asked, "csv").stdout.splitlines() == ['"n","n"', "7,8"]
    assert json.loads(assay(*asked, "json").stdout) == [{"n": 7, "n_2": 8}]


def test_what_json_has_no_number_for_is_text(assay: Run, curated: Path) -> None:
    ran = assay(
        "curate",
        "sql",
        "SELECT 'nan'::DOUBLE AS a, ['-inf'::DOUBLE, 1] AS b",
        "--lake",
        curated.parent / "lake",
        "--format",
        "json",
    )
    assert json.loads(ran.stdout) == [{"a": "NaN", "b": ["-Infinity", 1.0]}]


@pytest.mark.parametrize(
    "query",
    ["COPY problems TO 'x.csv'", "INSTALL httpfs", "SELECT * FROM read_text('/etc/hostname')", "DROP VIEW problems"],
)
def test_sql_only_answers(assay: Run, curated: Path, query: str) -> None:
    ran = assay("curate", "sql", query, "--lake", curated.parent / "lake")
    assert ran.returncode in (1, 2)
    assert not (curated.parent / "x.csv").exists()


def test_sql_on_no_lake_says_so(assay: Run, tmp_path: Path) -> None:
    ran = assay("curate", "sql", "SELECT 1", "--lake", tmp_path / "nowhere")
    assert ran.returncode == 1
    assert "no lake at" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_commits_what_has_arrived_and_exits_3(
    assay: Run, started: Callable[..., Any], config: Path, number: signal.Signals
) -> None:
    slow = ("--set", "policy.delay_s=0.2", "--set", "score.problems_per_commit=1")
    process = started("curate", "run", config, *slow, stderr=subprocess.PIPE)
    lake = config.parent / "lake"
    wait_for(lambda: len(list(lake.glob("tables/rollouts/*.parquet"))) >= 2)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 3, told
    assert "run the same command again to continue" in told
    stored = json.loads(
        assay("curate", "sql", "SELECT count(*) AS n FROM rollouts", "--lake", lake, "--format", "json").stdout
    )[0]["n"]
    assert 8 <= stored < 64
    rest = json.loads(assay("curate", "run", config, "--set", "policy.delay_s=0", "--json").stdout)
    assert rest["spent"]["samples"] == 64 - stored


def test_a_limit_exits_3_with_a_selection(assay: Run, config: Path) -> None:
    ran = assay("curate", "run", config, "--set", "limit.tokens=60")
    assert ran.returncode == 3, ran.stderr
    assert "limit.tokens = 60 reached" in ran.stderr
    assert "curriculum" in ran.stdout


def test_training_without_a_curriculum_names_the_command_that_makes_it(assay: Run, config: Path) -> None:
    ran = assay("train", "run", config)
    assert ran.returncode == 2
    assert "or `curate run CONFIG`" in ran.stderr


def test_doctor_says_what_is_here_and_which_command_brings_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"cpu": ("json",), "vllm": ("json", "no_such_module")})
    monkeypatch.setattr(doctor, "is_installed", lambda name: name == "faiss-cpu")
    ran = CliRunner().invoke(assay_app, ["doctor"])
    assert ran.exit_code == 0
    told = [line.split() for line in ran.stdout.splitlines()]
    assert ["cpu", "here"] in told
    assert ["vllm", "missing:", "no_such_module"] in told
    assert "to install what is missing: pip install 'assay-curation[vllm]'\n" in ran.stdout
    assert not {"assay-curation[cpu]", "assay-curation[gpu]"} & {word for line in told for word in line}


def wait_for(met: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_regrade_judges_stored_attempts_under_a_new_setting_without_a_token(assay: Run, config: Path) -> None:
    numeric = config.read_text().replace('type = "files"', 'type = "files"\nverifier = "numeric"')
    config.write_text(numeric)
    assay("curate", "run", config)
    config.write_text(numeric + "\n[grade.settings.numeric]\ntolerance = 0.5\n")
    told = json.loads(assay("curate", "regrade", config, "--json").stdout)
    assert (told["judged"], told["left"]) == (64, 0)
    assert "nothing to regrade" in assay("curate", "regrade", config).stderr


def test_audit_judges_attempts_against_other_gold_answers(assay: Run, curated: Path) -> None:
    ran = assay("curate", "audit", curated, "--wrong-golds", "--sample", 5, "--json")
    assert ran.returncode == 0, ran.stderr
    (row,) = json.loads(ran.stdout)["wrong_golds"]
    assert (row["right_accepted"], row["n_right"]) == (0, 5)
    assert "wrong answers accepted" in assay("curate", "audit", curated, "--wrong-golds", "--sample", 5).stdout
    both = assay("curate", "audit", curated, "--wrong-golds", "--sheet", "x.csv")
    assert (both.returncode, "one of --sheet" in both.stderr) == (2, True)


def test_audit_writes_a_sheet_and_reads_it_back(assay: Run, curated: Path) -> None:
    sheet = curated.parent / "sheet.csv"
    assert assay("curate", "audit", curated).returncode == 2
    ran = assay("curate", "audit", curated, "--sheet", sheet, "--sample", 5)
    assert ran.returncode == 0, ran.stderr
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "right": "yes" if row["extracted"] == row["gold"] else "no"} for row in rows)
    ran = assay("curate", "audit", curated, "--marked", sheet)
    assert ran.returncode == 0, ran.stderr
    assert "soundness" in ran.stdout
    assert "corrected" in ran.stdout


def test_compare_sets_selectors_beside_the_baselines_and_says_what_is_missing(assay: Run, config: Path) -> None:
    early = assay("curate", "analyze", "selectors", config)
    assert early.returncode == 2
    assert "compare needs ingest" in early.stderr
    assay("curate", "run", config)
    told = assay(
        "curate", "analyze", "selectors", config, "frontier expected_improvement=2 cluster_quota=none", "k_center"
    )
    assert told.returncode == 0, told.stderr
    for piece in (
        "frontier expected_improvement=2 cluster_quota=none",
        "k_center",
        "uniform",
        "informative",
        "signal, drift 0",
        "drift 2",
        "overlap",
    ):
        assert piece in told.stdout, piece
    assert len(json.loads(assay("curate", "analyze", "selectors", config, "--json").stdout)["selections"]) == 3


def test_compare_policies_reads_stored_attempts_of_two(assay: Run, config: Path) -> None:
    for revision in ("old", "new"):
        assert assay("curate", "run", config, "--set", f"policy.revision={revision}").returncode == 0
    told = assay("curate", "analyze", "policies", config, "old", "new")
    assert told.returncode == 0, told.stderr
    assert "attempted by both" in told.stdout
    whole = json.loads(assay("curate", "analyze", "policies", config, "old", "new", "--json").stdout)
    assert len(whole["rows"]) == whole["problems"] > 0
    unknown = assay("curate", "analyze", "policies", config, "older")
    assert unknown.returncode == 2
    assert "no attempts of policy 'older' are stored" in unknown.stderr


def test_recheck_tells_the_winner_s_curse_and_the_second_time_for_nothing(assay: Run, curated: Path) -> None:
    first = assay("curate", "analyze", "selection-bias", curated, "--kept", 4, "--dropped", 2)
    assert first.returncode == 0, first.stderr
    assert "winner's curse: " in first.stdout
    assert "48 attempts" in first.stdout
    again = json.loads(
        assay("curate", "analyze", "selection-bias", curated, "--kept", 4, "--dropped", 2, "--json").stdout
    )
    assert (again["samples"], again["kept"]["problems"]) == (0, 4)
    lake = curated.parent / "lake"
    key = json.loads(assay("curate", "status", curated, "--json").stdout)["selections"][0]["selection"]
    by_key = assay("curate", "check", key, "--lake", lake, "--kept", 4, "--dropped", 2, "--json")
    assert json.loads(by_key.stdout) == again, by_key.stderr
    nobody = assay("curate", "check", "0123456789", "--lake", lake)
    assert (nobody.returncode, "0 selections" in nobody.stderr) == (2, True)


def test_the_report_is_one_page_beside_the_lake_or_where_it_is_asked_for(
    assay: Run, config: Path, tmp_path: Path
) -> None:
    none = assay("curate", "report", config)
    assert (none.returncode, "no lake at" in none.stderr) == (1, True)
    assert assay("curate", "run", config).returncode == 0
    told = json.loads(assay("curate", "report", config, "--json").stdout)
    assert Path(told["report"]) == tmp_path / "lake" / "reports" / "sums.html"
    assert Path(told["report"]).read_text().startswith("<!doctype html>")
    assert assay("curate", "report", config, "--out", tmp_path / "page.html").returncode == 0
    assert (tmp_path / "page.html").is_file()
    assert json.loads(assay("curate", "lake", "fsck", "--lake", tmp_path / "lake", "--json").stdout) == [], (
        "a page is nothing foreign"
    )
