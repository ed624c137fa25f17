"""Read the pictures of a row: bytes, {bytes, path}, data URIs, base64, and paths of files beside the data."""

import base64
import binascii
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.core.pictures import Picture, media_type
from assay.sources._bad_row import BadRow, shorten

PLACES = ("bytes", "path", "url", "image_url", "image", "base64", "data")  # keys of an object that holds a picture
ELSEWHERE = ("http://", "https://", "s3://", "gs://", "hf://", "ftp://")
LONGEST_PATH = 1_024  # characters; a longer text is base64
HEAD = 32  # bytes by which a file is told to be a picture before it is read whole


class PictureReader:
    """Reads the values of one source's picture fields.

    Args:
        folder: where paths start, and outside of which nothing is opened; "" = paths lead nowhere.
        max_bytes: of one picture.
    """

    def __init__(self, folder: str, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes

    def read(self, values: Iterable[Any]) -> tuple[Picture, ...]:
        """Read the pictures of some fields' values, in order.

        Raises:
            BadRow: one is too large, is no picture, lies elsewhere or is not there.
        """
        try:
            return tuple(self._picture(data) for value in values for data in self._files(value))
        except RecursionError as error:
            raise BadRow("picture_unreadable", "lists or objects in one another without end") from error

    def _picture(self, data: bytes) -> Picture:
        self._check_size(len(data))
        try:
            return Picture.of(data)
        except ValueError as error:
            raise BadRow("picture_unreadable", str(error)) from error

    def _files(self, value: Any) -> Iterator[bytes]:
        """Yield the bytes of each picture that a value holds."""
        if isinstance(value, bytes | bytearray | memoryview):
            yield bytes(value)
        elif isinstance(value, str):
            yield self._from_text(value.strip())
        elif isinstance(value, Mapping):
            inner = next((value[name] for name in PLACES if value.get(name)), None)
            if inner is None:
                raise _no_picture(value)
            yield from self._files(inner)
        elif isinstance(value, list | tuple):
            for item in value:
                yield from self._files(item)
        elif hasattr(value, "save") and hasattr(value, "size"):  # as Pillow opens it
            file = io.BytesIO()
            value.save(file, "PNG")
            yield file.getvalue()
        else:
            raise _no_picture(value)

    def _from_text(self, text: str) -> bytes:
        if text[:5].lower() == "data:":
            return self._decode(text.partition(",")[2])
        if text.lower().startswith(ELSEWHERE):
            raise BadRow(
                "picture_elsewhere", f"{shorten(text)} is not here: nothing is fetched; download it beside the data"
            )
        if len(text) > LONGEST_PATH:
            return self._decode(text)
        if (path := self._find(text)) is not None:
            return self._read_file(path)
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if media_type(data):
            return data
        raise BadRow(
            "picture_missing",
            f"no file {shorten(text)} beside the data; picture_folder names another folder, picture_fields the fields to read",
        )

    def _decode(self, text: str) -> bytes:
        self._check_size(len(text) * 3 // 4 - 2)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRow("picture_unreadable", f"no base64: {shorten(text)}") from error

    def _find(self, name: str) -> Path | None:
        """Return the file of a path, within the folder: a table from elsewhere opens nothing else on this machine."""
        if not self.folder:
            return None
        try:
            folder = Path(self.folder).resolve()
            path = (folder / name).resolve()
            return path if path.is_relative_to(folder) and path.is_file() else None
        except (OSError, ValueError, RuntimeError):  # a name that no file can have, links in a circle
            return None

    def _read_file(self, path: Path) -> bytes:
        try:
            self._check_size(path.stat().st_size)
            with path.open("rb") as file:
                head = file.read(HEAD)
                return head + file.read(self.max_bytes) if media_type(head) else head
        except OSError as error:
            raise BadRow("picture_missing", f"{path.name}: {error.strerror}") from error

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise BadRow(
                "picture_too_large", f"a picture of {size} bytes, more than max_picture_bytes = {self.max_bytes}"
            )


class PictureBudget:
    """Counts the bytes of a source's pictures, each once, and tells when they are more than it may bring."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.used = max_bytes, 0
        self._seen: set[bytes] = set()

    def refusal(self, pictures: Iterable[Picture]) -> str:
        """Return why these pictures are left out; "" where they are counted in."""
        fresh = {bytes.fromhex(picture.id)[:16]: len(picture.data) for picture in pictures}
        fresh = {digest: size for digest, size in fresh.items() if digest not in self._seen}
        if self.used + sum(fresh.values()) > self.max_bytes:
            return f"the pictures before it have {self.used} bytes, max_pictures_bytes = {self.max_bytes}"
        self.used += sum(fresh.values())
        self._seen |= fresh.keys()
        return ""


def _no_picture(value: Any) -> BadRow:
    return BadRow("picture_unreadable", f"no picture: {shorten(value)}")
