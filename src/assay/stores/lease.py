"""Create-if-absent leases: work that one process does at a time, without a lock that a dead process would hold for ever.

A lease is a file that only one process can create (O_EXCL; If-None-Match in a bucket). It names its end; after that anybody may take it over,
and on the machine of a holder that no longer runs, at once. A holder that is slower than its lease costs its work twice, never wrongly: rows are
keyed by content, and readers fold what two writers added.
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.stores.local import disk
from assay.stores.s3 import Bucket
from assay.stores.storage import Place, at


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
        return token if _taken(storage, f"leases/{name}.json", _holder(token, limit_s).encode()) else None
    path = storage.root / "leases" / f"{name}.json"
    with disk(path.with_suffix(".tmp")):
        path.parent.mkdir(parents=True, exist_ok=True)
        if _create(path, token, limit_s):
            return token
        if not expired(path):
            return None
        # rename, not unlink: only one of several takers can move the old file, and the loser must not remove the winner's new one
        aside = path.with_name(f".{name}.{secrets.token_hex(4)}.expired")
        with suppress(FileNotFoundError):
            os.rename(path, aside)
            if not expired(aside):  # another took it over between our look and our rename: give it back to that one
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


def expired(path: Path) -> bool:
    """Whether a lease's end is past; one that was never written whole counts by its age, and one that is gone is no lease."""
    if "until" in (held := _read(path)):
        return _over(held)
    try:
        return time.time() - path.stat().st_mtime > 60
    except FileNotFoundError:
        return False


def _over(held: dict[str, object]) -> bool:
    """Whether the end is past, or the holder is known to be dead: a process that started when it did is not on its machine any more."""
    if time.time() > float(str(held.get("until", 0))):
        return True
    return bool(held.get("machine")) and held["machine"] == _machine() and _started(int(str(held["process"]))) != held.get("started")


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
    here = {"host": socket.gethostname(), "process": os.getpid(), "machine": _machine(), "started": _started(os.getpid())}
    return json.dumps({"token": token, "until": time.time() + limit_s, **here})


def _read(path: Path) -> dict[str, object]:
    try:
        return _parsed(path.read_bytes())
    except OSError:
        return {}


def _parsed(data: bytes) -> dict[str, object]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _taken(bucket: Bucket, path: str, holder: bytes) -> bool:
    """Whether the object is ours now: made by us, or expired and replaced by us while it was still the one that we read."""
    if bucket.make(path, holder):
        return True
    try:
        held = bucket.read(path)
    except FileNotFoundError:  # given back since we tried
        return bucket.make(path, holder)
    return _over(_parsed(held)) and bucket.swap(path, held, holder)


def _ended(bucket: Bucket, path: str, token: str) -> None:
    with suppress(FileNotFoundError):
        held = bucket.read(path)
        if _parsed(held).get("token") == token:
            bucket.drop(path, held)
