import pytest

from assay.core.types import Message, Sampler
from assay.engines._desk import Desk, Question, alike, merged
from assay.engines._serving import Failed, Wrong, answered, question
from assay.engines.scripted import Scripted
from assay.engines.transformers import Transformers

CHAT = (Message("user", "What is 3+4?"),)


def asked(**changes):
    return Question(CHAT, Sampler(**changes.pop("sampler", {})), **changes)


def test_equal_questions_without_a_seed_share_one_request():
    groups = alike([asked(), asked(n=3), asked(seed=5), asked(seed=5), asked(sampler={"temperature": 0.5})])
    assert [len(group) for group in groups] == [2, 1, 1, 1]
    assert merged(groups[0]).samples == (0, 1, 2, 3)
    assert merged(groups[1]).seed_of(2) == 7


def test_each_gets_as_many_answers_as_it_asked_for():
    desk = Desk(Scripted())
    questions = [desk.ask(asked(n=n)) for n in (1, 3, 2)]
    for each in questions:
        assert len([answered(each.answers.get(timeout=5)) for _ in range(each.n)]) == each.n
        assert each.answers.empty()
    desk.close()


def test_what_the_engine_raises_is_the_answer_of_those_who_wait():
    desk = Desk(Scripted(fail_after=0))
    with pytest.raises(Failed, match="fails after 0 requests"):
        answered(desk.ask(asked()).answers.get(timeout=5))
    desk.close()


def test_a_body_that_cannot_be_served_is_refused_with_its_number():
    for change, words in (
        ({"messages": []}, "at least one"),
        ({"temperature": -1}, "temperature -1"),
        ({"n": 0, "top_p": 0}, "top_p 0"),
        ({"tools": [1]}, "tools"),
    ):
        with pytest.raises(Wrong, match=words):
            question({"messages": [{"role": "user", "content": "x"}], **change})


def test_parts_of_text_are_joined_and_off_values_read():
    read = question(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "top_k": -1, "stop": "x"}
    )
    assert read.messages == (Message("user", "ab"),)
    assert (read.sampler.top_k, read.sampler.stop, read.n, read.seed) == (0, ("x",), 1, None)


def test_strangers_with_seeds_of_their_own_get_their_own_answers():
    pytest.importorskip("torch")
    asked = [Question((Message("user", "37+45="),), Sampler(max_tokens=6), seed=seed) for seed in (5, 3, 9, 3, 21, 40)]
    alone = [next(iter(Transformers("tiny-arithmetic").generate([merged([question])])))[0].text for question in asked]
    assert [group[0].text for group in Transformers("tiny-arithmetic").generate([merged([question]) for question in asked])] == alone
