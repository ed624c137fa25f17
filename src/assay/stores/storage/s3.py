"""A lake in a bucket that speaks S3: every commit is one conditional put, and a mirror on this machine keeps copies.

S3 has no rename and no link. `If-None-Match: *` creates an object that must be new, `If-Match` replaces one that has
not changed since it was read; a service that ignores the first is detected before anything is committed. The address,
region and credentials of the service come from the usual environment variables and files of AWS tools; no config, log
or error contains them.
"""

import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa

from assay.core import folders
from assay.core.errors import ConfigError, LakeError, require
from assay.stores.storage.local import Local, translate_disk_errors
from assay.stores.storage.mirror import MARK, MIRROR, evict, use

ADDRESS = re.compile(r"s3:/+([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^?#]*))?")
CUT_TRIES, CUT_PAUSE_S = 6, 0.1  # tries of a body that breaks off, and the pause after the first, which then doubles
AT_ONCE = 16  # objects that are fetched at a time
TRIES = 5  # of a put that conflicted with another writer's
ABSENT = ("404", "NoSuchKey", "NotFound")
REFUSED = ("412", "PreconditionFailed")
MESSAGES = {  # by the service's error code
    "NoSuchBucket": "there is no such bucket; create it, or correct the address",
    "AccessDenied": "no permission: the credentials do not allow it",
    "403": "no permission: the credentials do not allow it",
    "InvalidAccessKeyId": "no permission: the service does not know this access key",
    "SignatureDoesNotMatch": "no permission: the secret key does not match the access key",
    "ExpiredToken": "no permission: the credentials have expired",
    "PermanentRedirect": "the bucket is in another region; set AWS_DEFAULT_REGION to it",
    "301": "the bucket is in another region; set AWS_DEFAULT_REGION to it",
}

Value = TypeVar("Value")


@cache
def bucket(address: str) -> "Bucket":
    """Return the bucket of an address, one per process, after a first request that shows whether it can be used.

    Raises:
        ConfigError: the address is none, the extra `s3` is not installed, there are no credentials, no such bucket or
            no permission, or the service does not answer.
    """
    if re.match(r"s3:/+[^/]*@", address):
        raise ConfigError(
            "a lake address must not hold credentials; use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    if not (match := ADDRESS.fullmatch(address)):
        raise ConfigError(f"{address!r} is not a lake address such as s3://BUCKET/PREFIX")
    opened = Bucket(match[1], (match[2] or "").strip("/"))
    opened.names("")
    return opened


@dataclass
class Bucket:
    """A prefix of a bucket (`backend.Storage`). Threads may share it."""

    name: str
    prefix: str
    remote = True
    _founded: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        require("botocore", extra="s3")
        session, config, self._errors = (
            import_module(f"botocore.{name}") for name in ("session", "config", "exceptions")
        )
        # botocore lets some of its transport's own errors through
        transport = import_module("urllib3.exceptions").HTTPError
        self._cut: tuple[type[Exception], ...] = (
            self._errors.IncompleteReadError,
            self._errors.ResponseStreamingError,
            self._errors.ReadTimeoutError,
            transport,
        )
        settings = config.Config(
            connect_timeout=10, read_timeout=60, retries={"mode": "standard"}, max_pool_connections=AT_ONCE
        )
        with self._asking("the service"):
            self._client: Any = session.get_session().create_client("s3", config=settings)
        self._service = urlsplit(self._client.meta.endpoint_url)
        key = hashlib.sha256(f"{self._service.netloc} {self.place}".encode()).hexdigest()[:12]
        self._mirror = Local(folders.cache_folder() / "lakes" / f"{self.name}-{key}")
        self._mirror.put(MIRROR, self.place.encode())

    @property
    def root(self) -> Path:
        """The mirror's folder. Its files may be deleted at any time."""
        return self._mirror.root

    @property
    def place(self) -> str:
        """The address."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def found(self, data: bytes) -> None:
        """Write lake.json where there is none, and check that the service honours `If-None-Match`.

        Raises:
            ConfigError: it does not, so two writers could overwrite each other's commits.
        """
        if self._founded:
            return
        self._put_new("lake.json", data)
        if self.names("manifest") is None and self.names("tables") is None:
            self._put(MARK, b"")
        if self._put_new("lake.json", self.read("lake.json")):
            raise ConfigError(
                f"{self.place}: {self._service.hostname} ignores If-None-Match, "
                "without which two writers overwrite each other's commits"
            )
        self._founded = True

    def writing(self) -> AbstractContextManager[None]:
        """Do nothing: an object store has no lock to hold."""
        return contextlib.nullcontext()

    def undisturbed(self) -> AbstractContextManager[bool]:
        """Yield False: an object store cannot keep writers out."""
        return contextlib.nullcontext(False)

    def write(self, path: str, data: bytes | pa.Buffer) -> None:
        """Write one object, and a copy into the mirror, so that this process need not fetch it."""
        self._put(path, data)
        with contextlib.suppress(LakeError):
            self._mirror.put(path, data)

    def create(self, path: str, data: bytes) -> None:
        """Write one object under a name that must be new.

        Raises:
            LakeError: there is another of this name.
        """
        if not self.make(path, data):
            raise LakeError(f"{self.place}/{path} already exists, and entries are never rewritten")
        with contextlib.suppress(LakeError):
            self._mirror.put(path, data)

    def make(self, path: str, data: bytes) -> bool:
        """Create an object; return False where there is one with other bytes.

        One with the same bytes counts as ours: the client repeats a put whose answer got lost.
        """
        if self._put_new(path, data):
            return True
        with contextlib.suppress(FileNotFoundError):
            return self.read(path) == data
        return False

    def swap(self, path: str, old_data: bytes, data: bytes) -> bool:
        """Replace an object that still holds the bytes `old_data`; return False where it does not."""
        with contextlib.suppress(FileNotFoundError), self._asking(path):
            present, answer = self._whole(path)
            return present == old_data and self._conditional(path, data, IfMatch=answer["ETag"])
        return False

    def drop(self, path: str, old_data: bytes) -> None:
        """Delete an object that still holds the bytes `old_data`; what another process has put there since stays."""
        with contextlib.suppress(FileNotFoundError), self._asking(path):
            present, answer = self._whole(path)
            if present == old_data:
                self._unless_refused(self._client.delete_object, path, IfMatch=answer["ETag"])

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        """Write one object in place of the one before."""
        self._put(path, data)

    def read(self, path: str) -> bytes:
        """Return an object's present bytes."""
        with self._asking(path):
            return self._whole(path)[0]

    def read_aged(self, path: str) -> tuple[bytes, float]:
        """Return an object's present bytes and their age, by the service's clock, which counts whole seconds."""
        with self._asking(path):
            data, answer = self._whole(path)
        try:
            now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
            return data, max(0.0, (now - answer["LastModified"]).total_seconds())
        except (KeyError, TypeError, ValueError):
            return data, 0.0

    def names(self, folder: str) -> list[str] | None:
        """Return what lies directly under a prefix; None where nothing does."""
        under = self._key(f"{folder}/" if folder else "")
        keys = []
        for page in self._pages(under, "/"):
            keys += [item["Key"] for item in page.get("Contents", ())] + [
                item["Prefix"].rstrip("/") for item in page.get("CommonPrefixes", ())
            ]
        return [name[len(under) :] for name in keys] or None

    def files(self, folder: str) -> dict[str, int]:
        """Return the size in bytes of every object under a prefix, by path."""
        start = len(self._key(""))
        return {
            item["Key"][start:]: item["Size"]
            for page in self._pages(self._key(f"{folder}/"), "")
            for item in page.get("Contents", ())
        }

    def remove(self, path: str) -> bool:
        """Delete an object and its copy; return True: the service does not say whether there was one."""
        self._mirror.remove(path)
        with self._asking(path):
            self._client.delete_object(Bucket=self.name, Key=self._key(path))
        return True

    def move(self, path: str, target: str) -> None:
        """Copy an object within the service, then delete it; does nothing where there is none."""
        with contextlib.suppress(FileNotFoundError):
            with self._asking(path):
                source = {"Bucket": self.name, "Key": self._key(path)}
                self._client.copy_object(Bucket=self.name, Key=self._key(target), CopySource=source)
            self.remove(path)

    def fetch(self, paths: Iterable[str]) -> None:
        """Download what the mirror lacks; where it grows too large, delete what was used longest ago."""
        lacking = [path for path in dict.fromkeys(paths) if not use(self.root / path)]
        if not lacking:
            return
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(self._get, lacking))
        evict(self.root)

    def local(self, path: str) -> Path:
        """Return the path of the mirror's copy, downloaded if it is not there.

        Raises:
            FileNotFoundError: there is no such object.
        """
        if not use(self.root / path) and not self._get(path):
            raise FileNotFoundError(f"{self.place}/{path}")
        return self.root / path

    def kept(self, path: str) -> bytes:
        """Return the bytes of the mirror's copy."""
        return self.local(path).read_bytes()

    def stale(self, path: str) -> None:
        """Delete the mirror's copy."""
        self._mirror.remove(path)

    def _get(self, path: str) -> bool:
        final = self.root / path
        temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
        try:
            with self._asking(path):
                with translate_disk_errors(temporary):
                    final.parent.mkdir(parents=True, exist_ok=True)
                self._again(path, lambda answer: self._poured(answer, temporary))
                with translate_disk_errors(temporary):
                    temporary.replace(final)
        except FileNotFoundError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _whole(self, path: str) -> tuple[bytes, dict[str, Any]]:
        """Return an object's bytes, and the service's response."""
        return self._again(path, lambda answer: bytes(answer["Body"].read()))

    def _again(self, path: str, read: Callable[[dict[str, Any]], Value]) -> tuple[Value, dict[str, Any]]:
        """Read an object's body; request it again where it breaks off, as the client retries only up to the headers."""
        for attempt in range(CUT_TRIES):
            answer = self._client.get_object(Bucket=self.name, Key=self._key(path))
            try:
                return read(answer), answer
            except self._cut:
                answer["Body"].close()
                if attempt == CUT_TRIES - 1:
                    raise
                time.sleep(CUT_PAUSE_S * 2**attempt)
        raise AssertionError(path)

    def _poured(self, answer: dict[str, Any], file: Path) -> None:
        with translate_disk_errors(file):
            open_file = file.open("wb")
        with open_file:
            for piece in answer["Body"].iter_chunks(1 << 20):
                # errors of the disk only: a connection that breaks off is an OSError too
                with translate_disk_errors(file):
                    open_file.write(piece)

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    def _put(self, path: str, data: bytes | pa.Buffer) -> None:
        with self._asking(path):
            self._client.put_object(Bucket=self.name, Key=self._key(path), Body=bytes(data))

    def _put_new(self, path: str, data: bytes) -> bool:
        with self._asking(path):
            return self._conditional(path, data, IfNoneMatch="*")

    def _conditional(self, path: str, data: bytes, **condition: str) -> bool:
        """Send one conditional put; return False where the condition does not hold."""
        return self._unless_refused(self._client.put_object, path, Body=data, **condition)

    def _unless_refused(self, send: Callable[..., Any], path: str, **arguments: Any) -> bool:
        """Send a conditional request, again where it conflicts with another; return whether its condition held."""
        for attempt in range(TRIES):
            try:
                send(Bucket=self.name, Key=self._key(path), **arguments)
                return True
            except self._errors.ClientError as error:
                code = error.response["Error"]["Code"]
                if code in REFUSED:
                    return False
                if code != "ConditionalRequestConflict" or attempt == TRIES - 1:
                    raise
                time.sleep(0.05 * 2**attempt)
        return False

    def _pages(self, prefix: str, delimiter: str) -> Iterator[dict[str, Any]]:
        with self._asking("the list of objects"):
            yield from self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix, Delimiter=delimiter
            )

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn an error of the service, inside a `with` block, into one line.

        Raises:
            FileNotFoundError: no such object.
            ConfigError: any other error before the first write of this process.
            LakeError: any other error after it, or a fault of the service.
        """
        kind = LakeError if self._founded else ConfigError
        safe = "; what was committed before is safe" if self._founded else ""
        try:
            yield
        except self._errors.ClientError as error:
            code, message = str(error.response["Error"].get("Code")), error.response["Error"].get("Message", "")
            if code in ABSENT:
                raise FileNotFoundError(f"{self.place}/{what}") from error
            kind = kind if code in MESSAGES or self._status(error) < 500 else LakeError
            raise kind(f"{self.place}: {what}: {MESSAGES.get(code, f'{message} ({code})')}{safe}") from error
        except self._errors.NoCredentialsError as error:
            raise kind(
                f"{self.place}: no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, are not "
                "set"
            ) from error
        except self._errors.ResponseStreamingError as error:  # before the ConnectionError that it is not always
            raise LakeError(f"{self.place}: {what}: the download broke off {CUT_TRIES} times{safe}") from error
        except self._errors.ConnectionError as error:
            raise kind(
                f"{self.place}: {self._host()} does not answer ({type(error).__name__}); "
                f"AWS_ENDPOINT_URL must name the service{safe}"
            ) from error
        except (*self._cut, self._errors.HTTPClientError) as error:
            words = " ".join(str(error).split())[:200]
            raise LakeError(
                f"{self.place}: {what}: the connection broke off ({type(error).__name__}: {words}){safe}"
            ) from error
        except self._errors.BotoCoreError as error:
            raise kind(f"{self.place}: {what}: {error}{safe}") from error

    @staticmethod
    def _status(error: Any) -> int:
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)

    def _host(self) -> str:
        return str(self._service.hostname) + (f":{self._service.port}" if self._service.port else "")
