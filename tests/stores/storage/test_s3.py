"""A lake in a bucket behaves as one in a folder: whole commits, folded writers, leases, upkeep; and says in one line what a service refuses."""

import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.commits.lease import give_back, lease, take
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.fsck import fsck
from assay.stores.storage import s3
from assay.stores.storage.backend import at

pytestmark = pytest.mark.service
Rows = Callable[..., dict[str, list[dict[str, Any]]]]


def row(id_: str) -> dict[str, object]:
    return {"id": id_, "problem_id": id_, "answer": "4", "verifier": "math", "origin": "gold"}


def ids(lake: Lake, table: str = "labels") -> list[str]:
    return [each["id"] for each in lake.rows(f"SELECT id FROM {table} ORDER BY id")]


def fill(lake: Lake, attempted: Rows, problems: str = "abc") -> None:
    for problem in problems:
        lake.append(attempted(problem, "cwt"), run=f"run-{problem}")


def elsewhere(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """From here on this process is on a machine that has never seen the lake."""
    monkeypatch.setenv("ASSAY_CACHE", str(cache))
    s3.bucket.cache_clear()


def test_rows_come_back_on_another_machine_with_their_run(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(bucket) as lake:
        assert lake.append({"labels": [row("a"), row("b")]}, run="r1") == 2
        assert lake.append({"labels": [row("b"), row("c")]}, run="r2") == 1
        assert lake.place == bucket
    elsewhere(monkeypatch, tmp_path / "other")
    with Lake(bucket, create=False) as lake:
        assert lake.rows("SELECT id, run FROM labels ORDER BY id") == [
            {"id": "a", "run": "r1"},
            {"id": "b", "run": "r1"},
            {"id": "c", "run": "r2"},
        ]
        assert lake.ask("SELECT count(*) AS n FROM labels").to_pylist() == [{"n": 3}]
        with pytest.raises(LakeError, match="disabled by configuration"):
            lake.ask("SELECT * FROM read_text('/etc/hostname')")


def test_a_count_fetches_no_text_and_a_hidden_name_is_refused(
    bucket: str, attempted: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(bucket) as lake:
        fill(lake, attempted)
    elsewhere(monkeypatch, tmp_path / "other")
    with Lake(bucket) as lake:
        assert lake.rows("SELECT sum(n_correct)::BIGINT AS n FROM pass_rates") == [{"n": 3}]
        assert sorted(path.name for path in (lake.root / "tables").iterdir()) == ["rollouts", "verdicts"]
        with pytest.raises(LakeError, match="its files are not fetched"):
            lake.query("SELECT * FROM query_table('comp' || 'letions')")
        assert len(ids(lake, "completions")) == 9
        shutil.rmtree(lake.root / "tables")  # a mirror may go at any time
        assert len(ids(lake, "completions")) == 9


def test_an_empty_append_writes_nothing_and_a_missing_lake_is_named(bucket: str) -> None:
    with Lake(bucket) as lake:
        assert lake.append({"labels": []}) == 0
    assert at(bucket).names("") is None
    with pytest.raises(LakeError, match=f"no lake at {bucket}"):
        Lake(bucket, create=False)


def test_a_prefix_of_other_objects_is_not_taken_for_a_lake(bucket: str) -> None:
    at(bucket).put("thesis.tex", b"mine")
    with pytest.raises(LakeError, match=r"contains other files and no lake\.json"):
        Lake(bucket)


def test_a_lake_of_a_newer_format_is_refused(bucket: str) -> None:
    at(bucket).put("lake.json", b'{"format": 99}')
    with pytest.raises(LakeError, match="format 99, but this version reads formats up to"):
        Lake(bucket)


def test_two_writers_who_did_not_see_each_other_are_folded_and_compacted_for_good(bucket: str, attempted: Rows) -> None:
    with Lake(bucket) as one, Lake(bucket) as two:
        rows = {name: one._typed(name, given, "r") for name, given in attempted("a", "cw").items()}
        one._refresh()
        two._refresh()
        one.commit(rows, "one")
        two.commit(rows, "two")
        assert one.has_duplicates()
        assert (len(ids(one, "rollouts")), len(ids(two, "verdicts"))) == (2, 2)
        compact(one)
        assert not one.has_duplicates()
        assert sum(file.rows for entry in one.entries() for file in entry.files if file.table == "rollouts") == 2


def test_an_entry_is_created_once(bucket: str) -> None:
    with Lake(bucket) as lake:
        lake.append({"labels": [row("a")]})
        (entry,) = lake.entries()
        with pytest.raises(LakeError, match="entries are never rewritten"):
            lake.storage.create(f"manifest/{entry.name}.json", b"{}")
        assert ids(Lake(bucket)) == ["a"]


KILLED = """
import os, signal, sys
from assay.stores.lake import Lake
from assay.stores.storage.s3 import Bucket
lake = Lake(sys.argv[1])
Bucket.create = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
lake.append({"labels": [{"id": "b", "problem_id": "p", "answer": "4", "verifier": "math", "origin": "gold"}]})
"""


def test_a_writer_killed_between_its_data_and_its_entry_leaves_nothing_to_see(bucket: str) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, bucket], check=False).returncode == -signal.SIGKILL
    with Lake(bucket) as lake:
        assert (ids(lake), len(lake.storage.files("tables"))) == ([], 1)
        assert lake.append({"labels": [row("a"), row("b")]}) == 2
        assert ids(lake) == ["a", "b"]
    assert [each.kind for each in fsck(bucket)] == ["left_over"]


WRITER = """
import sys
from assay.stores.lake import Lake
lake = Lake(sys.argv[1])
for n in range(10**6):
    lake.append({"labels": [{"id": f"{n:07d}-{half}", "problem_id": "p", "answer": "4", "verifier": "math", "origin": "gold"} for half in "ab"]})
    print(n, flush=True)
"""


def test_a_writer_killed_at_any_instant_leaves_whole_commits(bucket: str) -> None:
    for attempt in range(2):
        place = f"{bucket}-{attempt}"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, place], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = writer.stdout.readline()
        time.sleep(0.017 * attempt)
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read()
        writer.wait()
        with Lake(place) as lake:
            found = ids(lake)
        whole = len(found) // 2
        assert found == [f"{n:07d}-{half}" for n in range(whole) for half in "ab"]
        assert whole >= len(told.splitlines()), "a commit that was acknowledged is gone"


LEASED = """
import sys, time
from assay.stores.lake import Lake
from assay.stores.commits.lease import lease
lake = Lake(sys.argv[1])
print("ready", flush=True)
def ids(chunk): return [f"{chunk:02d}-{n}" for n in range(3)]
while left := [c for c in range(5) if len(lake.ids("rollouts", ids(c))) < 3]:
    for chunk in left:
        with lease(lake.storage, f"chunk-{chunk}", limit_s=0.6) as mine:
            if mine and len(lake.ids("rollouts", ids(chunk))) < 3:
                rows = [{"id": id_, "problem_id": str(chunk), "policy": "p", "sampler": "s", "sample": 0, "tokens": 1} for id_ in ids(chunk)]
                lake.append({"rollouts": rows, "completions": [{"id": id_, "text": "t"} for id_ in ids(chunk)]})
    time.sleep(0.1)
"""


def test_four_writers_of_which_two_are_killed_leave_every_key_once(bucket: str, tmp_path: Path) -> None:
    call = [sys.executable, "-c", LEASED, bucket]
    writers = [
        subprocess.Popen(
            call, stdout=subprocess.PIPE, text=True, env={**os.environ, "ASSAY_CACHE": str(tmp_path / str(n))}
        )
        for n in range(4)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers[::2]:
        time.sleep(0.1)
        writer.send_signal(signal.SIGKILL)
    assert [writer.wait(timeout=60) for writer in writers[1::2]] == [0, 0]
    with Lake(bucket) as lake:
        wanted = [f"{chunk:02d}-{n}" for chunk in range(5) for n in range(3)]
        assert (ids(lake, "rollouts"), ids(lake, "completions")) == (wanted, wanted)
    assert [each for each in fsck(bucket) if each.harm] == []


def test_one_holds_a_lease_until_it_ends(bucket: str) -> None:
    token = take(bucket, "chunk", limit_s=0.4)
    assert token is not None
    assert take(bucket, "chunk", limit_s=9) is None
    time.sleep(0.41)
    second = take(bucket, "chunk", limit_s=9)
    assert second is not None
    give_back(bucket, "chunk", token)  # the first holder is late: the lease is no longer its own
    assert take(at(bucket).root, "chunk", limit_s=9) is None  # the mirror stands for its bucket
    storage = at(bucket)
    assert isinstance(storage, s3.Bucket)
    storage.drop("leases/chunk.json", b"as it was before")
    assert storage.names("leases") == ["chunk.json"]
    give_back(bucket, "chunk", second)
    with lease(bucket, "chunk", limit_s=9) as mine:
        assert mine
    assert at(bucket).names("leases") is None


def test_of_eight_who_want_one_lease_one_gets_it_fresh_or_expired(bucket: str) -> None:
    at(bucket)
    for _ in range(2):
        with ThreadPoolExecutor(8) as threads:
            got = list(threads.map(lambda _: take(bucket, "chunk", limit_s=2.0), range(8)))
        assert sum(token is not None for token in got) == 1
        time.sleep(2.01)


def test_compaction_leaves_one_file_a_table_and_every_answer_as_it_was(
    bucket: str, attempted: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "SELECT * FROM pass_rates ORDER BY problem_id"
    with Lake(bucket) as lake:
        fill(lake, attempted)
        before = lake.rows(asked)
    elsewhere(monkeypatch, tmp_path / "other")
    with Lake(bucket) as lake, Lake(bucket) as reader:
        assert len(ids(reader, "rollouts")) == 9
        done = compact(lake)
        assert (done.before, done.after, done.swept) == (9, 3, 0)
        assert reader.rows(asked) == before
        assert compact(lake, keep_s=0).swept == 9
        assert len(lake.storage.files("tables")) == 3
        assert reader.rows(asked) == before
    assert fsck(bucket) == []
    with (
        lease(bucket, "compact", limit_s=9),
        Lake(bucket) as lake,
        pytest.raises(LakeError, match="another compaction"),
    ):
        compact(lake)


def test_a_forgotten_policy_is_in_no_view_and_in_no_object(bucket: str, attempted: Rows) -> None:
    with Lake(bucket) as lake:
        fill(lake, attempted)
        lake.append(attempted("a", "cc", policy="bad"))
        assert dict(forget(lake, "policy", "name of bad", keep_s=0).removed) == {
            "rollouts": 2,
            "completions": 2,
            "verdicts": 2,
        }
        assert [each["policy"] for each in lake.rows("SELECT DISTINCT policy FROM rollouts")] == ["rev"]
        assert not any(b"bad" in lake.storage.read(path) for path in lake.storage.files("tables/rollouts"))


def test_a_truncated_object_is_set_aside_and_the_rest_stays_whole(
    bucket: str, attempted: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(bucket) as lake:
        fill(lake, attempted)
        victim = min(lake.storage.files("tables/rollouts"))
        lake.storage.put(victim, lake.storage.read(victim)[:-20])
    elsewhere(monkeypatch, tmp_path / "other")
    with Lake(bucket) as lake, pytest.raises(LakeError, match="curate lake fsck"):
        lake.query("SELECT * FROM rollouts")
    (found,) = fsck(bucket)
    assert (found.kind, found.path, found.rows, found.restore) == ("broken", victim, 3, "curate score CONFIG")
    with Lake(bucket) as lake:
        assert [len(ids(lake, name)) for name in ("rollouts", "completions", "verdicts")] == [6, 6, 6]
        assert list(lake.storage.files("quarantine")) == [f"quarantine/{victim}"]
    assert fsck(bucket) == []


def test_a_missing_manifest_and_a_broken_entry_are_entered_again(bucket: str, attempted: Rows) -> None:
    with Lake(bucket) as lake:
        fill(lake, attempted)
        storage = lake.storage
    entry = min(path for path in storage.files("manifest") if path.endswith(".json"))
    storage.put(entry, storage.read(entry)[:30])  # the mirror still holds the whole one
    assert [each.kind for each in fsck(bucket)] == ["entry"]
    assert len(ids(Lake(bucket), "rollouts")) == 9
    for path in storage.files("manifest"):
        storage.remove(path)
    with Lake(bucket) as lake, pytest.raises(LakeError, match="manifest is missing"):
        lake.rows("SELECT * FROM rollouts")
    assert [each.kind for each in fsck(bucket)] == ["manifest"]
    assert len(ids(Lake(bucket), "rollouts")) == 9


class Forgetful(http.server.BaseHTTPRequestHandler):
    """A service that knows no conditions, and lets nobody write who is called `reader`."""

    held: dict[str, bytes] = {}

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "reader" in self.headers["Authorization"]:
            self._answer(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
            return
        self.held[self.path] = body
        self._answer(200, b"")

    def do_GET(self) -> None:
        if "list-type" in self.path:
            self._answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        elif self.path in self.held:
            self._answer(200, self.held[self.path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forgetful(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        Forgetful.held.clear()
        yield f"{bucket}-elsewhere"
        server.shutdown()


def test_a_service_that_ignores_conditions_is_refused_before_the_first_commit(forgetful: str) -> None:
    with Lake(forgetful) as lake, pytest.raises(ConfigError, match="ignores If-None-Match"):
        lake.append({"labels": [row("a")]})
    assert not any("tables" in path for path in Forgetful.held)


def test_who_may_not_write_is_told_in_one_line_and_nothing_is_written(
    forgetful: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    with Lake(forgetful) as lake, pytest.raises(ConfigError, match=r"lake\.json: no permission") as refused:
        lake.append({"labels": [row("a")]})
    assert "\n" not in str(refused.value)
    assert Forgetful.held == {}


def test_a_missing_bucket_a_deaf_address_and_absent_credentials_are_one_line_each(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"s3://no-such-bucket-here/lake: .*there is no such bucket"):
        Lake("s3://no-such-bucket-here/lake")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError, match="no credentials"):
        Lake(f"{bucket}-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:hush-hush@127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(ConfigError, match=r"127\.0\.0\.1:\d+ does not answer") as refused:
            Lake(f"{bucket}-3")
    assert "hush" not in str(refused.value)


def test_a_service_that_goes_away_loses_nothing_that_was_committed(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake(bucket) as lake:
        lake.append({"labels": [row("a")]})
        assert isinstance(lake.storage, s3.Bucket)
        working = lake.storage._client
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{os.getpid() % 1000 + 1}")
        import botocore.session

        lake.storage._client = botocore.session.get_session().create_client("s3")
        with pytest.raises(LakeError, match=r"does not answer .*; what was committed before is safe"):
            lake.append({"labels": [row("b")]})
        lake.storage._client = working
        assert ids(lake) == ["a"]
        assert lake.append({"labels": [row("b")]}) == 1


class Flaky(Forgetful):
    """A service whose answers break off in the middle, or that fails."""

    cut, status = 0, 0  # bodies that are still to be cut; the status of every answer, 0 = as it should be

    def _answer(self, code: int, body: bytes) -> None:
        if self.command == "GET" and Flaky.status:
            return super()._answer(
                Flaky.status, b"<Error><Code>InternalError</Code><Message>We failed</Message></Error>"
            )
        if self.command == "GET" and "list-type" not in self.path and code == 200 and Flaky.cut:
            Flaky.cut -= 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return super()._answer(code, body)


@pytest.fixture
def flaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Bucket]:
    """A bucket of that service, which holds one object."""
    for name, value in {
        "ACCESS_KEY_ID": "somebody",
        "SECRET_ACCESS_KEY": "s",
        "DEFAULT_REGION": "us-east-1",
        "MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(s3, "CUT_PAUSE_S", 0.001)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Flaky) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        Forgetful.held.clear()
        Flaky.cut = Flaky.status = 0
        s3.bucket.cache_clear()
        made = s3.bucket("s3://flaky-bucket/lake")
        made.put("tables/a", b"x" * 100_000)
        yield made
        server.shutdown()
    s3.bucket.cache_clear()


def test_a_body_that_breaks_off_is_asked_for_again(flaky: s3.Bucket) -> None:
    for read in (
        lambda: flaky.read("tables/a"),
        lambda: flaky.read_aged("tables/a")[0],
        lambda: flaky.kept("tables/a"),
    ):
        Flaky.cut = 3
        flaky.stale("tables/a")
        assert read() == b"x" * 100_000
        assert Flaky.cut == 0


def test_a_body_that_always_breaks_off_is_one_line_and_leaves_no_half_file(flaky: s3.Bucket) -> None:
    for read in (
        flaky.read,
        flaky.read_aged,
        flaky.local,
        lambda path: flaky.swap(path, b"held", b"new"),
        lambda path: flaky.drop(path, b"held"),
    ):
        Flaky.cut = 99
        flaky.stale("tables/a")
        with pytest.raises(LakeError) as caught:
            read("tables/a")
        assert "\n" not in str(caught.value)
    assert not [path for path in flaky.root.rglob("*") if path.is_file() and "tables" in str(path)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_fails_before_the_first_write_has_failed(flaky: s3.Bucket, status: int) -> None:
    Flaky.status = status
    with pytest.raises(LakeError) as caught:
        flaky.read("tables/a")
    assert "\n" not in str(caught.value)
    s3.bucket.cache_clear()
    with pytest.raises(LakeError):
        Lake("s3://flaky-bucket/other")
