"""Autopsies of logs whose shares are known by construction."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.autopsy.columns import LogColumns
from assay.pipelines.analysis.autopsy.run import Autopsy, AutopsyOptions, dissect
from assay.pipelines.analysis.autopsy.table import Finding
from assay.pipelines.analysis.autopsy.write import write_autopsy

MANY = 30  # problems: more than the fewest that a replay needs
NO_GRADES = AutopsyOptions(regrade=0)


def group(
    question: str, rewards: Iterable[float], *, step: int = 0, tokens: int = 10, gold: str = "4", **columns: Any
) -> list[dict[str, Any]]:
    """The rows of one group; a right answer says the gold, a wrong one 99."""
    rows = [
        {"completion": f"It is \\boxed{{{gold if reward == 1 else 99}}}.", "reward": reward, "finish": "stop"}
        for reward in rewards
    ]
    return [{"prompt": question, "step": step, "tokens": tokens, "gold": gold, **row, **columns} for row in rows]


def write(place: Path, *groups: list[dict[str, Any]], without: Iterable[str] = ()) -> Path:
    rows = [{key: value for key, value in row.items() if key not in without} for rows in groups for row in rows]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def questions(count: int = MANY) -> list[str]:
    return [f"A box holds {number} pens and {number * 7 + 3} keys; how many things?" for number in range(2, count + 2)]


def finding(result: Autopsy, topic: str, name: str) -> Finding:
    return next(row for row in result.findings if (row.topic, row.finding) == (topic, name))


def test_tokens_go_to_dead_solved_and_mixed_groups_in_known_shares(tmp_path: Path) -> None:
    one, two, three, four = questions(4)
    log = write(
        tmp_path / "log.jsonl",
        group(one, [0, 0, 0, 0], tokens=50),
        group(two, [1, 1, 1, 1], tokens=20),
        group(three, [1, 0, 1, 0], tokens=20),
        group(four, [0.1, 0.0, 0.1, 0.0], tokens=10),
    )
    result = dissect([log], AutopsyOptions(regrade=0, right=1.0))
    assert result.totals == {"attempts": 16, "problems": 4, "groups": 4, "steps": 1, "tokens": 400}
    shares = {name: result.share("tokens", name) for name in ("dead", "solved", "mixed", "shaped", "without signal")}
    assert shares == {"dead": 0.5, "solved": 0.2, "mixed": 0.2, "shaped": 0.1, "without signal": 0.7}
    assert result.facts.group_size == 4


def test_shares_over_time_follow_the_steps(tmp_path: Path) -> None:
    rewards = {0: [0, 0], 5: [1, 0], 9: [1, 1]}
    groups = [group(question, rewards[step], step=step) for step in rewards for question in questions(3)]
    result = dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES)
    assert [(row["last"], row["dead"], row["mixed"], row["solved"]) for row in result.timeline] == [
        (0, 60, 0, 0),
        (5, 0, 60, 0),
        (9, 0, 0, 60),
    ]
    assert [row["reward"] for row in result.timeline] == [0.0, 0.5, 1.0]


def test_retiring_solved_problems_saves_exactly_their_later_visits(tmp_path: Path) -> None:
    solved, mixed = questions()[:10], questions()[10:]
    groups = [group(q, [1, 1], step=step) for q in solved for step in (0, 1)]
    groups += [group(q, [1, 0], step=step) for q in mixed for step in (0, 1)]
    result = dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES)
    retired = finding(result, "choosing", "retire solved")
    assert retired.share == pytest.approx(10 / 60)
    assert retired.signal_kept == 1.0
    assert retired.gain == pytest.approx(60 / 50)
    assert retired.low is not None
    assert retired.high is not None
    assert retired.low < 10 / 60 < retired.high
    assert result.share("choosing", "skip dead") == 0.0


def test_skipping_dead_problems_loses_the_signal_of_those_that_wake_up(tmp_path: Path) -> None:
    dead, waking, mixed = questions()[:12], questions()[12:18], questions()[18:]
    groups = [group(q, [0, 0], step=step) for q in dead for step in (0, 1)]
    groups += [group(q, [0, step], step=step) for q in waking for step in (0, 1)]
    groups += [group(q, [1, 0], step=step) for q in mixed for step in (0, 1)]
    skipped = finding(dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES), "choosing", "skip dead")
    assert skipped.share == pytest.approx(18 / 60)
    assert skipped.signal_kept == pytest.approx(24 / 30)


def test_the_best_half_by_posterior_leaves_out_what_never_had_signal(tmp_path: Path) -> None:
    dead, mixed = questions()[:15], questions()[15:]
    groups = [group(q, [0] * 4, step=step, tokens=30) for q in dead for step in (0, 1)]
    groups += [group(q, [1, 0, 1, 0], step=step) for q in mixed for step in (0, 1)]
    half = finding(dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES), "choosing", "best half by posterior")
    assert half.share == pytest.approx(3 / 8)
    assert half.signal_kept == 1.0


def test_a_pilot_spares_the_rest_of_agreeing_groups_and_loses_mixed_ones_by_chance(tmp_path: Path) -> None:
    groups = [group(q, [0, 0, 0, 0]) for q in questions()[:15]] + [group(q, [1, 0, 0, 0]) for q in questions()[15:]]
    pilot = finding(dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES), "choosing", "pilot of 2")
    # dead groups: half of each; mixed ones stop with chance C(3,2)/C(4,2) = 1/2, then half is spared
    assert pilot.share == pytest.approx(0.5 * 0.5 + 0.5 * 0.25)
    assert pilot.signal_kept == pytest.approx(0.5)


def test_a_log_that_cannot_support_an_estimate_says_so(tmp_path: Path) -> None:
    result = dissect([write(tmp_path / "log.jsonl", *(group(q, [1, 0]) for q in questions()))], NO_GRADES)
    assert "visits no problem twice" in finding(result, "choosing", "retire solved").note
    assert "too small" in finding(result, "choosing", "pilot of 1").note
    few = [group(q, [1, 0], step=step) for q in questions(5) for step in (0, 1)]
    result = dissect([write(tmp_path / "few.jsonl", *few)], NO_GRADES)
    assert "only 5 problems" in finding(result, "choosing", "skip dead").note
    lone = [group(q, [1.0], step=step) for step, q in enumerate(questions())]
    result = dissect([write(tmp_path / "lone.jsonl", *lone)], NO_GRADES)
    assert "one answer per problem" in finding(result, "choosing", "skip dead").note
    assert result.share("tokens", "single") == 1.0
    assert result.share("tokens", "without signal") is None


def test_cut_answers_that_count_as_failures_are_counted(tmp_path: Path) -> None:
    one, two, three = questions(3)
    cut, whole = {"finish": "length"}, {"finish": "stop"}
    log = write(
        tmp_path / "log.jsonl",
        [{**row, **cut} for row in group(one, [0, 0])],
        [{**row, **end} for row, end in zip(group(two, [1, 0]), (whole, cut), strict=True)],
        group(three, [0, 1]),
    )
    result = dissect([log], NO_GRADES)
    assert result.share("answers", "truncated by the cap") == 3 / 6
    assert result.share("answers", "failures that are truncated answers") == 3 / 4
    assert result.share("answers", "dead groups with only truncated answers") == 1.0
    assert result.share("answers", "groups in which every failure was truncated") == 2 / 3


def test_a_cap_is_inferred_where_many_answers_have_the_same_largest_length(tmp_path: Path) -> None:
    lengths = [*range(100, 120), 256, 256, 256, 256]
    rows = [{**group(questions(1)[0], [0])[0], "tokens": length} for length in lengths]
    result = dissect([write(tmp_path / "log.jsonl", rows, without=["finish"])], NO_GRADES)
    assert result.share("answers", "truncated by the cap") == 4 / 24
    assert "inferred" in finding(result, "answers", "truncated by the cap").note


def test_copies_and_benchmark_questions_are_found_with_their_share_of_the_tokens(tmp_path: Path) -> None:
    base = questions(4)
    base[1] = f"In the old library of the town {base[1][0].lower()}{base[1][1:]} Say how many of them there are."
    near = base[1].replace("the old library", "the big old library")
    asked = "Tom has 12 red marbles, and gives 5 of them to his sister Ann before school; how many has he left?"
    benchmark = tmp_path / "exam.jsonl"
    benchmark.write_text(
        json.dumps({"question": asked, "answer": "7"})
        + "\n"
        + json.dumps({"question": base[3] + " Count all of them twice, then add 1.", "answer": "1"})
        + "\n"
    )
    wrapped = f"{base[0]}\nPlease reason step by step, and put your final answer within \\boxed{{}}."
    texts = [*base[:3], wrapped, near, asked]
    log = write(tmp_path / "log.jsonl", *(group(text, [1, 0]) for text in texts))
    result = dissect([log], AutopsyOptions(regrade=0, benchmarks=(benchmark,)))
    for name in ("exact copies", "near copies", "questions of a benchmark"):
        assert (finding(result, "prompts", name).count, result.share("prompts", name)) == (1, pytest.approx(1 / 6)), (
            name
        )
    assert [row["question"] for row in result.repeats] == [asked]
    assert "exam" in result.repeats[0]["match"]


def test_answers_are_disputed_where_strict_lenient_and_recorded_verdicts_differ(tmp_path: Path) -> None:
    one, two, three = questions(3)
    rows = [
        *group(one, [1, 0], gold="12"),
        {**group(two, [0], gold="1,000")[0], "completion": "So \\boxed{1000}."},  # plainly right
        {**group(two, [0], gold="1,000")[0], "completion": "So it is 1000."},  # right without its box
        {**group(three, [1], gold="5")[0], "completion": "So \\boxed{6}."},  # rewarded without the answer
    ]
    result = dissect([write(tmp_path / "log.jsonl", rows)])
    counts = {row.finding: (row.count, row.of) for row in result.findings if row.topic == "grades"}
    assert counts["disputed answers"][1] == 5
    assert counts["failures that are plainly right"][0] >= 1
    assert counts["successes that no reading confirms"] == (1, 2)
    assert {"question", "gold", "answer", "recorded", "strict", "lenient", "reason"} == set(result.disputed[0])


def test_a_reward_that_rises_while_correctness_stands_is_named(tmp_path: Path) -> None:
    groups = [
        [{**row, "reward": row["reward"] + 0.1 * step, "acc": row["reward"]} for row in group(q, [1, 0], step=step)]
        for step in range(6)
        for q in questions()
    ]
    result = dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES)
    assert "rises while correctness stays level" in finding(result, "reward", "verdict").note
    assert result.share("reward", "rise of correctness") == 0.0
    assert result.share("reward", "rise of the reward") == pytest.approx(0.4 / 1.5)


def test_reward_and_correctness_that_rise_together_are_no_alarm(tmp_path: Path) -> None:
    groups = [
        [{**row, "acc": row["reward"], "reward": 2 * row["reward"]} for row in group(q, [1, step > 2], step=step)]
        for step in range(6)
        for q in questions()
    ]
    result = dissect([write(tmp_path / "log.jsonl", *groups)], NO_GRADES)
    assert finding(result, "reward", "verdict").note == "reward and correctness rise together"


def test_re_grading_shows_a_reward_that_is_hacked_where_the_log_has_golds_alone(tmp_path: Path) -> None:
    groups = [
        [{**row, "reward": float(step > 2 or row["reward"])} for row in group(q, [1, 0], step=step)]
        for step in range(6)
        for q in questions(20)
    ]
    result = dissect([write(tmp_path / "log.jsonl", *groups)])
    assert "rises while correctness stays level" in finding(result, "reward", "verdict").note
    assert (result.share("grades", "successes that no reading confirms") or 0) > 0.2


def test_problems_that_stay_are_those_with_signal_and_each_other_has_its_reason(tmp_path: Path) -> None:
    hard, easy, good, copy = questions(4)
    copy = f"{good}\nLet's think step by step and put the final answer within \\boxed{{}}."
    log = write(
        tmp_path / "log.jsonl",
        group(hard, [0] * 8),
        group(easy, [1] * 8),
        group(good, [1, 0] * 4),
        group(copy, [1, 0] * 4),
    )
    result = dissect([log], NO_GRADES)
    assert {row["prompt"]: row["reason"] for row in result.problems if row["reason"] != "exact copy"} == {
        hard: "too hard",
        easy: "too easy",
        good: "",
    }
    assert result.reasons == {"kept": 1, "too hard": 1, "too easy": 1, "exact copy": 1}


def test_a_log_without_golds_takes_them_from_a_file_of_its_problems(tmp_path: Path) -> None:
    asked = questions(3)
    pool = tmp_path / "train.jsonl"
    pool.write_text("".join(json.dumps({"question": text, "answer": "4"}) + "\n" for text in asked))
    log = write(tmp_path / "log.jsonl", *(group(q, [1, 0]) for q in asked), without=["gold"])
    assert dissect([log]).summary.golds == 0
    result = dissect([log], AutopsyOptions(pool=pool))
    assert result.summary.golds == 3
    assert result.share("grades", "disputed answers") == 0.0


def test_without_tokens_characters_stand_for_them(tmp_path: Path) -> None:
    rows = [
        {"question": "How many?", "response": ["x" * 30, "y" * 10], "score": [True, False]},
        {"question": "How much?", "response": ["z" * 20, "z" * 20], "score": [False, False]},
    ]
    place = tmp_path / "log.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = dissect([place])
    assert result.facts.unit == "characters"
    assert result.totals["characters"] == 80
    assert result.share("tokens", "dead") == 0.5


def test_any_column_names_can_be_given_and_missing_ones_are_named(tmp_path: Path) -> None:
    place = tmp_path / "log.jsonl"
    place.write_text(json.dumps({"frage": "Wie viele?", "antwort": "4", "punkte": 1}) + "\n")
    with pytest.raises(ConfigError, match="the columns are frage, antwort, punkte; --prompt, --text, --reward"):
        dissect([place])
    result = dissect([place], AutopsyOptions(LogColumns(prompt="frage", text="antwort", reward="punkte")))
    assert result.totals["attempts"] == 1


def test_rows_that_are_no_attempts_are_counted_and_steps_come_from_file_names(tmp_path: Path) -> None:
    for step in (1, 2):
        write(tmp_path / "dump" / f"{step}.jsonl", group(questions(1)[0], [1, 0]), without=["step"])
    (tmp_path / "dump" / "3.jsonl").write_text('not json\n{"prompt": "a", "reward": 1}\n')
    result = dissect([tmp_path / "dump"], NO_GRADES)
    assert dict(result.summary.unread) == {"no question": 1, "no answer": 1}
    assert [row["last"] for row in result.timeline] == [1, 2]


def test_a_sample_is_the_same_for_the_same_seed_and_of_the_size_that_was_asked(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", *(group(q, [1, 0, 0, 1]) for q in questions()))
    samples = [dissect([log], AutopsyOptions(regrade=25, seed=seed)).summary.sample for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]
    assert len(samples[0]) == 25


def test_problems_that_come_at_different_times_are_compared_with_themselves(tmp_path: Path) -> None:
    easy, hard = questions()[:15], questions(60)[30:45]
    early = [*easy, *easy, *hard]  # the first third visits the easy ones twice, the last third the hard ones
    late = [*easy, *hard, *hard]
    groups = [group(q, [1, 1] if q in easy else [0, 0], step=step) for step, at in ((0, early), (2, late)) for q in at]
    result = dissect([write(tmp_path / "log.jsonl", *groups, group(easy[0], [1, 1], step=1))], NO_GRADES)
    assert result.share("reward", "rise of the reward") == 0.0
    assert "each of 30 problems" in finding(result, "reward", "rise of the reward").note


HOSTILE = {
    "a reward of 400 digits": '{"prompt": "q", "completion": "a", "reward": 1' + "0" * 400 + "}",
    "a part of a reward of 400 digits": '{"prompt": "q", "completion": "a", "my_reward": 1' + "0" * 400 + "}",
    "nested 100,000 deep": '{"prompt": "q", "completion": "a", "reward": 1, "x": '
    + "[" * 100_000
    + "]" * 100_000
    + "}",
    "a step of 300 digits": '{"prompt": "q", "completion": "a", "reward": 1, "step": 1e300}',
    "tokens of 300 digits": '{"prompt": "q", "completion": "a", "reward": 1, "tokens": 1e300}',
    "halves of surrogate pairs": '{"prompt": "q \\ud800", "completion": "a \\udfff", "reward": 1, "gold": "\\ud800"}',
    "a half in a chat": '{"prompt": [{"role": "user", "content": [{"text": "\\ud800"}]}], "completion": [{"content": "\\udfff"}], "reward": true}',
    "NUL": '{"prompt": "q\\u0000", "completion": "a\\u0000", "reward": 1, "gold": "\\u0000"}',
    "rewards without an end": '{"prompt": "q", "completion": "a", "my_reward": NaN, "your_reward": Infinity}',
    "as many tokens as 64 bits hold": '{"prompt": "q", "completion": "a", "reward": 1, "tokens": 9e18}\n' * 8,
    "no text where one belongs": '{"prompt": {"a": 1}, "completion": ["x", null, 3], "reward": [1, 2, 3]}',
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_line_of_a_log_keeps_the_others_from_being_read(tmp_path: Path, line: str) -> None:
    log = write(tmp_path / "log.jsonl", *(group(question, [1, 1, 0, 0], gold="5") for question in questions(4)))
    with log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    result = dissect([log], AutopsyOptions(regrade=100))
    assert result.summary.golds >= 4
    written = write_autopsy(
        result,
        page=tmp_path / "page.html",
        table=tmp_path / "findings.parquet",
        problems=tmp_path / "problems.parquet",
        out=tmp_path / "pool.jsonl",
    )
    assert set(written) == {"page", "table", "problems", "pool"}
