"""Create-if-absent leases: work that one process does at a time, without a lock that a dead process would hold forever.

A lease is a file that only one process can create (O_EXCL; If-None-Match in a bucket). It says how long it lasts from
its last change; after that any process may take it over, and on the machine of a holder that no longer runs, at once.
Its age is measured by the storage's clock, or by the clock of a process that has seen it unchanged for that long. The
holder's clock does not count, so one that is hours ahead blocks nobody. When a holder outlives its lease, its work is
done twice, never wrongly: rows are keyed by content, and readers fold what two writers added.
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
from assay.stores.storage.local import translate_disk_errors
from assay.stores.storage.s3 import Bucket

DAMAGED_S = 60.0  # how long a lease without a duration lasts, or the taker's own limit if that is shorter
TEXTS, NUMBERS = ("token", "host", "machine", "started"), ("until", "limit_s")
# other processes' leases: their bytes, and the time.monotonic() since when they have been unchanged
_watched: dict[str, tuple[bytes, float]] = {}
_guard = threading.Lock()


@contextmanager
def lease(root: Place, name: str, *, limit_s: float) -> Iterator[bool]:
    """Take a lease for the time of a `with` block.

    Args:
        root: the lake.
        name: what the lease is for.
        limit_s: how long it lasts from its last renewal.

    Yields:
        Whether this process holds it.

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
    """Take a lease and return its token; None while another process holds it.

    An expired lease is set aside first, by exactly one of the processes that try.

    Raises:
        LakeError: the disk refused.
    """
    storage, token = at(root), secrets.token_hex(8)
    if isinstance(storage, Bucket):
        return token if _taken(storage, f"leases/{name}.json", _holder(token, limit_s).encode(), limit_s) else None
    path = storage.root / "leases" / f"{name}.json"
    with translate_disk_errors(path.with_suffix(".tmp")):
        path.parent.mkdir(parents=True, exist_ok=True)
        if _create(path, token, limit_s):
            return token
        if (old_content := _expired(path, limit_s)) is None:
            return None
        # rename, not unlink: only one taker can move the old file, and the others must not remove the winner's new one
        aside = path.with_name(f".{name}.{secrets.token_hex(4)}.expired")
        with suppress(FileNotFoundError):
            os.rename(path, aside)
            # renewed, or taken over by another, between our reading and our rename: give it back to that process
            if aside.read_bytes() != old_content:
                with suppress(FileExistsError):
                    os.link(aside, path)
                aside.unlink()
                return None
            aside.unlink()
        return token if _create(path, token, limit_s) else None


def give_back(root: Place, name: str, token: str) -> None:
    """End our lease; one that expired and was taken over by another process stays."""
    storage = at(root)
    if isinstance(storage, Bucket):
        _ended(storage, f"leases/{name}.json", token)
        return
    path = storage.root / "leases" / f"{name}.json"
    if _read(path).get("token") == token:
        path.unlink(missing_ok=True)


def renew(root: Place, name: str, token: str, *, limit_s: float) -> bool:
    """Make our lease last `limit_s` from now; return whether it was still ours."""
    storage, ours = at(root), _holder(token, limit_s).encode()
    if isinstance(storage, Bucket):
        with suppress(FileNotFoundError):
            content = storage.read(f"leases/{name}.json")
            return _parsed(content).get("token") == token and storage.swap(f"leases/{name}.json", content, ours)
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
    """Return who holds a lease: `token`, `until` (seconds since 1970), `host`, `process`; {} where nobody does."""
    storage = at(root)
    if isinstance(storage, Bucket):
        with suppress(FileNotFoundError):
            return _parsed(storage.read(f"leases/{name}.json"))
        return {}
    return _read(storage.root / "leases" / f"{name}.json")


def expired(path: Path, limit_s: float = DAMAGED_S) -> bool:
    """Return whether a lease is over: a damaged one by its age; False where there is none."""
    return _expired(path, limit_s) is not None


def _expired(path: Path, limit_s: float) -> bytes | None:
    """Return the bytes of a lease that is over; None where it still lasts, or there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    lease_fields = _parsed(data)
    lasts_s = _lasts_s(lease_fields, limit_s)
    if _given_up(lease_fields) or _unchanged_s(str(path), data) > lasts_s:
        return data
    try:
        return data if _age_s(path) > lasts_s else None
    except FileNotFoundError:
        return None


def _lasts_s(lease_fields: dict[str, object], limit_s: float) -> float:
    """Return how long a lease lasts from its last change: what it says itself, else the taker's limit."""
    duration_s = lease_fields.get("limit_s")
    if isinstance(duration_s, float) and duration_s > 0:
        return duration_s
    return limit_s if "until" in lease_fields else min(limit_s, DAMAGED_S)


def _given_up(lease_fields: dict[str, object]) -> bool:
    """Return whether a lease is over before its time: its holder, a process of this machine, is dead, or it says so.

    A lease of an earlier version holds only its end, by its holder's clock.
    """
    until = lease_fields.get("until")
    if isinstance(until, float) and (until <= 0 or ("limit_s" not in lease_fields and time.time() > until)):
        return True
    process = lease_fields.get("process")
    return (
        bool(lease_fields.get("machine"))
        and lease_fields["machine"] == _machine()
        and isinstance(process, int)
        and _started(process) != lease_fields.get("started")
    )


def _unchanged_s(key: str, data: bytes) -> float:
    """Return for how many seconds this process has seen a lease unchanged, by its own clock."""
    now = time.monotonic()
    with _guard:
        last_look = _watched.get(key)
        if last_look is None or last_look[0] != data:
            _watched[key] = data, now
            return 0.0
        return now - last_look[1]


def _age_s(path: Path) -> float:
    """Return the seconds since a lease was last written, by its disk's clock, which the time of a new file shows."""
    clock = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp")
    try:
        clock.write_bytes(b"")
        return clock.stat().st_mtime - path.stat().st_mtime
    finally:
        clock.unlink(missing_ok=True)


def _machine() -> str:
    """Return an identifier of this boot of this machine and of its process namespace; "" where there is none."""
    with suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _started(process: int) -> str:
    """Return when a process started, in clock ticks since boot; "" for one that is gone or a zombie."""
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
    """Return a lease's text. `until` is for people; `beat` makes every renewal differ, whatever the clock says."""
    fields = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "machine": _machine(),
        "started": _started(os.getpid()),
    }
    return json.dumps(
        {"token": token, "until": time.time() + limit_s, "limit_s": limit_s, "beat": secrets.token_hex(4), **fields}
    )


def _read(path: Path) -> dict[str, object]:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return {}


def _parsed(data: bytes) -> dict[str, object]:
    """Return a lease's fields without those of a wrong type: a damaged lease holds fewer, and is no error."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(tree, dict):
        return {}
    texts = {name: tree[name] for name in TEXTS if isinstance(tree.get(name), str)}
    numbers = {name: float(tree[name]) for name in NUMBERS if _number(tree.get(name))}
    process = tree.get("process")
    return {
        **texts,
        **numbers,
        **({"process": process} if _number(process) and isinstance(process, int) and process > 0 else {}),
    }


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)


def _taken(bucket: Bucket, path: str, holder: bytes, limit_s: float) -> bool:
    """Try to take a lease in a bucket; return whether it is ours now.

    It is if we created it, or if it was over and we replaced it while it was still the one that we read.
    """
    if bucket.make(path, holder):
        return True
    try:
        data, age_s = bucket.read_aged(path)
    except FileNotFoundError:  # given back since we tried
        return bucket.make(path, holder)
    old_fields = _parsed(data)
    key = f"{bucket.place}/{path}"
    # age in whole seconds
    over = _given_up(old_fields) or max(_unchanged_s(key, data), age_s - 1) > _lasts_s(old_fields, limit_s)
    return over and bucket.swap(path, data, holder)


def _ended(bucket: Bucket, path: str, token: str) -> None:
    with suppress(FileNotFoundError):
        content = bucket.read(path)
        if _parsed(content).get("token") == token:
            bucket.drop(path, content)
