import threading
from collections import deque

import pytest

from assay.engines.openai.concurrency import run_concurrently


def test_a_slow_one_holds_up_nobody_and_all_come_once():
    slow = threading.Event()
    results, seen = run_concurrently(lambda n: n if n or slow.wait(5) else -1, iter(range(6)), size=2, tick_s=0.01), []
    while len(seen) < 3:
        seen += next(results)
    assert 0 not in seen
    slow.set()
    assert sorted([*seen, *(result for some in results for result in some)]) == [0, 1, 2, 3, 4, 5]


def test_nothing_is_read_further_ahead_than_twice_the_threads():
    read = []
    results = run_concurrently(lambda n: n, (read.append(n) or n for n in range(1000)), size=3, tick_s=1)
    first = next(results)
    assert len(read) == 6
    assert 1 <= len(first) <= 6
    results.close()


def test_what_was_done_is_yielded_before_a_failure_is_raised():
    def work(n):
        if n == 3:
            raise ValueError("three")
        return n

    seen, results = [], run_concurrently(work, iter(range(4)), size=1, tick_s=1)
    with pytest.raises(ValueError, match="three"):
        deque(map(seen.extend, results))
    assert sorted(seen) == [0, 1, 2]


def test_a_caller_is_heard_while_nothing_comes():
    wait = threading.Event()
    results = run_concurrently(lambda _: wait.wait(5), iter([1]), size=1, tick_s=0.01)
    assert next(results) == ()
    wait.set()
    assert [result for some in results for result in some] == [True]


def test_none_says_that_more_is_given_only_once_something_has_come():
    """Work whose next piece depends on the last: 1 doubles until it is 8."""
    results = [1]

    def items():
        sent = 0
        while results[-1] < 8:
            if sent < len(results):
                sent += 1
                yield results[sent - 1]
            else:
                yield None

    for some in run_concurrently(lambda n: 2 * n, items(), size=2, tick_s=0.01):
        results.extend(some)
    assert results == [1, 2, 4, 8]
