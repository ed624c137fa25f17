"""Create-if-absent leases: work that one process does at a time, without a lock that a dead process would hold for ever.

A lease is a file that only one process can create (O_EXCL; If-None-Match in a bucket). It names its end; after that anybody may take it over. A
holder that is slower than its lease costs its work twice, never wrongly: rows are keyed by content, and readers fold what two writers added.
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
    """Puts the end of our lease off to `limit_s` from now, also where it has ended and nobody took it over; False where it is another's by now.

    Raises:
        LakeError: the disk refused.
    """
    storage, holder = at(root), _holder(token, limit_s)
    if isinstance(storage, Bucket):
        return _put_off(storage, f"leases/{name}.json", token, holder.encode())
    path = storage.root / "leases" / f"{name}.json"
    if _read(path).get("token") != token:
        return False
    aside = path.with_name(f".{name}.{token}.renewed")
    with disk(aside):
        aside.write_text(holder)
        os.replace(aside, path)  # who takes it over at this moment works beside us, as behind a slow holder
    return True


def expired(path: Path) -> bool:
    """Whether a lease's end is past; one that was never written whole counts by its age, and one that is gone is no lease."""
    if until := _read(path).get("until"):
        return time.time() > float(str(until))
    try:
        return time.time() - path.stat().st_mtime > 60
    except FileNotFoundError:
        return False


def _create(path: Path, token: str, limit_s: float) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(_holder(token, limit_s))
    return True


def _holder(token: str, limit_s: float) -> str:
    return json.dumps({"token": token, "until": time.time() + limit_s, "host": socket.gethostname(), "process": os.getpid()})


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
    return time.time() > float(str(_parsed(held).get("until", 0))) and bucket.swap(path, held, holder)


def _put_off(bucket: Bucket, path: str, token: str, holder: bytes) -> bool:
    try:
        held = bucket.read(path)
    except FileNotFoundError:
        return False
    return _parsed(held).get("token") == token and bucket.swap(path, held, holder)


def _ended(bucket: Bucket, path: str, token: str) -> None:
    with suppress(FileNotFoundError):
        held = bucket.read(path)
        if _parsed(held).get("token") == token:
            bucket.drop(path, held)
