"""Publishing against a hub's interface on loopback: private unless said otherwise, and refusals in one line."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, PublishError
from assay.pipelines.analysis.publish import check_publication, publish


class StubHub(ThreadingHTTPServer):
    """What `create_repo`, `dataset_info` and `upload_folder` of huggingface_hub ask, and what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.repositories: dict[str, bool] = {}  # by name, whether private
        self.files: dict[str, bytes] = {}
        self.status = 0  # of every answer; 0 = as it should be
        self.tokens: set[str] = set()


class Answers(BaseHTTPRequestHandler):
    server: StubHub

    def do_GET(self) -> None:
        name = self.path.removeprefix("/api/datasets/").partition("/revision")[0].partition("?")[0]
        self.answer({"id": name, "private": self.server.repositories.get(name, False), "sha": "0" * 40, "siblings": []})

    def do_POST(self) -> None:
        self.server.tokens.add(self.headers.get("authorization", ""))
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.server.repositories and not self.server.status:
                return self.answer({"error": "exists", "url": f"{self.url}/datasets/{name}"}, 409)
            self.server.repositories[name] = bool(asked.get("private") or asked.get("visibility") == "private")
            return self.answer({"url": f"{self.url}/datasets/{name}"})
        if "/preupload/" in self.path:
            files = [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(body)["files"]]
            return self.answer({"files": files})
        if "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            place = f"{self.url}/datasets/me/sums/commit/1"
            return self.answer({"success": True, "commitOid": "1" * 40, "commitUrl": place, "hookOutput": ""})
        return self.answer({"errors": [], "warnings": []})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, value: Any, status: int = 200) -> None:
        status, text = self.server.status or status, json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    server = StubHub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# sums\n")
    (tmp_path / "data" / "train.parquet").write_bytes(b"PAR1 rows")
    return tmp_path


def test_a_folder_is_published_privately_as_one_commit(hub: StubHub, folder: Path) -> None:
    assert publish(folder, "me/sums").endswith("/datasets/me/sums/commit/1")
    assert hub.repositories == {"me/sums": True}
    assert hub.files == {"README.md": (folder / "README.md").read_bytes(), "data/train.parquet": b"PAR1 rows"}
    assert hub.tokens == {"Bearer hf_of_a_test"}


def test_a_public_one_must_be_asked_for(hub: StubHub, folder: Path) -> None:
    publish(folder, "me/sums", public=True)
    assert hub.repositories == {"me/sums": False}
    hub.files.clear()
    with pytest.raises(ConfigError, match="me/sums already exists and is public: add --public to publish there"):
        publish(folder, "me/sums")
    assert hub.files == {}


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "`hf auth login`, or HF_TOKEN"), (403, "HF_TOKEN with write"), (400, "")]
)
def test_a_refusal_is_one_line_and_the_folder_stays(hub: StubHub, folder: Path, status: int, hint: str) -> None:
    hub.status = status
    with pytest.raises(PublishError) as caught:
        publish(folder, "me/sums")
    assert str(caught.value).startswith("me/sums was not published: ")
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"{folder}")
    assert "hf_of_a_test" not in str(caught.value)


def test_a_hub_that_does_not_answer_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PublishError, match="was not published"):
        publish(folder, "me/sums")


@pytest.mark.parametrize(
    ("to", "name", "message"),
    [
        ("verl", "me/sums", "--push only publishes exports made with --to hub"),
        ("hub", "sums", "is not of the form OWNER/NAME"),
        ("hub", "me/su ms", "--push 'me/su ms'"),
    ],
)
def test_what_cannot_be_published_is_said_before_anything_is_written(to: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_publication(to, name)
