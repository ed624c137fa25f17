"""Pictures of problems: what kind of file some bytes are and how large the picture is, told by their first bytes alone.

Nothing is decoded: a name, a suffix or a stated type proves nothing, and a decoder is what hostile bytes are made for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

MAX_PIXELS = 64_000_000  # of one picture: a kilobyte of PNG can unpack to gigabytes in whatever shows it
JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # markers of the segments that hold a JPEG's size
# where a text shows a picture: <image>, <image 2>, <|image_1|>, [IMG]
MARK = re.compile(
    r"<\|?(?:image|img|picture)(?:[_ ]?(?:(\d+)|pad|start|token|placeholder))?\|?>|\[(?:IMG|IMAGE|image|img)(?:[ _]?(\d+))?\]"
)
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length behind them


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that belongs to a problem; its id stands in `Problem.media`."""

    id: str  # SHA-256 of the bytes
    media_type: str  # image/png, image/jpeg, image/gif or image/webp
    width: int  # in pixels
    height: int
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, data: bytes) -> "Picture":
        """Build the picture of a file's bytes.

        Args:
            data: the whole file.

        Raises:
            ValueError: it is neither PNG, JPEG, GIF nor WebP, or says that it has no pixels, or more than MAX_PIXELS.
        """
        media_type, width, height = read_size(data)
        if not 0 < width * height <= MAX_PIXELS:
            raise ValueError(f"a picture of {width} x {height} pixels; between 1 and {MAX_PIXELS} are read")
        return cls(sha256(data).hexdigest(), media_type, width, height, data)

    def record(self) -> dict[str, bytes | None]:
        """Return the picture as data sets hold it."""
        return {"bytes": self.data, "path": None}


def place_pictures(texts: Sequence[str], pictures: Sequence[Picture]) -> list[list[str | Picture]]:
    """Divide the user's turns at the marks that stand for pictures, and put the pictures there.

    A mark with a number shows that picture, one without the next. Pictures without a mark stand before the last turn.

    Args:
        texts: the turns.
        pictures: of the problem, in order.

    Returns:
        Per turn its pieces in order: texts, none empty unless the turn is, and pictures.
    """
    waiting = list(range(len(pictures)))
    turns = [list(_pieces(text, pictures, waiting)) for text in texts]
    if turns:
        turns[-1][:0] = [pictures[place] for place in waiting]
    return [turn or [""] for turn in turns]


def count_marks(texts: Sequence[str]) -> int:
    """Return how many pictures texts show at least.

    Args:
        texts: the turns.

    >>> count_marks(["<image 1> and <image 2>, and <image 1> again", "<image>"])
    2
    """
    marks = [mark for text in texts for mark in MARK.finditer(text)]
    numbers = [int(mark[1] or mark[2] or 0) for mark in marks]
    return max([*numbers, numbers.count(0)], default=0)


def _pieces(text: str, pictures: Sequence[Picture], waiting: list[int]) -> Iterator[str | Picture]:
    """Yield a turn's pieces, and take the pictures that it shows from those that wait."""
    end = 0
    for mark in MARK.finditer(text):
        number = int(mark[1] or mark[2] or 0) - 1
        place = number if 0 <= number < len(pictures) else waiting[0] if waiting and number < 0 else None
        if place is None:
            continue  # it shows nothing that is there, and stays a text
        if text[end : mark.start()]:
            yield text[end : mark.start()]
        yield pictures[place]
        if place in waiting:
            waiting.remove(place)
        end = mark.end()
    if text[end:]:
        yield text[end:]


def read_size(data: bytes) -> tuple[str, int, int]:
    """Return media type, width and height of a picture, from the beginning of its file.

    Args:
        data: the whole file, or at least its header.

    Raises:
        ValueError: the bytes begin neither as PNG, JPEG, GIF nor WebP, or end within the header.

    >>> read_size(bytes.fromhex("47494638396102000300"))
    ('image/gif', 2, 3)
    """
    size: tuple[int, int] | None = None
    kind = media_type(data)
    if kind == "image/png" and data[12:16] == b"IHDR" and len(data) >= 24:
        size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    elif kind == "image/gif" and len(data) >= 10:
        size = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    elif kind == "image/webp":
        size = _webp_size(data)
    elif kind == "image/jpeg":
        size = _jpeg_size(data)
    if not kind or size is None:
        raise ValueError("no PNG, JPEG, GIF or WebP file" if not kind else f"a broken {kind} file")
    return kind, *size


def media_type(data: bytes) -> str:
    """Return the type that the first bytes of a file tell; "" where they are of no known picture.

    Args:
        data: the file, or its beginning.

    >>> media_type(b"<svg onload='alert(1)'>")
    ''
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8 " and len(data) >= 30:
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in JPEG_SIZES:
            return int.from_bytes(data[place + 7 : place + 9], "big"), int.from_bytes(
                data[place + 5 : place + 7], "big"
            )
        if marker == 0xFF:
            place += 1
        else:
            place += 2 if marker in JPEG_BARE else 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
    return None
