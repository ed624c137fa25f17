"""Let one scheduled run of a deployment work at a time, by a lease in its lake that the run keeps renewing.

A killed run stops renewing, and the next one takes over `dead_after_s` later at the latest. No server is involved, so
none can block a deployment for ever. Runs that a person starts do not take the lock.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from assay.core.errors import LakeError
from assay.core.identity import content_id
from assay.stores.commits.lease import give_back, holder, renew, take
from assay.stores.storage.backend import Place

LOOKS = 8  # how often a lease is looked at, or renewed by its holder, within the time that it lasts


class LockRefused(RuntimeError):
    """Another run holds the lock, and this one shall not wait for it."""


@contextmanager
def schedule_lock(
    root: Place, deployment: str, *, overlap: Literal["wait", "refuse"], dead_after_s: float, say: Callable[[str], None]
) -> Iterator[None]:
    """Hold the deployment's lock. At most one run waits for it, since a third would find nothing left to do.

    Args:
        root: of the lake.
        deployment: its name.
        overlap: what to do while another run holds the lock.
        dead_after_s: seconds without renewal after which a run counts as dead.
        say: receives what is reported.

    Raises:
        LockRefused: another run holds the lock (overlap "refuse"), or a second one waits already (overlap "wait").
        LakeError: the disk refused.
    """
    mine = content_id("turn", deployment)
    if overlap == "refuse":
        token = _take_if_dead(root, mine, dead_after_s, f"another scheduled run of {deployment!r} is running")
    else:
        token = take(root, mine, limit_s=dead_after_s) or _wait_in_queue(root, deployment, dead_after_s, say)
    with keep_renewed(root, mine, token, dead_after_s, say):
        yield


def _wait_in_queue(root: Place, deployment: str, dead_after_s: float, say: Callable[[str], None]) -> str:
    mine, queue = content_id("turn", deployment), content_id("queue", deployment)
    place = _take_if_dead(
        root, queue, dead_after_s, f"a scheduled run of {deployment!r} is running and another one is waiting"
    )
    with keep_renewed(root, queue, place, dead_after_s, say):
        say(
            f"another scheduled run of {deployment!r} is running{holder_text(root, mine)}: this one waits until it ends"
        )
        while (token := take(root, mine, limit_s=dead_after_s)) is None:
            time.sleep(min(1.0, dead_after_s / LOOKS))
    return token


def _take_if_dead(root: Place, name: str, dead_after_s: float, why: str) -> str:
    """Take a lease and return its token; a holder that renews it meanwhile is alive, and the lock is refused."""
    last_until = holder(root, name).get("until")
    while (token := take(root, name, limit_s=dead_after_s)) is None:
        until = holder(root, name).get("until")
        if last_until is not None and until is not None and until != last_until:
            raise LockRefused(f"{why}{holder_text(root, name)}")
        last_until = until or last_until
        time.sleep(dead_after_s / LOOKS)
    return token


def holder_text(root: Place, name: str) -> str:
    """Describe the holder of a lease in brackets; "" where it is not known."""
    lease = holder(root, name)
    return f" (process {lease['process']} on {lease.get('host', 'an unknown machine')})" if "process" in lease else ""


@contextmanager
def keep_renewed(root: Place, name: str, token: str, dead_after_s: float, say: Callable[[str], None]) -> Iterator[None]:
    """Renew a lease of one's own while the body runs, and give it back at the end."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(dead_after_s / LOOKS):
            try:
                if not renew(root, name, token, limit_s=dead_after_s):
                    say(
                        f"this run stood still for over {dead_after_s:.0f} s and was considered dead; "
                        "another run may work beside it, and the stored rows stay the same"
                    )
                    return
            except (OSError, LakeError) as error:
                say(f"the turn's lease was not renewed, next try in {dead_after_s / LOOKS:.0f} s: {error}")

    keeper = threading.Thread(target=keep, name="turn", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join(dead_after_s)
        give_back(root, name, token)
