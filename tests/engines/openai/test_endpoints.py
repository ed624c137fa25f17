import itertools

import pytest

from assay.engines.openai import endpoints
from assay.engines.openai.connection import RetryableError


class Idle:
    """A connection that the server may have dropped."""

    def __init__(self, *, dropped=False, used=0.0):
        self.dropped, self.used, self.closed = dropped, used, False

    def close(self):
        self.closed = True

    def cut(self):
        self.closed = True


def balance(*servers, patience=3, **more):
    return endpoints.Endpoints(servers, patience=patience, open_connection=lambda url: Idle(), **more)


def test_the_least_loaded_server_for_its_size_is_asked_first():
    small, large = endpoints.Endpoint("a", 2), endpoints.Endpoint("b", 8)
    servers = balance(small, large)
    assert [servers.acquire()[0].url for _ in range(10)].count("b") == 8
    assert (small.load, large.load) == (2, 8)


def test_failures_of_calls_that_were_under_way_together_are_one_failure():
    now = itertools.count(start=1)
    server = endpoints.Endpoint("a", 64)
    servers = balance(server, clock=lambda: float(next(now)))
    for _ in range(64):
        servers.record_failure(server, RetryableError("died", dead=True), 0.5)
    assert server.failures == 1
    assert not servers.lost


def test_a_dead_server_is_tried_by_one_sample_until_it_answers():
    clock = [1.0]
    server = endpoints.Endpoint("a", 64, is_verified=True)
    servers = balance(server, endpoints.Endpoint("b", 64), clock=lambda: clock[0])
    servers.record_failure(server, RetryableError("refused", dead=True), 0.5)
    clock[0] = server.rest_ends + 1
    urls = [servers.acquire()[0].url for _ in range(65)]
    assert urls.count("a") == 1, "64 samples would each have spent one of their tries"
    servers.record_identity(server)
    servers.record_answer(server)
    assert [servers.acquire()[0].url for _ in range(63)] == ["a"] * 63


def test_a_server_rests_twice_as_long_after_each_failure_and_as_long_as_it_asks():
    clock = [10.0]
    server = endpoints.Endpoint("a", 1)
    servers = balance(server, patience=9, clock=lambda: clock[0])
    rests = []
    for _ in range(4):
        servers.record_failure(server, RetryableError("busy", busy=True), clock[0])
        rests.append(server.rest_ends - clock[0])
        clock[0] = server.rest_ends + 1
    for i, rest in enumerate(rests):
        assert 0.125 * 2**i <= rest <= 0.25 * 2**i
    servers.record_failure(server, RetryableError("busy", busy=True, after_s=60.0), clock[0])
    assert server.rest_ends == clock[0] + 60


def test_one_answer_forgives_all_failures_and_too_many_lose_the_server():
    server = endpoints.Endpoint("a", 1)
    servers = balance(server, patience=1, clock=itertools.count(1.0).__next__)
    servers.record_failure(server, RetryableError("died"), 0.5)
    servers.record_answer(server)
    servers.record_failure(server, RetryableError("died"), 100.0)
    assert (server.failures, servers.lost) == (1, False)
    servers.record_failure(server, RetryableError("died"), 100.0)
    assert servers.lost
    assert servers.acquire() is None


@pytest.mark.parametrize(("used", "is_verified"), [(5.0, True), (50.0, False)])
def test_who_dropped_a_used_connection_must_say_again_who_it_is(used, is_verified):
    connection = Idle(dropped=True, used=used)
    server = endpoints.Endpoint(
        "a", 1, is_verified=True, last_answer=60.0, last_check=10.0, idle_connections=[connection]
    )
    servers = balance(server, clock=lambda: 61.0)
    servers.acquire()
    assert connection.closed
    assert servers.needs_identity_check(server) == (not is_verified)


def test_a_broken_connection_or_a_minute_of_silence_makes_a_stranger():
    clock = [0.0]
    server = endpoints.Endpoint("a", 1)
    servers = balance(server, clock=lambda: clock[0])
    assert servers.needs_identity_check(server)
    servers.record_identity(server)
    assert not servers.needs_identity_check(server)
    clock[0] = 61.0
    assert servers.needs_identity_check(server)
    servers.record_identity(server)
    servers.record_failure(server, RetryableError("reset", dead=True), 61.0)
    assert servers.needs_identity_check(server)


def test_closing_cuts_the_calls_under_way_and_lets_go_who_waits():
    server = endpoints.Endpoint("a", 1)
    servers = balance(server)
    _, connection = servers.acquire()
    servers.close()
    assert connection.closed
    assert servers.acquire() is None
