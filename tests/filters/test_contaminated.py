import re

import pytest

from assay.core.notes import Note
from assay.core.ports import FilterContext
from assay.core.types import Drop, Problem
from assay.embedding.neighbours import FaissNeighbours
from assay.embedding.tfidf import Tfidf
from assay.filters.contaminated import BenchmarkIndex, Contaminated
from assay.sources.files import Files

DUCKS = (
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends every day with four. "
    "She sells the remainder at the farmers' market daily for $2 per fresh duck egg. How much does she make every day?"
)
ROOT = "Compute $\\sqrt{2 + \\sqrt{3}}$. Express your answer as a common fraction in simplest radical form."
SERIES = "Find $\\sum_{n=1}^7 n^3$. Express your answer as a common fraction in simplest radical form."


@pytest.fixture
def held(build_filter_context):
    return build_filter_context(
        benchmarks={"GSM8K": [Problem.of(DUCKS)], "MATH": [Problem.of(ROOT), Problem.of(SERIES)]}
    )


@pytest.mark.parametrize(
    "text",
    [
        DUCKS,
        f"Here is a question for you, think hard. {DUCKS} Give the answer after four hash signs.",
        DUCKS.lower(),
        DUCKS.replace("breakfast", "lunch"),
        ROOT,
        ROOT.replace("Express", "Write"),
    ],
)
def test_a_repeat_goes_and_says_how_it_was_found(sift, held, text):
    (drop,) = sift(Contaminated(), [(text, "1")], held).values()
    assert drop.reason == "contaminated"
    assert drop.detail.split(":")[0] in ("ngram", "near", "semantic")


def test_the_detail_names_benchmark_and_problem(sift, held):
    (drop,) = sift(Contaminated(), [(DUCKS, "18")], held).values()
    assert drop.detail == f"ngram: 1.00 of GSM8K {Problem.of(DUCKS).id}"


def test_a_turned_text_is_found_by_its_vector(sift, build_filter_context):
    one = "A train leaves at 3:15 going 60 mph toward the coast."
    other = "Going toward the coast, a train leaves at 3:15 going 60 mph."
    (drop,) = sift(
        Contaminated(), [(other, "1")], build_filter_context(benchmarks={"trains": [Problem.of(one)]})
    ).values()
    assert drop.detail.startswith("semantic: 0.9")


@pytest.mark.parametrize(
    "text",
    [
        DUCKS.replace("16", "20"),
        DUCKS.replace("three", "five"),
        DUCKS.replace("per fresh", "for each second"),
        ROOT.replace("2", "5"),
        "Find $x$ if $x^2 = 9$. Express your answer as a common fraction in simplest radical form.",
        "Recall that $\\sin^2 x + \\cos^2 x = 1$. Which ducks lay eggs at the farmers' market daily for breakfast every morning?",
        "How many eggs?",
        "",
    ],
)
def test_templates_boilerplate_and_shared_identities_survive(sift, held, text):
    assert not sift(Contaminated(), [(text, "1")], held)


def test_boilerplate_that_two_benchmark_problems_share_counts_for_nothing(sift, build_filter_context):
    tail = " Please write the whole solution down step by step and check every result that you have found."
    context = build_filter_context(
        benchmarks={"b": [Problem.of("Add 3 and 4." + tail), Problem.of("Take 2 from 9." + tail)]}
    )
    assert not sift(Contaminated(min_coverage=0.1), [("Is 9 odd? Add 3 and 4 and 5." + tail, "1")], context)
    assert len(sift(Contaminated(), [("Add 3 and 4." + tail, "7")], context)) == 1


def test_other_pictures_make_other_problems(sift, build_filter_context):
    context = build_filter_context(benchmarks={"geometry": [Problem.of("Find x.", media=("a",))]})
    assert not sift(Contaminated(), [(Problem.of("Find x.", media=("b",)), "1"), ("Find x.", "1")], context)
    assert len(sift(Contaminated(), [(Problem.of("Find x.", media=("a",)), "1")], context)) == 1


def test_both_ends_of_coverage(sift, held):
    half = " ".join(DUCKS.split()[:26]) + " 2 $ for per daily every"
    assert not sift(Contaminated(), [(half, "1")], held)
    assert len(sift(Contaminated(min_coverage=0.01), [(f"{DUCKS} And so on.", "1")], held)) == 1


def test_a_megabyte_is_searched_in_a_moment(sift, held):
    assert not sift(Contaminated(), [("word and then some more of it " * 30_000, "1")], held)


def test_what_cannot_be_compared_is_named(build_filter_context, pairs_of):
    with pytest.raises(ValueError, match="benchmarks to compare 1 problems"):
        Contaminated().sift([Problem.of("a")], {}, FilterContext())
    with pytest.raises(ValueError, match="'void' holds no problems"):
        Contaminated().sift(*pairs_of([("a", "1")]), build_filter_context(benchmarks={"void": []}))
    with pytest.raises(ValueError, match="coverage 0"):
        Contaminated(min_coverage=0)
    with pytest.raises(ValueError, match="at least 3, found 2"):
        Contaminated(ngram_words=2)


def test_planted_repeats_are_found_and_labelled_negatives_survive(pairs_of):
    """60 real problems as a benchmark; the encoder sees words alone, so exchanged numbers have a cosine of 1."""
    pytest.importorskip("faiss")
    texts = [text for text in real_texts(120) if text.count(". ") >= 2][:60]
    held, rest = texts[:50], texts[50:]
    inside = [f"Think well about this one. {text} Put the answer in a box." for text in held]
    turned = [" ".join(reversed(re.split(r"(?<=[.?!])\s+", text))) for text in held]
    one_more = [re.sub(r"\d+", lambda found: str(int(found[0]) + 1), text, count=1) for text in held]
    swapped = [made for text in held if (made := exchanged(text))]
    coder = Tfidf(tuple(sorted({*texts, *inside, *turned, *one_more, *swapped})))
    context = FilterContext(
        encoder=coder, neighbours=FaissNeighbours(), benchmarks={"held": [Problem.of(text) for text in held]}
    )
    problems, labels = pairs_of([(text, "1") for text in (*held, *inside, *turned, *one_more, *swapped, *rest)])
    sifted = Contaminated().sift(problems, labels, context)
    found = {item.problem_id for item in sifted if isinstance(item, Drop)}
    noted = {item.problem_id for item in sifted if isinstance(item, Note)}
    for wanted in (held, inside, turned):
        assert len({Problem.of(text).id for text in wanted} & found) >= 0.96 * len(wanted)
    negatives = {*one_more, *swapped, *rest} - {*held, *turned}
    assert len(swapped) >= 20
    assert not {Problem.of(text).id for text in negatives} & found
    assert len({Problem.of(text).id for text in one_more} & noted) >= 0.9 * len(one_more)
    assert not {Problem.of(text).id for text in rest} & noted


def real_texts(n):
    items = Files(paths="package:gsm8k_300.jsonl", prompt="question", answer="answer").read()
    return [item[0].text for item in items if isinstance(item, tuple)][:n]


def exchanged(text):
    """The text with its first two different numbers in each other's place, where different words follow; "" without such a pair."""
    numbers = list(re.finditer(r"(?<![\d.,$/])(\d+) ([a-z]+)", text))[:2]
    if len(numbers) < 2 or numbers[0][1] == numbers[1][1] or numbers[0][2] == numbers[1][2]:
        return ""
    (one, other), between = numbers, text[numbers[0].end(1) : numbers[1].start(1)]
    return f"{text[: one.start(1)]}{other[1]}{between}{one[1]}{text[other.end(1) :]}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ROOT, ROOT.replace("$\\sqrt{2 + \\sqrt{3}}$", "\\(\\sqrt{ 2+\\sqrt3 }\\)")),
        (
            "Compute $\\frac{1}{2} + \\frac{1}{3}$ and give it all.",
            "Compute $\\dfrac{1}{2} + \\tfrac13$ and give it all.",
        ),
        ("Eighteen birds sat on a 6 ft pole that cost $700.", "18 birds sat on a 6 feet pole that cost 700 dollars."),
        (
            DUCKS,
            "Solve the following math problem step by step.\n\n"
            + DUCKS
            + "\n\nPut your final answer within \\boxed{}.",
        ),
    ],
)
def test_another_typesetting_spelling_or_wrapper_is_a_repeat(sift, build_filter_context, one, other):
    assert len(sift(Contaminated(), [(other, "1")], build_filter_context(benchmarks={"b": [Problem.of(one)]}))) == 1
    assert len(sift(Contaminated(), [(one, "1")], build_filter_context(benchmarks={"b": [Problem.of(other)]}))) == 1


def test_exchanged_numbers_before_one_word_are_another_problem(sift, build_filter_context):
    one = "A museum asks $12 for adults and $10 for children. A family of 2 adults and 3 children goes in. What do they pay?"
    other = one.replace("$12", "$x").replace("$10", "$12").replace("$x", "$10")
    assert not sift(Contaminated(), [(other, "1")], build_filter_context(benchmarks={"b": [Problem.of(one)]}))


def test_a_template_is_noted_with_its_benchmark_problem_and_dropped_only_if_told(held, pairs_of):
    problems, labels = pairs_of([(DUCKS.replace("16", "20").replace("$2", "$5"), "1")])
    (note,) = Contaminated().sift(problems, labels, held)
    assert isinstance(note, Note)
    assert (note.reason, note.problem_id) == ("same_template", problems[0].id)
    assert f"GSM8K {Problem.of(DUCKS).id}" in note.detail
    (drop,) = Contaminated(same_template="drop").sift(problems, labels, held)
    assert isinstance(drop, Drop)
    assert drop.reason == "same_template"
    assert Contaminated(same_template="off").sift(problems, labels, held) == []


def test_a_repeat_is_no_template_and_neither_are_other_words(held, pairs_of):
    assert all(isinstance(item, Drop) for item in Contaminated().sift(*pairs_of([(DUCKS, "1")]), held))
    assert (
        Contaminated().sift(
            *pairs_of(
                [("How many eggs are 3 and 4?", "7"), (DUCKS.replace("more", "fewer").replace("16", "9 or 8"), "1")]
            ),
            held,
        )
        == []
    )


def test_every_n_gram_that_tells_of_a_problem_is_found_wherever_it_stands(held):
    for size in (3, 5, 8):
        index = BenchmarkIndex(held.benchmarks, size)
        for text in [benchmark.text for benchmark in index.compared]:
            for lead in range(size + 1):
                assert index.coverage("so " * lead + text) == index.coverage(text)
    assert index.coverage("Nothing of the kind stands in this one, not a single run of eight words.") == []
