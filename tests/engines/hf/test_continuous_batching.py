"""Rows in a batch: a sample that ends makes room for the next, and no text depends on its neighbours."""

import pytest

from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.hf.continuous_batching import Decoder, SampleToDraw, common_prefix
from assay.engines.transformers import Transformers

pytest.importorskip("torch")
NAME = "tiny-arithmetic"
TASKS = ("1+1=", "37+45=", "9*8=", "803-117=", "5-5=", "12*11=", "250+250=", "7+6=")


def ask(task, samples=(0, 1, 2), max_tokens=6, **sampler):
    problem, config = Problem.of(task), SamplingConfig(max_tokens=max_tokens, **sampler)
    return Request(problem.id, config.render(problem), config, samples, 0)


def texts(batch_size, requests):
    return [
        [(rollout.sample, rollout.text, rollout.finish) for rollout in group]
        for group in Transformers(NAME, batch_size=batch_size).generate(requests)
    ]


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """A small model is fastest so, and most of all beside other programs."""


@pytest.fixture
def shapes():
    """Build an engine, and the list to which its calls of the model are written: rows, new columns, columns."""

    def watch(batch_size):
        engine, seen = Transformers(NAME, batch_size=batch_size), []
        engine._decoder.model.register_forward_pre_hook(
            lambda _, __, arguments: seen.append((*arguments["input_ids"].shape, arguments["attention_mask"].shape[1])),
            with_kwargs=True,
        )
        return engine, seen

    return watch


@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
def test_texts_are_the_same_in_a_batch_of_any_size(batch_size):
    requests = [ask(task) for task in TASKS]
    assert texts(batch_size, requests) == [texts(64, [request])[0] for request in requests]


def test_a_place_is_filled_again_while_the_others_go_on(shapes):
    engine, seen = shapes(4)
    long_and_short = [
        request for n, task in enumerate(TASKS) for request in (ask("99999+", (n,), 40), ask(task, (0, 1, 2), 40))
    ]
    tokens = sum(rollout.tokens for group in engine.generate(long_and_short) for rollout in group)
    assert tokens > 8 * 40 + 24, "one of each four goes on to the cap"
    assert sum(new == 1 for _, new, _ in seen) < 150, (
        "four by four, each batch as long as its longest, they would take 8 x 40 steps"
    )


def test_columns_that_no_row_needs_are_cut_off(shapes):
    engine, seen = shapes(16)
    list(engine.generate([ask(task, samples=tuple(range(150))) for task in TASKS]))
    assert len(seen) > 150
    assert max(columns for _, _, columns in seen) < 10 + 6 + 64 + 6, (
        "prompt, answer, and at most 64 dead columns until the next one comes"
    )


def test_a_long_answer_holds_up_nobody():
    requests = [
        ask("99999+", (0,), 100),
        *(ask(task, (0,), 100) for task in TASKS),
    ]  # it never ends the first by itself
    rollouts = [rollout.tokens for some in Transformers(NAME, batch_size=2).stream(requests) for rollout in some]
    assert len(rollouts) == 9
    assert rollouts[-1] == 100 > 6 > max(rollouts[:-1])


def test_requests_are_read_as_there_is_room():
    requested = []

    def requests():
        for task in TASKS:
            requested.append(task)
            yield ask(task, samples=(0, 1))

    stream = Transformers(NAME, batch_size=4).stream(requests())
    first = next(some for some in stream if some)
    assert len(requested) <= 2 + (len(first) + 1) // 2
    assert len(first) + sum(map(len, stream)) == 16


def test_the_same_question_asked_twice_is_answered_twice():
    first, second = Transformers(NAME).generate([ask("1+1=", (0,)), ask("1+1=", (0,))])
    assert first == second


def test_requests_of_two_samplers_are_answered_in_order():
    results = list(
        Transformers(NAME).generate(
            [ask("1+1=", (0, 1), temperature=0.0), ask("2+2=", (0,)), ask("7+6=", (0,), temperature=0.0)]
        )
    )
    assert [[rollout.sample for rollout in group] for group in results] == [[0, 1], [0], [0]]
    assert [results[0][0].text, results[2][0].text] == ["2", "13"]


def test_samples_of_several_samplers_are_drawn_together_and_say_what_they_say_alone(shapes):
    changes = [
        {"temperature": 0.0},
        {"top_k": 3},
        {"top_p": 0.8},
        {"temperature": 1.3},
        {"stop": ("5",)},
        {"max_tokens": 2},
    ]
    requests = [ask(task, **config) for task, config in zip(TASKS, changes, strict=False)]
    engine, seen = shapes(64)
    assert [[(rollout.text, rollout.finish) for rollout in group] for group in engine.generate(requests)] == [
        [(text, finish) for _, text, finish in texts(64, [request])[0]] for request in requests
    ]
    assert max(rows for rows, _, _ in seen) == 18
    assert sum(new == 1 for _, new, _ in seen) <= 6, "all in one batch"


def test_a_batch_grows_for_those_who_come_later_and_shrinks_where_nobody_comes(shapes):
    engine, seen = shapes(16)
    long, short = ask("99999+", (0,), 60), [ask(task, (0, 1, 2), 4) for task in TASKS]

    def coming():
        yield long
        yield from (None,) * 3
        yield from short[:4]
        yield from (None,) * 1000

    stream = engine.stream(coming())
    rollouts = [rollout for _, some in zip(range(200), stream, strict=False) for rollout in some]
    steps = [rows for rows, new, _ in seen if new == 1]
    assert (steps[0], max(steps), steps[-1]) == (1, 13, 1)
    assert sorted(rollout.text for rollout in rollouts if rollout.problem_id != long.problem_id) == sorted(
        text for group in texts(16, short[:4]) for _, text, _ in group
    )


@pytest.mark.parametrize("window", [None, 6])
def test_a_model_with_a_sliding_window_is_drawn_batch_by_batch_and_says_the_same(window):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    shape = {
        "vocab_size": 12,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    model = transformers.MistralForCausalLM(transformers.MistralConfig(**shape, sliding_window=window)).eval()
    samples = [SampleToDraw(n, tuple(range(1, 4 + n % 5)), n, SamplingConfig(max_tokens=20)) for n in range(9)]
    results = []
    for max_rows in (1, 4):
        decoder = Decoder(model, lambda tokens, _: tokens[-1] == 0)
        completed = [answer for some, _ in decoder.decode(iter(samples), max_rows=max_rows) for answer in some]
        results.append(sorted((row.key, answer.tokens, answer.finish) for row, answer in completed))
    assert results[0] == results[1]
    assert [key for key, _, _ in results[0]] == list(range(9))


def test_the_common_prefix_is_the_longest_of_all():
    assert common_prefix([(1, 2, 3), (1, 2, 3, 4), (1, 2, 9)]) == (1, 2)
    assert common_prefix([(5, 1), (6, 1)]) == ()
