"""Create-if-absent leases: work that one process does at a time, without a lock that a dead process would hold for ever.

A lease is a file that only one process can create (O_EXCL; If-None-Match in a bucket). It names how long it lasts from its last change; after that
anybody may take it over, and on the machine of a holder that no longer runs, at once. Its age is told by the storage's clock, or by the watch of
whoever looks at it again and again and finds it unchanged: no clock of a holder counts, so one that is hours ahead blocks nobody. A holder that is
slower than its lease costs its work twice, never wrongly: rows are keyed by content, and readers fold what two writers added.
"""

import json
import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.stores.storage.backend import Place, at
from assay.stores.storage.local import disk
from assay.stores.storage.s3 import Bucket

DAMAGED_S = 60.0  # after which a lease that says nothing of how long it lasts is over, or after the taker's own limit
TEXTS, NUMBERS = ("token", "host", "machine", "started"), ("until", "limit_s")
_watched: dict[
    str, tuple[bytes, float]
] = {}  # leases of others: their bytes, and since when they have been these, time.monotonic()
_guard = threading.Lock()


@contextmanager
def lease(root: Place, name: str, *, limit_s: float) -> Iterator[bool]:
    """Yields whether the lease is ours, and gives it back at the end.

    Raises:
        LakeError: the disk refused.
    """
    token = take(root, name, limit_s=limit_s)
    try:
        yield token is not None
    finally:
        if token is not None:
            give_back(root, name, token)


def take(root: Place, name: str, *, limit_s: float) -> str | None:
    """A token, or None while another holds the lease. An expired lease is set aside first, by exactly one of those who try."""
    storage, token = at(root), secrets.token_hex(8)
    if isinstance(storage, Bucket):
        return token if _taken(storage, f"leases/{name}.json", _holder(token, limit_s).encode(), limit_s) else None
    path = storage.root / "leases" / f"{name}.json"
    with disk(path.with_suffix(".tmp")):
        path.parent.mkdir(parents=True, exist_ok=True)
        if _create(path, token, limit_s):
            return token
        if (seen := _expired(path, limit_s)) is None:
            return None
        # rename, not unlink: only one of several takers can move the old file, and the loser must not remove the winner's new one
        aside = path.with_name(f".{name}.{secrets.token_hex(4)}.expired")
        with suppress(FileNotFoundError):
            os.rename(path, aside)
            if (
                aside.read_bytes() != seen
            ):  # renewed, or taken over by another, between our look and our rename: give it back to that one
                with suppress(FileExistsError):
                    os.link(aside, path)
                aside.unlink()
                return None
            aside.unlink()
        return token if _create(path, token, limit_s) else None


def give_back(root: Place, name: str, token: str) -> None:
    """Ends our lease; one that expired and was taken over by another stays theirs."""
    storage = at(root)
    if isinstance(storage, Bucket):
        _ended(storage, f"leases/{name}.json", token)
        return
    path = storage.root / "leases" / f"{name}.json"
    if _read(path).get("token") == token:
        path.unlink(missing_ok=True)


def renew(root: Place, name: str, token: str, *, limit_s: float) -> bool:
    """Whether the lease was still ours; if so it now ends limit_s from now."""
    storage, ours = at(root), _holder(token, limit_s).encode()
    if isinstance(storage, Bucket):
        with suppress(FileNotFoundError):
            held = storage.read(f"leases/{name}.json")
            return _parsed(held).get("token") == token and storage.swap(f"leases/{name}.json", held, ours)
        return False
    try:  # in place: a taker that has moved an expired file aside finds it alive and gives it back
        with (storage.root / "leases" / f"{name}.json").open("r+b") as file:
            if _parsed(file.read()).get("token") != token:
                return False
            file.seek(0)
            file.write(ours)
            file.truncate()
    except FileNotFoundError:
        return False
    return True


def holder(root: Place, name: str) -> dict[str, object]:
    """Who holds a lease, as `token`, `until` (seconds since 1970), `host` and `process`; empty where nobody does."""
    storage = at(root)
    if isinstance(storage, Bucket):
        with suppress(FileNotFoundError):
            return _parsed(storage.read(f"leases/{name}.json"))
        return {}
    return _read(storage.root / "leases" / f"{name}.json")


def expired(path: Path, limit_s: float = DAMAGED_S) -> bool:
    """Whether a lease is over; one that was never written whole counts by its age, and one that is gone is no lease."""
    return _expired(path, limit_s) is not None


def _expired(path: Path, limit_s: float) -> bytes | None:
    """The bytes of a lease that is over; None of one that lasts, or is gone."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    held = _parsed(data)
    lasts_s = _lasts_s(held, limit_s)
    if _given_up(held) or _unchanged_s(str(path), data) > lasts_s:
        return data
    try:
        return data if _age_s(path) > lasts_s else None
    except FileNotFoundError:
        return None


def _lasts_s(held: dict[str, object], limit_s: float) -> float:
    """How long a lease lasts from its last change: as it says itself, else as the taker would have it."""
    given = held.get("limit_s")
    return given if isinstance(given, float) and given > 0 else limit_s if "until" in held else min(limit_s, DAMAGED_S)


def _given_up(held: dict[str, object]) -> bool:
    """Whether the holder is known to be dead, for a process that started when it did is not on its machine any more; or an end says so itself.

    A lease of an earlier version says only its end, by its holder's clock.
    """
    until = held.get("until")
    if isinstance(until, float) and (until <= 0 or ("limit_s" not in held and time.time() > until)):
        return True
    process = held.get("process")
    return (
        bool(held.get("machine"))
        and held["machine"] == _machine()
        and isinstance(process, int)
        and _started(process) != held.get("started")
    )


def _unchanged_s(key: str, data: bytes) -> float:
    """For how long we have seen a lease unchanged, by our own watch."""
    now = time.monotonic()
    with _guard:
        known = _watched.get(key)
        if known is None or known[0] != data:
            _watched[key] = data, now
            return 0.0
        return now - known[1]


def _age_s(path: Path) -> float:
    """Seconds since a lease was last written, by the clock of the disk that it lies on: a file that is written now says what it is there."""
    clock = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp")
    try:
        clock.write_bytes(b"")
        return clock.stat().st_mtime - path.stat().st_mtime
    finally:
        clock.unlink(missing_ok=True)


def _machine() -> str:
    """This boot of this machine, as the processes of this container see it; "" where the system does not say."""
    with suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _started(process: int) -> str:
    """When a process started, in clock ticks since boot; "" for one that is gone or waits to be buried."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def _create(path: Path, token: str, limit_s: float) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(_holder(token, limit_s))
    return True


def _holder(token: str, limit_s: float) -> str:
    """The lease's words. `until` is for people; `beat` makes every renewal another text, whatever the clock says."""
    here = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "machine": _machine(),
        "started": _started(os.getpid()),
    }
    return json.dumps(
        {"token": token, "until": time.time() + limit_s, "limit_s": limit_s, "beat": secrets.token_hex(4), **here}
    )


def _read(path: Path) -> dict[str, object]:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return {}


def _parsed(data: bytes) -> dict[str, object]:
    """What a lease says, without what is of another kind than it should be: a damaged lease says less, and is no error."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    texts = {name: found[name] for name in TEXTS if isinstance(found.get(name), str)}
    numbers = {name: float(found[name]) for name in NUMBERS if _number(found.get(name))}
    process = found.get("process")
    return {
        **texts,
        **numbers,
        **({"process": process} if _number(process) and isinstance(process, int) and process > 0 else {}),
    }


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)


def _taken(bucket: Bucket, path: str, holder: bytes, limit_s: float) -> bool:
    """Whether the object is ours now: made by us, or over and replaced by us while it was still the one that we read."""
    if bucket.make(path, holder):
        return True
    try:
        data, age_s = bucket.read_aged(path)
    except FileNotFoundError:  # given back since we tried
        return bucket.make(path, holder)
    held = _parsed(data)
    over = _given_up(held) or max(_unchanged_s(f"{bucket.place}/{path}", data), age_s - 1) > _lasts_s(
        held, limit_s
    )  # whole seconds
    return over and bucket.swap(path, data, holder)


def _ended(bucket: Bucket, path: str, token: str) -> None:
    with suppress(FileNotFoundError):
        held = bucket.read(path)
        if _parsed(held).get("token") == token:
            bucket.drop(path, held)
