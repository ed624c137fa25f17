"""What every engine promises: requests in, rollouts out, in order, counted, seeded, with the template applied once."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from assay.core.errors import EngineError
from assay.core.ports import Engine
from assay.core.types import rollout_id
from assay.engines.llamacpp import Llamacpp
from assay.engines.openai.engine import Openai
from assay.engines.replay import Replay
from assay.engines.scripted import Scripted
from assay.engines.server.app import ModelServer
from assay.engines.transformers import Transformers
from assay.engines.vllm import Vllm
from assay.testing import check_engine

QUESTIONS = ("What is 3+4?", "What is 17+24?", "Write a poem about the sea.")
COLUMNS = (
    "problem_id",
    "sample",
    "text",
    "tokens",
    "finish",
    "policy",
    "policy_name",
    "sampler",
    "seed",
    "prompt_tokens",
)
MODEL, SERVICE = pytest.mark.model, pytest.mark.service
KINDS = [
    "scripted",
    "replay",
    *(pytest.param(name, marks=MODEL) for name in ("llamacpp", "transformers", "vllm")),
    pytest.param("openai", marks=SERVICE),
]


def _recording(ask, folder: Path) -> Path:
    script, samplers = Scripted(), ({}, {"max_tokens": 1}, {"temperature": 0.0})
    requests = [ask(question, **sampler) for sampler in samplers for question in QUESTIONS]
    rows = [
        {name: getattr(rollout, name) for name in COLUMNS} for group in script.generate(requests) for rollout in group
    ]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "recording.parquet")
    return folder / "recording.parquet"


@pytest.fixture(scope="module")
def served():
    """Return the address of a scripted engine."""
    service = ModelServer(Scripted()).start()
    yield service.url
    service.close()


@pytest.fixture(scope="module", params=KINDS)
def engine(request, ask, tmp_path_factory):
    if request.param == "scripted":
        built = Scripted()
    elif request.param == "replay":
        built = Replay(str(_recording(ask, tmp_path_factory.mktemp("recording"))))
    elif request.param == "openai":
        built = Openai(urls=(request.getfixturevalue("served"),), send_seed=True)
    else:
        name = request.getfixturevalue("packaged")
        built = _local(request.param, name)
    yield built
    built.close()


def _local(kind: str, name: str):
    if kind == "llamacpp":
        return Llamacpp(name, slots=4, threads=1)
    if kind == "transformers":
        return Transformers(name, batch_size=8)
    pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` brings it")
    return Vllm(name, context=1024, memory=0.3, dtype="float32", eager=True, seeded=True)


def test_it_keeps_the_laws(engine, ask):
    assert isinstance(engine, Engine)
    check_engine(engine, [ask(question) for question in QUESTIONS])


def test_the_policy_has_a_name_and_sixteen_hexadecimal_digits(engine):
    assert engine.policy.name
    assert len(engine.policy.revision) == 16
    int(engine.policy.revision, 16)


def test_answers_come_in_the_order_of_requests_and_samples(engine, ask):
    requests = [ask(question) for question in QUESTIONS]
    groups = list(engine.generate(requests))
    assert [[rollout.problem_id for rollout in group] for group in groups] == [
        [request.problem_id] * 4 for request in requests
    ]
    assert [[rollout.sample for rollout in group] for group in groups] == [[0, 1, 2, 3]] * 3


def test_a_request_is_answered_before_the_next_is_asked_for(engine, ask):
    stream = engine.generate([ask(QUESTIONS[0]), ask(QUESTIONS[1])])
    assert next(stream)[0].problem_id == ask(QUESTIONS[0]).problem_id
    stream.close()


def test_no_requests_and_no_samples_cost_nothing(engine, ask):
    assert list(engine.generate([])) == []
    assert list(engine.generate([ask(samples=())])) == [()]


def test_ids_and_seeds_are_those_of_the_contract(engine, ask):
    request = ask()
    for rollout in next(iter(engine.generate([request]))):
        assert rollout.id == rollout_id(request.problem_id, engine.policy.revision, request.sampler.id, rollout.sample)
        assert rollout.seed == request.seed_of(rollout.sample)
        assert (rollout.policy, rollout.policy_name) == (engine.policy.revision, engine.policy.name)
        assert rollout.sampler == request.sampler.id


def test_a_cap_of_one_token_is_a_finish_of_length(engine, ask):
    for rollout in next(iter(engine.generate([ask(QUESTIONS[2], max_tokens=1)]))):
        assert (rollout.finish, rollout.tokens) == ("length", 1)


def test_a_short_answer_stops_by_itself(engine, ask):
    rollout = next(iter(engine.generate([ask(temperature=0.0)])))[0]
    assert rollout.finish == "stop"
    assert rollout.text.startswith("The answer is")
    assert 0 < rollout.tokens < 12


def test_samples_differ_at_temperature_one(engine, ask):
    assert len({rollout.text for rollout in next(iter(engine.generate([ask(QUESTIONS[2])])))}) > 1


def test_greedy_samples_are_equal_and_repeat(engine, ask):
    request = ask(temperature=0.0)
    first, second = (next(iter(engine.generate([request]))) for _ in range(2))
    assert len({rollout.text for rollout in first}) == 1
    assert first == second


def test_a_subset_of_samples_repeats_those_of_the_whole(engine, ask):
    whole, part = (next(iter(engine.generate([ask(samples=samples)]))) for samples in ((0, 1, 2, 3), (2, 3)))
    assert part == whole[2:]


def test_samples_with_a_gap_keep_their_own_seeds(engine, ask):
    whole, part = (next(iter(engine.generate([ask(samples=samples)]))) for samples in ((0, 1, 2, 3), (0, 3)))
    assert part == (whole[0], whole[3])


def test_an_abandoned_run_leaves_nothing_behind(engine, ask):
    before = next(iter(engine.generate([ask(temperature=0.0)])))
    stream = engine.generate([ask(question) for question in QUESTIONS])
    assert len(next(stream)) == 4
    stream.close()
    assert next(iter(engine.generate([ask(temperature=0.0)]))) == before


def test_the_prompt_is_shown_once_with_all_its_turns(engine, ask):
    shown = engine.show(ask())
    assert shown.count("What is 3+4?") == 1
    assert shown.index("The answer is 4.") < shown.index("The answer is 6.") < shown.index("What is 3+4?")


def test_prompt_tokens_are_counted_as_generated(engine, ask):
    request = ask()
    assert engine.count_tokens(request) == next(iter(engine.generate([request])))[0].prompt_tokens > 0


def _first_rollout(engine, request):
    """Return the first sample of a request."""
    return next(iter(engine.generate([request])))[0]


def test_a_begun_answer_is_shown_to_the_letter_behind_the_prompt(engine, ask):
    if isinstance(engine, Replay):
        return
    begun = replace(ask(), prefix="The answer is\n")  # chat templates trim such an end
    assert engine.show(begun).endswith("The answer is\n")
    assert engine.show(begun).index("What is 3+4?") < len(engine.show(begun)) - len("The answer is\n")
    assert engine.count_tokens(begun) >= engine.count_tokens(ask())


def test_a_begun_answer_is_continued_and_not_repeated(engine, ask):
    if isinstance(engine, Replay):
        with pytest.raises(EngineError, match="cannot continue a partial answer of 13 characters"):
            _first_rollout(engine, replace(ask(temperature=0.0), prefix="The answer is"))
        return
    whole = _first_rollout(engine, ask(temperature=0.0))
    rest = _first_rollout(engine, replace(ask(temperature=0.0), prefix="The answer is"))
    assert "The answer is" + rest.text == whole.text
    assert rest.tokens < whole.tokens


def test_what_follows_another_beginning_is_another_rollout(engine, ask):
    if isinstance(engine, Replay):
        return
    requests = [ask(samples=(0,)), *(replace(ask(samples=(0,)), prefix=begun) for begun in ("The", "The answer"))]
    rollouts = [group[0] for group in engine.generate(requests)]
    assert len({rollout.id for rollout in rollouts}) == 3
    assert [rollout.id for rollout in rollouts] == [request.key(engine.policy.revision, 0) for request in requests]
    assert len({rollout.seed for rollout in rollouts}) == 3


def test_a_stop_string_is_left_out_and_named(engine, ask):
    if isinstance(engine, Replay):
        return
    cut, whole = (
        _first_rollout(engine, ask(temperature=0.0, stop=stop)) for stop in ((" answer", " is"), ("never said",))
    )
    assert (cut.text, cut.finish, cut.stopped) == ("The", "stop", " answer")
    assert (whole.finish, whole.stopped) == ("stop", "")
    assert _first_rollout(engine, ask(QUESTIONS[2], max_tokens=1)).stopped is None


def test_a_closed_engine_opens_again(engine, ask):
    before = engine.count_tokens(ask())
    engine.close()
    assert engine.count_tokens(ask()) == before
