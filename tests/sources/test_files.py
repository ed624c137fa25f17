import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.ports import Source
from assay.core.types import Drop
from assay.sources.files import Files

ROWS = [{"prompt": "1 + 1?", "answer": "2", "level": 1}, {"prompt": "2 + 2?", "answer": "4", "level": 2}]


def write(path, rows=ROWS):
    kind = path.name.partition(".")[2].removesuffix(".gz")
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if kind == "json":
        text = json.dumps(rows, indent=1)
    elif kind == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        sep = "," if kind == "csv" else "\t"
        text = "".join(sep.join(map(str, row)) + "\n" for row in [rows[0], *(row.values() for row in rows)])
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.jsonl.gz", "a.json.gz", "a.csv.gz"]
)
def test_every_kind_of_file_gives_the_same_problems(tmp_path, name):
    path = write(tmp_path / name)
    items = list(Files(paths=str(path), metadata_fields=("level",)).read())
    assert [(problem.text, label.answer, problem.source) for problem, label in items] == [
        ("1 + 1?", "2", "a"),
        ("2 + 2?", "4", "a"),
    ]
    assert items[0][0].id == next(Files(paths=str(write(tmp_path / "b.jsonl"))).read())[0].id


def test_the_bundled_600_are_600_problems():
    gsm8k = list(Files(paths="package:gsm8k_300.jsonl", prompt="question", answer_marker="####").read())
    svamp = list(Files(paths="package:svamp_300.jsonl", prompt="question", metadata_fields=("Type",)).read())
    assert not [item for item in gsm8k + svamp if isinstance(item, Drop)]
    assert len({problem.id for problem, _ in gsm8k + svamp}) == 600
    assert all(label.answer.replace(",", "").lstrip("-").isdigit() for _, label in gsm8k + svamp)
    assert {json.loads(problem.metadata)["Type"] for problem, _ in svamp} == {
        "Addition",
        "Common-Division",
        "Multiplication",
        "Subtraction",
    }


def test_a_problem_in_two_fields_with_a_number_as_answer_is_one_mapping(tmp_path):
    row = {"Body": "There are 290 bananas in 2 groups", "Question": " How big is each group?", "Answer": 145.0}
    path = write(tmp_path / "svamp.json", [row, {**row, "Body": "There are 290 bananas. "}])
    fields = {"prompt": ["Body", "Question"], "end_with_period": True, "answer": "Answer", "answer_numbers": True}
    items = list(build_part("source", "files", {"paths": str(path), **fields}).read())
    assert [(problem.text, label.answer) for problem, label in items] == [
        ("There are 290 bananas in 2 groups. How big is each group?", "145"),
        ("There are 290 bananas. How big is each group?", "145"),
    ]


def test_a_chat_is_its_turns(tmp_path):
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}]
    for name in ("a.jsonl", "a.parquet"):
        path = write(tmp_path / name, [{"prompt": chat, "reward_model": {"ground_truth": "2"}}])
        ((problem, label),) = Files(paths=str(path), answer="reward_model.ground_truth").read()
        assert ([turn.role for turn in problem.messages], label.answer) == (["system", "user"], "2")


def test_globs_are_read_in_order_and_each_file_once(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        write(tmp_path / name)
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "c.jsonl")
    items = list(Files(paths=(str(tmp_path / "*.jsonl"), str(tmp_path / "**" / "*.jsonl"))).read())
    assert [problem.source for problem, _ in items] == ["a", "a", "b", "b", "c", "c"]
    assert [problem.source for problem, _ in Files(paths=str(tmp_path / "a.jsonl"), name="mine").read()] == [
        "mine",
        "mine",
    ]


def test_a_name_that_looks_like_a_glob_is_a_file_first(tmp_path):
    path = write(tmp_path / "a[1].jsonl")
    assert len(list(Files(paths=str(path)).read())) == 2


@pytest.mark.parametrize(
    ("offset", "limit", "kept"),
    [(0, None, [0, 1, 2]), (1, None, [1, 2]), (0, 2, [0, 1]), (1, 1, [1]), (0, 0, []), (9, 9, [])],
)
def test_offset_and_limit_count_rows(tmp_path, offset, limit, kept):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "answer": "1"}\nbroken\n{"prompt": "c", "answer": "3"}\n')
    items = list(Files(paths=str(path), offset=offset, limit=limit).read())
    assert [item.line - 1 if isinstance(item, Drop) else "abc".index(item[0].text) for item in items] == kept


def test_no_rows_are_no_problems(tmp_path):
    for name in ("a.jsonl", "a.json", "a.csv"):
        (tmp_path / name).write_text("")
        assert list(Files(paths=str(tmp_path / name)).read()) == []
    (tmp_path / "b.json").write_text("[ ]")
    assert list(Files(paths=str(tmp_path / "b.json")).read()) == []


def test_a_byte_order_mark_is_not_part_of_the_first_row(tmp_path):
    for name, text in {
        "a.jsonl": '{"prompt": "q", "answer": "1"}',
        "a.csv": "prompt,answer\nq,1\n",
        "a.json": '[{"prompt": "q", "answer": "1"}]',
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert [problem.text for problem, _ in Files(paths=str(tmp_path / name)).read()] == ["q"]


def refused(**fields):
    with pytest.raises(ConfigError) as error:
        Files(**fields).read()  # before the first row is asked for
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path / "train.jsonl")
    assert "'trian.jsonl'" not in (message := refused(paths=str(tmp_path / "trian.jsonl")))
    assert "trian.jsonl" in message
    assert "nearest: 'train.jsonl'" in message
    assert "no folder" in refused(paths=str(tmp_path / "nowhere" / "a.jsonl"))
    assert "is a folder" in refused(paths=str(tmp_path))
    assert "known: 'train.jsonl'" in refused(paths=str(tmp_path / "*.zzz"))
    assert "gsm8k_300.jsonl" in refused(paths="package:gsm8k.jsonl")
    assert "paths is empty" in refused(paths=())


def test_an_unknown_kind_of_file_names_the_known_ones(tmp_path):
    (tmp_path / "a.jsonlines").write_text("")
    kinds = "known: .csv, .json, .jsonl, .ndjson, .parquet, .tsv, and the text formats with .gz"
    assert refused(paths=str(tmp_path / "a.jsonlines")).endswith(f"has an unknown file type '.jsonlines'; {kinds}")


def test_a_schema_without_a_wanted_column_is_refused_before_the_first_row(tmp_path):
    for name in ("a.csv", "a.parquet"):
        path = write(tmp_path / name)
        assert f"{path} has no field 'promt'; nearest: 'prompt'" in refused(paths=str(path), prompt="promt")
        assert "no field 'diff'" in refused(paths=str(path), metadata_fields=("diff",))


def test_a_parquet_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_text("hello")
    assert "cannot be read" in refused(paths=str(tmp_path / "a.parquet"))


def test_settings_out_of_range_are_refused_with_their_values():
    for settings, message in [
        ({"limit": -1}, "limit -1"),
        ({"verifier": "maths"}, "nearest: 'math'"),
        ({"prompt": ""}, "prompt"),
        ({"limit": "x"}, "limit"),
        ({"promt": "q"}, "nearest: 'prompt'"),
    ]:
        with pytest.raises(ConfigError, match=message):
            build_part("source", "files", {"paths": "a.jsonl", **settings})


def test_the_fingerprint_follows_the_bytes(tmp_path):
    path = write(tmp_path / "a.jsonl")
    part = Files(paths=str(path))
    before = part.fingerprint()
    assert before == part.fingerprint()
    write(path, ROWS[:1])
    assert part.fingerprint() != before
    assert isinstance(part, Source)
