"""What kind of picture some bytes are, by their first bytes alone, and where a text shows which."""

from collections.abc import Callable

import pytest

from assay.core.pictures import MAX_PIXELS, Picture, place_pictures, read_size

Png = Callable[..., bytes]
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc00011080007000b03011100021101031101ffd9")
WEBPS = {
    "lossy": b"RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x30\x01\x00\x9d\x01\x2a\x0b\x00\x07\x00",
    "lossless": b"RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f" + (10 | 6 << 14).to_bytes(4, "little"),
    "extended": b"RIFF\x00\x00\x00\x00WEBPVP8X\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x06\x00\x00",
}


def test_type_and_size_are_read_from_the_header(png: Png) -> None:
    assert read_size(png(11, 7)) == ("image/png", 11, 7)
    assert read_size(JPEG) == ("image/jpeg", 11, 7)
    assert read_size(b"GIF89a\x0b\x00\x07\x00") == ("image/gif", 11, 7)
    assert {read_size(data) for data in WEBPS.values()} == {("image/webp", 11, 7)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        b"GIF89a\x00\x00\x00\x00",
        b"\xff\xd8\xff" + b"\xff" * 5_000,
        b"\xff\xd8\xff\xe0\x00\x00" * 900,
        b"RIFF\x00\x00\x00\x00WEBPVP8?" + b"\0" * 40,
    ],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"file|pixels"):
        Picture.of(data)


def test_a_picture_that_would_unpack_to_gigabytes_is_refused(png: Png) -> None:
    header = png(1, 1)
    bomb = header[:16] + (100_000).to_bytes(4, "big") * 2 + header[24:]
    with pytest.raises(ValueError, match=f"100000 x 100000 pixels; between 1 and {MAX_PIXELS}"):
        Picture.of(bomb)


def test_pictures_stand_where_the_text_marks_them(png: Png) -> None:
    one, two = (Picture.of(png(side, side)) for side in (1, 2))
    assert place_pictures(["See <image>, then <|image_1|>."], [one]) == [["See ", one, ", then ", one, "."]]
    assert place_pictures(["<image 2> and <image 1>"], [one, two]) == [[two, " and ", one]]
    assert place_pictures(["First [IMG].", "Then?"], [one, two]) == [["First ", one, "."], [two, "Then?"]]
    assert place_pictures(["No <image 3> here", ""], []) == [["No <image 3> here"], [""]]
