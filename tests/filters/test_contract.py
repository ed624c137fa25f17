"""What every filter promises, on every filter found."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.parts import build_part, list_parts
from assay.core.ports import Filter
from assay.core.types import Drop, Label, Problem

PROMPTS = [
    "",
    " ",
    "1 + 1?",
    "1  +  1?",
    "1 - 1?",
    "What is x² for x = 3?",
    "What is x2 for x = 3?",
    "Ｗhat?",
    "What?",
    "\u200b",
    "5 apples at 3?",
]
POOLS = st.lists(st.tuples(st.sampled_from(PROMPTS), st.sampled_from(["2", "2.0", "3", "", "x"])), max_size=12)
KNOWN = list_parts("filter")


def pool(pairs):
    problems = {problem.id: problem for problem in (Problem.of(prompt, source="s") for prompt, _ in pairs)}
    labels = {id_: [] for id_ in problems}
    for prompt, answer in dict.fromkeys(pairs):
        labels[Problem.of(prompt).id].append(Label.of(Problem.of(prompt).id, answer, verifier="math"))
    return list(problems.values()), labels


@pytest.fixture(scope="module")
def sifted(scripted):
    """The drops of a filter on a scripted context; new labels are left to tests/test_parts.py."""
    return lambda part, problems, labels: [
        item for item in part.sift(problems, labels, scripted) if isinstance(item, Drop)
    ]


@pytest.mark.parametrize("name", KNOWN)
@settings(max_examples=40, deadline=None)
@given(pairs=POOLS)
def test_drops_are_of_the_pool_once_each_with_a_reason_whatever_the_order(sifted, name, pairs):
    part = build_part("filter", name)
    problems, labels = pool(pairs)
    drops = sifted(part, problems, labels)
    ids = [drop.problem_id for drop in drops]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {problem.id for problem in problems}
    assert all(drop.stage == "clean" and drop.reason and drop.detail and drop.source == "s" for drop in drops)
    shuffled = random.Random(1).sample(problems, len(problems))
    assert sorted(sifted(part, shuffled, labels), key=lambda drop: drop.id) == sorted(drops, key=lambda drop: drop.id)


@pytest.mark.parametrize("name", KNOWN)
@settings(max_examples=40, deadline=None)
@given(pairs=POOLS)
def test_a_filter_that_is_not_joint_says_the_same_alone(sifted, name, pairs):
    part = build_part("filter", name)
    problems, labels = pool(pairs)
    if part.joint:
        return
    alone = [drop for problem in problems for drop in sifted(part, [problem], {problem.id: labels[problem.id]})]
    assert alone == sifted(part, problems, labels)


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_left_is_left_alone_and_none_is_none(sifted, name):
    part = build_part("filter", name)
    problems, labels = pool([(prompt, "2") for prompt in PROMPTS] + [("1 + 1?", "3")])
    gone = {drop.problem_id for drop in sifted(part, problems, labels)}
    left = [problem for problem in problems if problem.id not in gone]
    assert sifted(part, left, labels) == []
    assert sifted(part, [], {}) == []
    assert isinstance(part, Filter)


HOSTILE = [
    "word " * 200_000,  # 1 MB
    "$" * 1_000_000,
    "x" * 1_000_000,
    "كم عدد التفاحات في ٣ صناديق؟",
    "三个盒子里有多少个苹果？",
    "คำถามนี้ไม่มีช่องว่าง 3",
    "\u202eabc\u202c 5 \u0301\u0301\u0301",
    "🐟🐟 = 🐟 × 2?",
    "a\x00b\ud7ff\uffff",
    "1",
]


@pytest.mark.parametrize("name", KNOWN)
def test_a_megabyte_and_any_script_are_sifted_and_each_row_is_kept_or_dropped_once(sifted, name):
    problems, labels = pool([(prompt, "2") for prompt in HOSTILE])
    ids = [drop.problem_id for drop in sifted(build_part("filter", name), problems, labels)]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {problem.id for problem in problems}


@pytest.mark.parametrize("name", KNOWN)
def test_a_pool_of_one_problem_is_no_duplicate_of_itself(sifted, name):
    problems, labels = pool([("How many apples are in 3 boxes of 4 apples each?", "12")])
    assert sifted(build_part("filter", name), problems, labels) == []
