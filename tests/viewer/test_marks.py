"""An audit's marks: appended one by one, the last of an answer counts, and `curate audit --marked` reads them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.lake import Lake
from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys, latest_keys
from assay.viewer.marks import Marks, answers_to_mark


def test_the_last_mark_of_an_answer_counts(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "audits" / "m.csv")
    for verdict, mark in (("a", "right"), ("b", "wrong"), ("a", "unsure"), ("c", "right"), ("c", "wrong")):
        marks.append(verdict, mark)
    assert marks.read() == {"a": "unsure", "b": "wrong", "c": "wrong"}
    assert len((tmp_path / "audits" / "m.csv").read_text().splitlines()) == 6, "nothing is rewritten"


@pytest.mark.parametrize(
    ("verdict", "mark"), [("a", "yes"), ("a,b", "right"), ("=cmd()", "right"), ("a\nb", "right"), ("", "right")]
)
def test_what_is_no_mark_is_not_written(tmp_path: Path, verdict: str, mark: str) -> None:
    with pytest.raises(ConfigError):
        Marks(tmp_path / "m.csv").append(verdict, mark)
    assert not (tmp_path / "m.csv").exists()


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "m.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LakeError):
        Marks(tmp_path / "m.csv").append("a", "right")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    for name, content in (("table.csv", "id,verdict,right\n1,a,yes\n"), ("picture.csv", "\xff\xfe\x00")):
        (tmp_path / name).write_bytes(content.encode("latin-1"))
        with pytest.raises(ConfigError, match="not a file of marks"):
            Marks(tmp_path / name).append("b", "right")
        assert (tmp_path / name).read_bytes() == content.encode("latin-1")
    with pytest.raises(LakeError, match="cannot be read as marks"):
        Marks(tmp_path / "picture.csv").read()


def test_a_row_without_an_end_of_line_does_not_swallow_the_next_mark(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbfverdict,right,marked_at\r\na,yes,2026")
    marks = Marks(tmp_path / "m.csv")
    marks.append("b", "wrong")
    assert marks.read() == {"a": "right", "b": "wrong"}


def test_a_pipe_in_the_place_of_the_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.csv")
    marks = Marks(tmp_path / "m.csv")
    with pytest.raises(LakeError):
        marks.append("a", "right")
    with pytest.raises(LakeError):
        marks.read()


def test_a_link_is_not_read_either(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("verdict,right\nx,a secret\n")
    (tmp_path / "m.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LakeError, match="cannot be read as marks") as refused:
        Marks(tmp_path / "m.csv").read()
    assert "secret" not in str(refused.value)


def test_without_a_folder_there_are_no_marks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--marks"):
        Marks(None).append("a", "right")
    assert Marks(None).read() == {}


def test_answers_come_without_the_verdict_and_each_once(reader: LakeReader, keys: ViewKeys, tmp_path: Path) -> None:
    marks = Marks(tmp_path / "m.csv")
    told = answers_to_mark(reader, keys, marks)
    assert not {"accepted", "outcome", "reason"} & set(told["answers"][0])
    first = [answer["id"] for answer in told["answers"]]
    for verdict in first:
        marks.append(verdict, "right")
    again = answers_to_mark(reader, keys, marks)
    assert not set(first) & {answer["id"] for answer in again["answers"]}
    assert again["marked"] == {"right": len(first), "wrong": 0, "unsure": 0}


def test_a_post_appends_one_mark_and_no_more(client: Any, viewer: Any) -> None:
    def post(**mark: Any) -> int:
        sent = {
            "method": "POST",
            "body": json.dumps(mark).encode(),
            "Content_Type": "application/json",
            "Origin": client.base,
        }
        return int(client.ask("/api/audit", **sent)[0])

    verdict = client.get("audit")["answers"][0]["id"]
    before = viewer.marks.read()
    assert post(verdict="nobody", mark="right") == 400
    assert post(verdict=verdict, mark="maybe") == 400
    assert post(verdict=verdict, mark="right", more=1) == 400
    assert viewer.marks.read() == before
    assert post(verdict=verdict, mark="unsure") == 200
    assert viewer.marks.read() == before | {verdict: "unsure"}


@pytest.mark.service
def test_marks_of_the_page_become_rates_of_the_verifier(
    scripted: Callable[..., Path], assay: Any, tmp_path: Path
) -> None:
    """The whole way: a config is run, its answers are marked as on the page, and `curate audit --marked` stores what the marks say."""
    config = scripted(tmp_path, score={"n": 4}, policy={"truncated": "wrong"})
    assert assay("curate", "run", config).returncode == 0
    reader = LakeReader(tmp_path / "lake")
    marks = Marks(tmp_path / "lake" / "audits" / "sums.csv")
    told = answers_to_mark(reader, latest_keys(reader), marks)
    accepted = {row["id"] for row in reader.rows("SELECT id FROM verdicts WHERE outcome = 'correct'")}
    for answer in told["answers"]:
        marks.append(answer["id"], "right" if answer["id"] in accepted else "wrong")
    marks.append(told["answers"][0]["id"], "unsure")
    (estimate,) = answers_to_mark(reader, latest_keys(reader), marks)["estimates"]
    reader.close()
    done = assay("curate", "audit", config, "--marked", marks.path, "--json")
    assert done.returncode == 0, done.stderr
    (stored, *_) = json.loads(done.stdout)["audits"]
    counted = sum(stored[f"{side}_{mark}"] for side in ("accepted", "rejected") for mark in ("right", "wrong"))
    assert counted == len(told["answers"]) - 1
    assert stored["soundness"] == pytest.approx(estimate["soundness"][0])
    with Lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT count(*) AS n FROM verifier_audits")[0]["n"] == 1
    assert assay("curate", "lake", "fsck", "--lake", tmp_path / "lake", "--check").returncode == 0, (
        "the marks' folder is the lake's own"
    )
