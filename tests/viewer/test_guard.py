"""Who is answered: one host, one origin, one token per run; the one POST appends a mark, and nothing else writes."""

import asyncio
import http.client
import socket
from typing import Any

import pytest

from assay.viewer.guard import MAX_BODY, MOST_REQUESTS, Guard

MARK = b'{"verdict": "x", "mark": "right"}'
POSTED = {"method": "POST", "body": MARK, "Content_Type": "application/json"}


def test_a_question_without_the_token_or_with_another_is_refused(client: Any) -> None:
    for token in ("", "x", client.viewer.token[:-1], client.viewer.token + "x"):
        status, told, _ = client.ask("/api/state", X_Assay_Token=token)
        assert (status, "token" in told["error"]) == (401, True)
    assert client.ask("/api/state")[0] == 200


def test_the_pages_own_files_need_no_token_and_hold_nothing_of_the_lake(client: Any) -> None:
    status, page, _ = client.ask("/", X_Assay_Token="")
    assert status == 200
    assert client.viewer.token.encode() not in page
    assert client.viewer.state.place.encode() not in page


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""]
)
def test_another_host_name_is_refused_so_that_no_rebound_name_reads_the_lake(client: Any, host: str) -> None:
    status, told, _ = client.ask("/api/state", Host=host.format(port=client.viewer.port) or "[::2]:80")
    assert (status, told) == (421, {"error": "this server only answers at its own address"})


def test_two_hosts_are_refused(client: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.viewer.port, timeout=10)
    connection.putrequest("GET", "/api/state", skip_host=True)
    for host in (f"127.0.0.1:{client.viewer.port}", "evil.example"):
        connection.putheader("Host", host)
    connection.putheader("X-Assay-Token", client.viewer.token)
    connection.endheaders()
    assert connection.getresponse().status in (400, 421)
    connection.close()


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://localhost:{port}"],
)
def test_another_origin_is_refused_even_with_the_token(client: Any, origin: str) -> None:
    of = origin.format(port=client.viewer.port)
    assert client.ask("/api/state", Origin=of)[0] == 403
    assert client.ask("/api/audit", Origin=of, **POSTED)[0] == 403


def test_a_post_needs_an_origin_and_json_and_few_bytes(client: Any) -> None:
    own = client.base
    assert client.ask("/api/audit", **POSTED)[0] == 403
    assert client.ask("/api/audit", Origin=own, **(POSTED | {"Content_Type": "text/plain"}))[0] == 415
    assert client.ask("/api/audit", Origin=own, **(POSTED | {"body": b"x" * (MAX_BODY + 1)}))[0] == 413
    assert client.ask("/api/audit", Origin=own, **POSTED)[0] == 400  # no such verdict: it reached the application


def test_a_request_that_another_site_made_is_refused(client: Any) -> None:
    assert client.ask("/api/state", Sec_Fetch_Site="cross-site")[0] == 403
    assert client.ask("/api/state", Sec_Fetch_Site="same-origin")[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"])
def test_nothing_but_the_audit_takes_a_method_that_writes(client: Any, method: str) -> None:
    assert client.ask("/api/pool", method=method, Origin=client.base)[0] == 405


def test_every_answer_forbids_scripts_of_others_framing_and_caching(client: Any) -> None:
    for path in ("/", "/static/js/app.js", "/api/state", "/api/none", "/static/../server.py"):
        _, _, headers = client.ask(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("DENY", "no-store")
        assert "Server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2f..%2fcli/apps.py",
        "/api/../static",
        "/etc/passwd",
    ],
)
def test_no_file_but_the_pages_own_is_served(client: Any, path: str) -> None:
    status, body, _ = client.ask(path)
    assert status == 404
    assert b"import" not in (body if isinstance(body, bytes) else b"")


def test_a_query_string_that_is_too_long_is_refused(client: Any) -> None:
    assert client.ask("/api/pool?where=" + "x" * 30_000)[0] == 414


def test_the_server_listens_on_loopback_alone(viewer: Any) -> None:
    assert viewer._socket.getsockname()[0] == "127.0.0.1"


def test_connections_that_ask_nothing_keep_nobody_out(client: Any) -> None:
    """Anybody on this machine can open them; what is counted is requests that may be answered."""
    idle = [socket.create_connection(("127.0.0.1", client.viewer.port), timeout=10) for _ in range(100)]
    try:
        assert client.ask("/api/state")[0] == 200
    finally:
        for connection in idle:
            connection.close()


def test_more_requests_than_are_worked_on_at_once_are_refused() -> None:
    async def run() -> list[int]:
        done, statuses = asyncio.Event(), list[int]()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await done.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                done.set()

        guard = Guard(app, port=None, token="t")
        headers = [(b"host", b"127.0.0.1:1"), (b"x-assay-token", b"t")]
        scope = {"type": "http", "path": "/api/state", "method": "GET", "headers": headers}
        async with asyncio.TaskGroup() as group:
            for _ in range(MOST_REQUESTS + 1):
                group.create_task(guard(scope, None, send))  # type: ignore[arg-type]
        await guard(scope, None, send)  # type: ignore[arg-type]
        return statuses

    assert asyncio.run(run()) == [503, *[200] * (MOST_REQUESTS + 1)]
