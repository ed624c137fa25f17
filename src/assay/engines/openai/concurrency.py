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
    work: Callable[[Item], Result], items: Iterator[Item | None], *, size: int, tick_s: float
) -> Iterator[tuple[Result, ...]]:
    """Run `work` on every item in threads, and yield the results as they come, at least every `tick_s` seconds.

    Args:
        work: called once per item. What it raises is raised here, after the other results of that time were yielded.
        items: read in the caller's thread, at most 2 x `size` ahead of what has been yielded, so that a slow caller
            keeps no thread idle for long and slow work fills no memory. None means "none yet": it is read again after
            a result. When it ends, all items that were read are finished.
        size: threads.
        tick_s: longest time without a yield; the tuple is then empty.

    Returns:
        An iterator of tuples of results. Closing it does not wait for the threads.

    >>> sorted(number for some in run_concurrently(abs, iter([-2, 1]), size=2, tick_s=1) for number in some)
    [1, 2]
    """
    queue: SimpleQueue[Future[Result]] = SimpleQueue()
    pool = ThreadPoolExecutor(size, thread_name_prefix="assay-engine")
    n_in_flight = 0
    try:
        while True:
            ready, is_last = take_ready(items, max(0, 2 * size - n_in_flight))
            for item in ready:
                pool.submit(work, item).add_done_callback(queue.put)
            n_in_flight += len(ready)
            if not n_in_flight and is_last:
                return
            futures = _collect_finished(queue, tick_s) if n_in_flight else []
            n_in_flight -= len(futures)
            failures = [future for future in futures if future.exception()]
            yield tuple(future.result() for future in futures if not future.exception())
            for future in failures:
                future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _collect_finished(queue: "SimpleQueue[Future[Result]]", tick_s: float) -> list[Future[Result]]:
    """Return all finished futures, after waiting for the first."""
    futures: list[Future[Result]] = []
    with suppress(Empty):
        futures.append(queue.get(timeout=tick_s))
        while True:
            futures.append(queue.get_nowait())
    return futures
