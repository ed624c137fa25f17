import json
import re
import subprocess
import sys

import pytest

from assay.core.errors import ConfigError
from assay.core.ports import Source
from assay.core.types import Drop
from assay.sources.reasoning_gym import OPEN, ReasoningGym, lists_to_tuples

gym = pytest.importorskip("reasoning_gym")


def stored(problem):
    return json.loads(problem.metadata)["reasoning_gym"]


@pytest.mark.parametrize(
    "generator",
    [
        "chain_sum",
        "basic_arithmetic",
        "countdown",
        "arc_1d",
        "knights_knaves",
        "rearc",
        "propositional_logic",
        "graph_color",
    ],
)
def test_what_is_stored_scores_its_own_gold_as_right(generator):
    items = list(ReasoningGym(generator=generator, size=3, seed=1).read())
    assert len(items) == 3
    for problem, label in items:
        kept = stored(problem)
        entry = lists_to_tuples(kept["entry"]) if kept.get("tuples") else kept["entry"]
        assert kept["dataset"] == generator
        assert gym.get_score_answer_fn(generator)(answer=label.answer, entry=entry) == 1
        assert (label.verifier, problem.source) == ("reasoning_gym", f"reasoning_gym/{generator}")


def test_a_seed_repeats_its_problems_and_seeds_nearer_than_the_size_share_some():
    def ids(seed):
        return [problem.id for problem, _ in ReasoningGym(generator="chain_sum", size=5, seed=seed).read()]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(6))
    assert len(set(ids(1)) & set(ids(2))) == 4  # item i is made from seed + i


def test_config_reaches_the_generator():
    config = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    for problem, label in ReasoningGym(generator="chain_sum", size=5, config=config).read():
        assert abs(int(label.answer)) <= 18
        assert "? " not in problem.text


def test_a_generator_without_oracle_or_witness_says_that_its_scorer_decides():
    ((problem, label),) = ReasoningGym(generator="rush_hour", size=1).read()
    assert label.answer == OPEN
    assert stored(problem)["entry"]["answer"] is None


def test_an_item_of_a_composite_names_the_generator_that_made_it():
    config = {"datasets": [{"name": "chain_sum"}, {"name": "gcd", "weight": 2, "config": {"min_numbers": 2}}]}
    items = list(ReasoningGym(generator="composite", size=8, config=config).read())
    assert {stored(problem)["dataset"] for problem, _ in items} == {"chain_sum", "gcd"}


def test_an_item_that_cannot_be_made_is_a_drop_with_its_number(monkeypatch):
    kind = gym.factory.DATASETS["chain_sum"][0]
    real = kind.__getitem__

    def fails_at_two(self, index):
        if index == 1:
            raise ValueError("no such sum")
        return {**real(self, index), "answer": "" if index == 2 else real(self, index)["answer"]}

    monkeypatch.setattr(kind, "__getitem__", fails_at_two)
    first, second, third = ReasoningGym(generator="chain_sum", size=3).read()
    assert not isinstance(first, Drop)
    assert (second.reason, second.line, second.file) == ("generator_failed", 2, "chain_sum")
    assert "no such sum" in second.detail
    assert third.reason == "answer_empty"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"generator": "chain_sums"}, "nearest: 'chain_sum'"),
        ({"generator": "chain_sum", "config": {"min_term": 2}}, "nearest: 'min_terms'"),
        ({"generator": "chain_sum", "config": {"size": 2}}, "no setting 'size'"),
        ({"generator": "chain_sum", "config": {"min_terms": 9, "max_terms": 2}}, "max_terms must be >= min_terms"),
        ({"generator": "chain_sum", "config": {"min_terms": "x"}}, "rejects"),
        ({"generator": "composite"}, "rejects"),
    ],
)
def test_a_wrong_setting_is_refused_when_planning_and_when_reading(fields, message):
    for ask in (ReasoningGym(**fields).read, ReasoningGym(**fields).check):
        with pytest.raises(ConfigError, match=message) as error:
            ask()
        assert "\n" not in str(error.value)


def test_levels_are_equal_parts_of_the_generators_own_curriculum():
    items = list(ReasoningGym(generator="chain_sum", size=9, levels=3, seed=5).read())
    assert [json.loads(problem.metadata)["level"] for problem, _ in items] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for problem, label in items:
        level, numbers = json.loads(problem.metadata)["level"], re.findall(r"\d+", problem.text.split(":")[-1])
        assert [len(number) for number in numbers] == [level + 1] * (level + 2)  # so many terms of so many digits
        entry = stored(problem)["entry"]
        assert gym.get_score_answer_fn("chain_sum")(answer=label.answer, entry=entry) == 1
    assert len({problem.id for problem, _ in items}) == 9
    plain = ReasoningGym(generator="chain_sum", size=2).read()
    assert all("level" not in json.loads(problem.metadata) for problem, _ in plain)


def test_a_config_holds_at_every_level_and_few_values_stay_at_their_highest():
    config = {"min_terms": 2, "max_terms": 2}
    for problem, _ in ReasoningGym(generator="chain_sum", size=8, levels=4, config=config).read():
        assert len(re.findall(r"\d+", problem.text.split(":")[-1])) == 2
    people = [
        stored(problem)["entry"]["metadata"]["difficulty"]["n_people"]
        for problem, _ in ReasoningGym(generator="knights_knaves", size=4, levels=4).read()
    ]
    assert people == [2, 3, 4, 5]  # its other two attributes have two levels


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"generator": "chain_sum", "levels": 12}, "has 11 levels, and 12 are asked for"),
        ({"generator": "acre", "levels": 2}, "'acre' has no levels"),
        ({"generator": "chain_sum", "levels": 2, "config": {"min_term": 2}}, "nearest: 'min_terms'"),
        ({"generator": "chain_sum", "levels": 2, "config": {"min_terms": 9}}, "max_terms must be >= min_terms"),
    ],
)
def test_levels_that_a_generator_does_not_have_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        ReasoningGym(**{"size": 20, **fields}).check()
    with pytest.raises(ValueError, match="levels 21 must be"):
        ReasoningGym(generator="chain_sum", size=20, levels=21)


def test_what_a_lake_has_read_is_known_without_loading_the_library():
    call = "ReasoningGym(generator='chain_sum').fingerprint()"
    code = f"import sys; from assay.sources.reasoning_gym import ReasoningGym; {call}; print('reasoning_gym' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
        == "False\n"
    )


def test_no_size_below_one():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        ReasoningGym(generator="chain_sum", size=0)
    assert isinstance(ReasoningGym(generator="chain_sum"), Source)


def test_a_question_that_the_generator_repeats_as_its_answer_is_no_gold_answer():
    golds = [label.answer for _, label in ReasoningGym(generator="intermediate_integration", size=12, seed=0).read()]
    assert OPEN in golds
    assert not any("Integral(" in gold for gold in golds)
