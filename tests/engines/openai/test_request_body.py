import base64
from dataclasses import replace

import pytest

from assay.core.errors import ConfigError
from assay.core.pictures import Picture
from assay.engines.openai.request_body import build_body, build_chat, show_chat

DEFAULTS = {"model": "m", "extended": True, "send_seed": False, "logprobs": False}


def test_the_body_says_what_servers_have_defaults_for_and_sends_no_seed(ask):
    body = build_body(ask(temperature=0.7), 0, **DEFAULTS)
    assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (-1, 0.0, 1.0)
    assert (body["top_p"], body["temperature"]) == (1.0, 0.7)
    assert not {"seed", "n", "stop", "logprobs"} & set(body)
    assert build_body(ask(), 3, **{**DEFAULTS, "send_seed": True})["seed"] == ask().seed_of(3)


def test_the_plain_protocol_has_no_top_k(ask):
    plain = {**DEFAULTS, "extended": False}
    assert not {"top_k", "min_p"} & set(build_body(ask(), 0, **plain))
    with pytest.raises(ConfigError, match="top_k 5 needs `extended`"):
        build_body(ask(top_k=5), 0, **plain)


def test_a_begun_answer_is_the_last_turn_and_is_to_be_continued(ask):
    chat = build_chat(replace(ask(), prefix="The answer"))
    assert chat["messages"][-1] == {"role": "assistant", "content": "The answer"}
    assert (chat["add_generation_prompt"], chat["continue_final_message"]) == (False, True)
    assert set(build_chat(ask())) == {"messages"}


def test_pictures_are_parts_of_the_turn_that_marks_them(ask, png):
    request = ask()
    turn = request.messages[-1]
    pictures = (Picture.of(png()), Picture.of(png(4, 4)))
    marked = replace(request, messages=(turn._replace(content="See <image>: what?"),), pictures=pictures)
    (sent,) = build_chat(marked)["messages"]
    kinds = [part["type"] for part in sent["content"]]
    assert kinds == ["image_url", "text", "image_url", "text"]  # the one without a mark stands first
    urls = [part["image_url"]["url"] for part in sent["content"] if part["type"] == "image_url"]
    files = [base64.b64decode(url.removeprefix("data:image/png;base64,")) for url in urls]
    assert files == [png(4, 4), png()]
    assert len(show_chat(build_chat(marked))) < 900


def test_variables_of_the_chat_template_are_sent(ask):
    chat = build_chat(ask(chat_template_args='{"enable_thinking":false}'))
    assert chat["chat_template_kwargs"] == {"enable_thinking": False}
