import json

import pytest

from assay.core.types import Verdict
from assay.verifiers.pool.replies import (
    Judgement,
    JudgingStop,
    encode_judgement,
    encode_readable,
    encode_stop,
    parse_reply,
)


def verdict(case, **fields):
    return Verdict.of(case, verifier="math", version="1", **{"outcome": "wrong", **fields})


def test_a_verdict_travels_whole(case):
    sent = verdict(
        case("4", "5"), outcome="unparsable", reward=0.25, extracted="x\ny", reason="wörtlich", lenient="correct"
    )
    line = encode_judgement(sent)
    assert line.count(b"\n") == 1
    assert parse_reply("judge", line.decode()) == Judgement("unparsable", 0.25, "x\ny", "wörtlich", "correct")


def test_lone_surrogates_and_nul_characters_arrive_as_what_can_be_stored(case):
    assert (
        parse_reply("judge", encode_judgement(verdict(case("4", "5"), extracted="a\ud800\x00b")).decode()).extracted
        == "a??b"
    )


def test_a_stop_and_a_readable_gold_travel():
    assert parse_reply("judge", encode_stop("memory", "memory limit").decode()) == JudgingStop("memory", "memory limit")
    assert parse_reply("reads", encode_readable(True).decode()) is True
    assert parse_reply("reads", encode_stop("cpu", "time").decode()) is False


@pytest.mark.parametrize(
    "fields",
    [
        ["judged", "correct", float("nan"), "", "", None],
        ["judged", "correct", float("inf"), "", "", None],
        ["judged", "correct", 10**400, "", "", None],
        ["judged", "correct", True, "", "", None],
        ["judged", "correct", "1", "", "", None],
        ["judged", "excellent", 1.0, "", "", None],
        ["judged", ["correct"], 1.0, "", "", None],
        ["judged", "correct", 1.0, 3, "", None],
        ["judged", "correct", 1.0, "", "", "excellent"],
        ["judged", "correct", 1.0],
        ["judged", "correct", 1.0, "", "", None, "more"],
        ["stop", "none of ours", "why"],
        ["reads", True],
        {"judged": 1},
        [],
        7,
    ],
)
def test_what_has_another_form_is_no_verdict(fields):
    assert parse_reply("judge", json.dumps(fields)).kind == "garbled"


@pytest.mark.parametrize(
    "line",
    ["", "not JSON", "[" * 100_000, '["judged"', "\x00", "1" * 5_000, '["judged", "correct", 1e999, "", "", null]'],
)
def test_what_is_no_plain_data_is_no_verdict(line):
    assert parse_reply("judge", line).kind == "garbled"


def test_a_long_text_is_cut_whoever_sent_it():
    forged = json.dumps(["judged", "wrong", 0.0, "x" * 9_000, "y" * 9_000, None])
    assert [len(text) for text in parse_reply("judge", forged)[2:4]] == [500, 500]
