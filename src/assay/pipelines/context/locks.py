"""One scheduled run of a deployment at a time, by a lease in its lake that the run keeps renewing.

A run that was killed renews no more, and the next one takes over `dead_after_s` later at the latest: no server is asked, so none can keep a
slot occupied. Runs that a person starts take no turn.
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

LOOKS = 8  # at a lease, and renewals of one's own, while it lasts


class LockRefused(RuntimeError):
    """Another run has the turn, and this one is not to wait for it."""


@contextmanager
def schedule_lock(
    root: Place, deployment: str, *, overlap: Literal["wait", "refuse"], dead_after_s: float, say: Callable[[str], None]
) -> Iterator[None]:
    """Holds the deployment's turn; of those who wait for it there is one at most, since a third would find nothing left to do.

    Raises:
        Refused: another run has the turn (overlap "refuse"), or has it while a second one waits (overlap "wait").
        LakeError: the disk refused.
    """
    mine = content_id("turn", deployment)
    if overlap == "refuse":
        token = _unless_alive(root, mine, dead_after_s, f"another scheduled run of {deployment!r} is at work")
    else:
        token = take(root, mine, limit_s=dead_after_s) or _queue(root, deployment, dead_after_s, say)
    with renewing(root, mine, token, dead_after_s, say):
        yield


def _queue(root: Place, deployment: str, dead_after_s: float, say: Callable[[str], None]) -> str:
    mine, queue = content_id("turn", deployment), content_id("queue", deployment)
    place = _unless_alive(
        root, queue, dead_after_s, f"a scheduled run of {deployment!r} is at work and another one waits"
    )
    with renewing(root, queue, place, dead_after_s, say):
        say(
            f"another scheduled run of {deployment!r} is at work{holder_text(root, mine)}: this one waits until it ends"
        )
        while (token := take(root, mine, limit_s=dead_after_s)) is None:
            time.sleep(min(1.0, dead_after_s / LOOKS))
    return token


def _unless_alive(root: Place, name: str, dead_after_s: float, why: str) -> str:
    """The lease's token; a holder that renews it while we look is alive, one that does not is dead."""
    seen = holder(root, name).get("until")
    while (token := take(root, name, limit_s=dead_after_s)) is None:
        until = holder(root, name).get("until")
        if seen is not None and until is not None and until != seen:
            raise LockRefused(f"{why}{holder_text(root, name)}")
        seen = until or seen
        time.sleep(dead_after_s / LOOKS)
    return token


def holder_text(root: Place, name: str) -> str:
    """The holder of a lease, in brackets; "" where nobody is told."""
    told = holder(root, name)
    return f" (process {told['process']} on {told.get('host', 'an unknown machine')})" if "process" in told else ""


@contextmanager
def renewing(root: Place, name: str, token: str, dead_after_s: float, say: Callable[[str], None]) -> Iterator[None]:
    """Renews a lease that is ours for as long as it lasts, and gives it back."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(dead_after_s / LOOKS):
            try:
                if not renew(root, name, token, limit_s=dead_after_s):
                    say(
                        f"this run stood still for over {dead_after_s:.0f} s and was taken for dead: another may work beside it; rows are the same"
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
