"""Run work in several threads and yield results in the order in which they finish."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from assay.engines.requests.order import take_ready

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_concurrently(
    work: Callable[[Item], Result], given: Iterator[Item | None], *, size: int, tick_s: float
) -> Iterator[tuple[Result, ...]]:
    """Yield what has finished since the last look, at least every `tick_s` seconds, perhaps nothing; each item once.

    `given` is read in the caller's thread, at most 2 x `size` ahead of what has been yielded, so that a slow caller
    keeps nobody idle for long and a slow worker fills no memory. None in it means "none yet": it is read again once
    something has come. When it ends, all that was read is finished. Closing the iterator does not wait. What `work`
    raises is raised here, after what has come with it was yielded.

    >>> sorted(each for some in run_concurrently(abs, iter([-2, 1]), size=2, tick_s=1) for each in some)
    [1, 2]
    """
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    pool = ThreadPoolExecutor(size, thread_name_prefix="assay-engine")
    flying = 0
    try:
        while True:
            taken, ended = take_ready(given, max(0, 2 * size - flying))
            for each in taken:
                pool.submit(work, each).add_done_callback(done.put)
            flying += len(taken)
            if not flying and ended:
                return
            come = _collect_finished(done, tick_s) if flying else []
            flying -= len(come)
            failed = [future for future in come if future.exception()]
            yield tuple(future.result() for future in come if not future.exception())
            for future in failed:
                future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _collect_finished(done: "SimpleQueue[Future[Result]]", tick_s: float) -> list[Future[Result]]:
    """Return all finished futures, after waiting for the first."""
    found: list[Future[Result]] = []
    with suppress(Empty):
        found.append(done.get(timeout=tick_s))
        while True:
            found.append(done.get_nowait())
    return found
