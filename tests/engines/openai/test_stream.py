import pytest

from assay.engines.openai.connection import RequestRejected, RetryableError
from assay.engines.openai.stream import StreamedCompletion


def complete(*events):
    sample = StreamedCompletion()
    for event in events:
        sample.add_event(event)
    return sample


def test_pieces_make_a_text_and_its_last_event_says_how_it_ended():
    sample = complete(
        {"choices": [{"delta": {"reasoning": "2+2", "content": None}, "logprobs": {"content": [{"logprob": -0.5}]}}]},
        {"choices": [{"delta": {"content": "4"}, "finish_reason": "stop", "stop_reason": "\n"}]},
        {"choices": [], "usage": {"completion_tokens": 9, "prompt_tokens": 3}},
    ).require_finish()
    assert sample.text == "2+2\n</think>\n\n4"
    assert (sample.finish, sample.stopped, sample.pieces, sample.logprobs) == ("stop", "\n", 2, [-0.5])
    assert (sample.tokens, sample.prompt_tokens) == (9, 3)


@pytest.mark.parametrize(
    ("extra", "stopped"),
    [({}, None), ({"stop_reason": None}, ""), ({"matched_stop": 2}, ""), ({"matched_stop": "END"}, "END")],
)
def test_what_ended_it_is_told_as_the_server_tells_it(extra, stopped):
    assert complete({"choices": [{"message": {"content": "4"}, "finish_reason": "stop", **extra}]}).stopped == stopped


@pytest.mark.parametrize(
    ("reason", "finish"), [("length", "length"), ("content_filter", "error"), ("tool_calls", "error")]
)
def test_other_ends_than_a_stop(reason, finish):
    assert complete({"choices": [{"delta": {"content": "4"}, "finish_reason": reason}]}).finish == finish


def test_a_sample_without_its_end_is_broken():
    with pytest.raises(RetryableError, match="fewer choices"):
        complete({"choices": []}).require_finish()
    with pytest.raises(RetryableError, match="finish reason 'abort'"):
        complete({"choices": [{"delta": {}, "finish_reason": "abort"}]}).require_finish()


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        ("text", RetryableError, "not a completion"),
        ({"error": {"code": 500, "message": "out of memory"}}, RetryableError, "out of memory"),
        ({"error": {"code": 429, "message": "wait"}}, RetryableError, "wait"),
        ({"error": "died"}, RetryableError, "died"),
        ({"error": {"code": 400, "message": "too long"}}, RequestRejected, "too long"),
    ],
)
def test_a_failure_inside_the_stream_is_tried_again_unless_the_request_is_at_fault(event, kind, words):
    with pytest.raises(kind, match=words):
        complete(event)
