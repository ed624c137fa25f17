import json

import pytest

from assay.core.types import Message
from assay.sources._bad_row import BadRow
from assay.sources._chats import MEDIA, MEDIA_COLUMN, parse_chat_text, read_chat

ASKED = (Message("user", "What is 2 + 2?"),)


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "user", "content": "What is 2 + 2?"}],
        [{"from": "human", "value": "What is 2 + 2?"}],
        [{"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "2 + 2?"}]}],
        [{"role": "user", "content": "What is 2 + 2?", "name": "Ann"}],
    ],
)
def test_every_published_shape_of_a_turn_is_read(value):
    assert read_chat(value, "messages") == ASKED
    assert parse_chat_text(json.dumps(value), "messages") == ASKED
    assert parse_chat_text(repr(value), "messages") == ASKED


def test_a_developer_is_the_system_and_gpt_the_assistant():
    turns = [("developer", "be brief"), ("human", "q"), ("gpt", "a"), ("user", "r")]
    assert [turn.role for turn in read_chat([{"role": role, "content": text} for role, text in turns], "m")] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "prompt_not_text"),
        ("hello", "prompt_not_text"),
        ([7], "bad_chat"),
        ([{"role": "tool", "content": "4"}], "bad_chat"),
        ([{"role": "assistant", "content": None, "tool_calls": [{}]}], "bad_chat"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a.png"}}]}], "needs_image"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "needs_image"),
        ([{"role": "user", "content": [7]}], "bad_chat"),
    ],
)
def test_what_is_no_chat_of_texts_is_refused_by_name(value, reason):
    with pytest.raises(BadRow) as refused:
        read_chat(value, "messages")
    assert refused.value.reason == reason


@pytest.mark.parametrize("text", ["[1, 2] is a list", "What is [{x}]?", "[{'a': 1}]", "", "plain", '[{"role": 5}]'])
def test_a_text_that_begins_like_no_chat_is_a_text(text):
    assert parse_chat_text(text, "prompt") is None


def test_a_broken_chat_in_text_is_refused():
    with pytest.raises(BadRow, match="bad_chat"):
        parse_chat_text('[{"role": "user", "content": "What', "prompt")


def test_placeholders_of_pictures_are_known_and_formulas_are_none():
    held = [
        "<image>What?",
        "see <image_1>",
        "<|image_pad|>",
        "<img src='a.png'>",
        "![](https://cdn.x/a.jpg)",
        "[IMG]",
        "<video> of it",
    ]
    assert all(MEDIA.search(text) for text in held)
    assert not any(
        MEDIA.search(text)
        for text in ["the image of f", "x < image > y is odd", "[x](y", "f<img", "![not closed", "$a<b$ and 5!"]
    )
    assert all(
        MEDIA_COLUMN.fullmatch(name) for name in ("images", "image", "image_1", "image_path", "decoded_image", "videos")
    )
    assert not any(MEDIA_COLUMN.fullmatch(name) for name in ("imagery", "image_count", "answer", "video_id"))
