import pytest

from assay.core.types import Message, Policy, Rollout, SamplingConfig
from assay.engines.scripted import Scripted
from assay.engines.server.app import RequestFailed, unwrap_answer
from assay.engines.server.batcher import PendingRequest, RequestBatcher, group_requests, merge_requests
from assay.engines.server.chat_request import InvalidRequest, read_request
from assay.engines.transformers import Transformers

CHAT = (Message("user", "What is 3+4?"),)


def pending(**changes):
    return PendingRequest(CHAT, SamplingConfig(**changes.pop("sampler", {})), **changes)


def test_equal_requests_without_a_seed_share_one_request():
    groups = group_requests(
        [pending(), pending(n=3), pending(seed=5), pending(seed=5), pending(sampler={"temperature": 0.5})]
    )
    assert [len(group) for group in groups] == [2, 1, 1, 1]
    assert merge_requests(groups[0]).samples == (0, 1, 2, 3)
    assert merge_requests(groups[1]).seed_of(2) == 7


def test_each_gets_as_many_answers_as_it_asked_for():
    batcher = RequestBatcher(Scripted())
    requests = [batcher.submit(pending(n=n)) for n in (1, 3, 2)]
    for request in requests:
        assert len([unwrap_answer(request.answers.get(timeout=5)) for _ in range(request.n)]) == request.n
        assert request.answers.empty()
    batcher.close()


def test_what_the_engine_raises_is_the_answer_of_those_who_wait():
    batcher = RequestBatcher(Scripted(fail_after=0))
    with pytest.raises(RequestFailed, match="fails after 0 requests"):
        unwrap_answer(batcher.submit(pending()).answers.get(timeout=5))
    batcher.close()


class Patient:
    """A streaming engine that answers the last of its requests first, once it holds as many as it wants."""

    policy = Policy("patient", "0")

    def __init__(self, wants):
        self.wants, self.waiting = wants, []

    def stream(self, requests):
        for request in requests:
            self.waiting += [] if request is None else [request]
            while len(self.waiting) >= self.wants:
                last = self.waiting.pop()
                for sample in last.samples:
                    yield (
                        Rollout.of(
                            last, sample, policy=self.policy, engine="", text=f"{sample}", tokens=1, finish="stop"
                        ),
                    )
            yield ()

    def count_tokens(self, request):
        return len(request.messages[0].content)

    def show(self, request):
        return request.messages[0].content

    def close(self): ...


def test_a_request_joins_what_is_being_computed_and_may_be_answered_first():
    batcher = RequestBatcher(Patient(2))
    early = batcher.submit(pending(n=3))
    assert batcher.render_prompt(pending()) == (len(CHAT[0].content), CHAT[0].content), (
        "rendered while the engine works"
    )
    late = batcher.submit(pending(n=2))
    assert [unwrap_answer(late.answers.get(timeout=5)).text for _ in range(2)] == ["0", "1"]
    assert early.answers.empty()
    batcher.submit(pending())
    batcher.submit(pending(sampler={"stop": ("x",)}))
    batcher.close()


def test_closing_tells_who_waits_and_leaves_no_thread_inside_the_engine():
    class Closing(Patient):
        closed = False

        def close(self):
            self.closed = True

    engine = Closing(2)
    batcher = RequestBatcher(engine)
    waiting = batcher.submit(pending())
    batcher.close(wait_s=5)
    assert engine.closed
    with pytest.raises(RequestFailed, match="the server is closing"):
        unwrap_answer(waiting.answers.get(timeout=5))


def test_a_streaming_engine_that_fails_tells_everyone_who_waits_and_works_on():
    class Breaking(Patient):
        def stream(self, requests):
            if self.wants:
                self.wants = 0
                next(iter(requests))
                raise OSError("no memory")
            self.wants = 1
            yield from super().stream(requests)

    batcher = RequestBatcher(Breaking(1))
    with pytest.raises(RequestFailed, match="no memory"):
        unwrap_answer(batcher.submit(pending(n=2)).answers.get(timeout=5))
    assert unwrap_answer(batcher.submit(pending()).answers.get(timeout=5)).text == "0"
    batcher.close()


def test_what_the_engine_says_of_a_prompt_is_raised_where_it_was_asked():
    class Failing(Patient):
        def show(self, request):
            raise OSError("no template")

    batcher = RequestBatcher(Failing(1))
    with pytest.raises(OSError, match="no template"):
        batcher.render_prompt(pending())
    assert unwrap_answer(batcher.submit(pending()).answers.get(timeout=5)).text == "0"
    batcher.close()


def test_a_body_that_cannot_be_served_is_refused_with_its_number():
    for change, words in (
        ({"messages": []}, "at least one"),
        ({"temperature": -1}, "temperature -1"),
        ({"n": 0, "top_p": 0}, "top_p 0"),
        ({"tools": [1]}, "tools"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            read_request({"messages": [{"role": "user", "content": "x"}], **change})


def test_parts_of_text_are_joined_and_off_values_read():
    pending = read_request(
        {
            "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            "top_k": -1,
            "stop": "x",
        }
    )
    assert pending.messages == (Message("user", "ab"),)
    assert (pending.sampler.top_k, pending.sampler.stop, pending.n, pending.seed) == (0, ("x",), 1, None)


def test_strangers_with_seeds_of_their_own_get_their_own_answers():
    pytest.importorskip("torch")
    requests = [
        PendingRequest((Message("user", "37+45="),), SamplingConfig(max_tokens=6), seed=seed)
        for seed in (5, 3, 9, 3, 21, 40)
    ]
    alone = [
        next(iter(Transformers("tiny-arithmetic").generate([merge_requests([pending])])))[0].text
        for pending in requests
    ]
    assert [
        group[0].text
        for group in Transformers("tiny-arithmetic").generate([merge_requests([pending]) for pending in requests])
    ] == alone


def test_a_streaming_engine_that_fails_at_one_question_answers_the_others():
    class Choosy(Patient):
        def stream(self, requests):
            yield from super().stream(self._check_all(requests))

        def _check_all(self, requests):
            for request in requests:
                if request and "poison" in request.messages[0].content:
                    self.wants, self.waiting = 1, []
                    raise RuntimeError("no such token")
                yield request

    batcher = RequestBatcher(Choosy(4))
    good = [batcher.submit(PendingRequest((Message("user", f"What is {n}+1?"),), SamplingConfig())) for n in range(3)]
    bad = batcher.submit(PendingRequest((Message("user", "poison"),), SamplingConfig()))
    with pytest.raises(RequestFailed, match="no such token"):
        unwrap_answer(bad.answers.get(timeout=5))
    assert [unwrap_answer(pending.answers.get(timeout=5)).text for pending in good] == ["0"] * 3
    batcher.close()


def test_what_cannot_be_hashed_is_refused_where_it_is_submitted():
    batcher = RequestBatcher(Scripted())
    with pytest.raises(ValueError, match="surrogate"):
        batcher.submit(PendingRequest((Message("user", "\ud800"),), SamplingConfig()))
    assert unwrap_answer(batcher.submit(pending()).answers.get(timeout=5)).finish == "stop"
    batcher.close()
