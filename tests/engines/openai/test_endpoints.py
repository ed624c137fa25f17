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


def crew(*servers, patience=3, **more):
    return endpoints.Endpoints(servers, patience=patience, open_line=lambda url: Idle(), **more)


def test_the_least_loaded_server_for_its_size_is_asked_first():
    small, large = endpoints.Endpoint("a", 2), endpoints.Endpoint("b", 8)
    servers = crew(small, large)
    assert [servers.acquire()[0].url for _ in range(10)].count("b") == 8
    assert (small.load, large.load) == (2, 8)


def test_failures_of_calls_that_were_under_way_together_are_one_failure():
    now = itertools.count(start=1)
    server = endpoints.Endpoint("a", 64)
    servers = crew(server, clock=lambda: float(next(now)))
    for _ in range(64):
        servers.record_failure(server, RetryableError("died", dead=True), 0.5)
    assert server.failures == 1
    assert not servers.lost


def test_a_server_rests_twice_as_long_after_each_failure_and_as_long_as_it_asks():
    clock = [10.0]
    server = endpoints.Endpoint("a", 1)
    servers = crew(server, patience=9, clock=lambda: clock[0])
    rests = []
    for _ in range(4):
        servers.record_failure(server, RetryableError("busy", busy=True), clock[0])
        rests.append(server.until - clock[0])
        clock[0] = server.until + 1
    for place, rest in enumerate(rests):
        assert 0.125 * 2**place <= rest <= 0.25 * 2**place
    servers.record_failure(server, RetryableError("busy", busy=True, after_s=60.0), clock[0])
    assert server.until == clock[0] + 60


def test_one_answer_forgives_all_failures_and_too_many_lose_the_server():
    server = endpoints.Endpoint("a", 1)
    servers = crew(server, patience=1, clock=itertools.count(1.0).__next__)
    servers.record_failure(server, RetryableError("died"), 0.5)
    servers.record_answer(server)
    servers.record_failure(server, RetryableError("died"), 100.0)
    assert (server.failures, servers.lost) == (1, False)
    servers.record_failure(server, RetryableError("died"), 100.0)
    assert servers.lost
    assert servers.acquire() is None


@pytest.mark.parametrize(("used", "known"), [(5.0, True), (50.0, False)])
def test_who_dropped_a_connection_that_was_used_since_it_said_who_it_is_must_say_so_again(used, known):
    line = Idle(dropped=True, used=used)
    server = endpoints.Endpoint("a", 1, known=True, answered=60.0, verified=10.0, lines=[line])
    servers = crew(server, clock=lambda: 61.0)
    servers.acquire()
    assert line.closed
    assert servers.needs_identity_check(server) == (not known)


def test_a_broken_connection_or_a_minute_of_silence_makes_a_stranger():
    clock = [0.0]
    server = endpoints.Endpoint("a", 1)
    servers = crew(server, clock=lambda: clock[0])
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
    servers = crew(server)
    _, line = servers.acquire()
    servers.close()
    assert line.closed
    assert servers.acquire() is None
