"""The scorers that stand in for those which evaluate text, and the list of those that do."""

import json
import re
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from assay.verifiers.reasoning_gym.scorers import SCORERS, LabelError, load_library_scorer, score_answer

gym = pytest.importorskip("reasoning_gym")

CALLS = re.compile(
    r"(?<![\w.])(eval|exec|compile|__import__)\(|(?<!def )\b(parse_expr|sympify|literal_eval|import_module|lambdify)\(|\bimport (pickle|marshal)\b"
)
MODULES = re.compile(
    r"^\s*(?:import|from) (pickle|marshal|subprocess|socket|ctypes|shelve|dill|cloudpickle|joblib|requests|urllib|http|torch)\b",
    re.MULTILINE,
)
KNOWN = {  # every call that could run given text, and why it does not: "ours" = its scorer is replaced, "its own" = text of the library's own making
    ("algebra/intermediate_integration.py", "parse_expr"): (2, "ours"),
    ("algebra/polynomial_multiplication.py", "parse_expr"): (2, "ours"),
    ("algebra/simple_integration.py", "parse_expr"): (2, "ours"),
    ("algorithmic/binary_matrix.py", "eval"): (1, "ours"),
    ("algorithmic/number_sorting.py", "eval"): (1, "ours: of the gold answer"),
    ("algorithmic/spiral_matrix.py", "eval"): (1, "ours"),
    ("algorithmic/string_insertion.py", "eval"): (1, "ours"),
    ("arithmetic/basic_arithmetic.py", "eval"): (1, "its own, when it generates"),
    ("arithmetic/bitwise_arithmetic.py", "eval"): (2, "ours: of the problem"),
    ("arithmetic/gsm_symbolic/generators_00_49.py", "eval"): (1, "its own, when it generates"),
    ("arithmetic/gsm_symbolic/generators_50_99.py", "eval"): (1, "its own, when it generates"),
    ("code/codeio.py", "exec"): (1, "its own, when it generates"),
    ("code/contrib/bfit/Compiler/Compiler.py", "compile"): (2, "its own compiler of Brainfuck, when it generates"),
    ("games/countdown.py", "parse_expr"): (1, "ours"),
    ("games/n_queens.py", "eval"): (1, "ours"),
    ("games/puzzle24.py", "parse_expr"): (1, "ours"),
    ("logic/propositional_logic.py", "parse_expr"): (5, "a reader of its own of that name"),
}


@cache
def sources():
    root = Path(gym.__file__).parent
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))}


def test_no_version_of_the_library_evaluates_text_elsewhere():
    calls = Counter(
        (path, next(filter(None, match.groups()))) for path, text in sources().items() for match in CALLS.finditer(text)
    )
    assert calls == {place: count for place, (count, _) in KNOWN.items()}


def test_the_library_imports_nothing_that_unpickles_starts_programs_or_speaks():
    assert [(path, match[1]) for path, text in sources().items() for match in MODULES.finditer(text)] == []


@cache
def entry(generator, seed=3):
    entry_data = gym.create_dataset(generator, size=1, seed=seed)[0]
    return json.loads(json.dumps({key: entry_data[key] for key in ("question", "answer", "metadata")}, default=str))


@pytest.mark.parametrize("generator", sorted(set(SCORERS) - {"game_of_life_halting"}))
def test_a_generators_own_answers_score_as_they_did(generator):
    for seed in range(8):
        entry_data = entry(generator, seed)
        if "Integral(" in entry_data["answer"]:  # the question, which solves nothing
            assert score_answer(generator, entry_data["answer"], entry_data) == 0
            continue
        assert (
            score_answer(generator, entry_data["answer"], entry_data)
            == 1
            == load_library_scorer(generator)(answer=entry_data["answer"], entry=entry_data)
        )


@pytest.mark.parametrize("generator", sorted(SCORERS))
@pytest.mark.parametrize(
    "text",
    ["", "[]", "0", "no", "(", "[[1,2],[3,4]]", "9**9**9**9", "()" * 500, "[" * 5_000, "1 if 1 else 2", "print(1)"],
)
def test_other_texts_score_less_than_one_and_never_raise(generator, text):
    assert score_answer(generator, text, entry(generator)) < 1


@pytest.mark.parametrize("generator", sorted(SCORERS))
def test_no_given_text_is_evaluated(generator, monkeypatch, tmp_path):
    mark = tmp_path / "mark"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    entry_data = entry(generator)
    scores = [
        score_answer(generator, text, entry_data)
        for text in (code, f"[{code}]", f"sum([{code} or 1])", f"exp({code})", f"f'{{{code}}}'")
    ]
    hostile = {
        **entry_data,
        "answer": code,
        "metadata": {**entry_data["metadata"], "integrand": code, "problem": code, "valid_answers": [code + " "]},
    }
    with suppress(LabelError):
        score_answer(generator, "[1]", hostile)
    assert not mark.exists()
    assert max(scores) < 1


@pytest.mark.parametrize(
    ("generator", "metadata", "answer", "reward"),
    [
        ("countdown", {"numbers": [2, 3, 4], "target": 10}, "4 + 3*2", 1.0),
        ("countdown", {"numbers": [2, 3, 4], "target": 10}, "4 + 3 × 2 = 10", 1.0),
        ("countdown", {"numbers": [2, 3, 4], "target": 10}, "4 + 3*2 = 11", 0.01),
        ("countdown", {"numbers": [2, 3, 4], "target": 10}, "4 + 3*2*1", 0.05),
        ("countdown", {"numbers": [2, 3, 4], "target": 10}, "10", 0.05),
        ("countdown", {"numbers": [2, 3, 4], "target": 10}, "10 + 0*(2 + 3 + 4)", 0.05),
        ("countdown", {"numbers": [8, 2], "target": 64}, "8**2", 0.01),  # no operator of the game
        ("puzzle24", {"numbers": [4, 7, 1, 4]}, "1*(7*4 - 4)", 1.0),
        (
            "puzzle24",
            {"numbers": [4, 7, 1, 4]},
            "4*6*1*1",
            0.01,
        ),  # 24 from other numbers, which solves every puzzle of the library
        ("puzzle24", {"numbers": [4, 7, 1, 4]}, "7*4 - 4 + 1/4", 0.01),  # the library cuts 24.25 to 24
    ],
)
def test_games_of_numbers_are_played_with_their_numbers(generator, metadata, answer, reward):
    assert score_answer(generator, answer, {"answer": "", "metadata": metadata}) == reward


@pytest.mark.parametrize(
    ("generator", "answer", "reward"),
    [
        ("spiral_matrix", "[1, 2, 3]", 0.1),
        ("string_insertion", "['1', ' ', '2', ' ', '3']", 0.1),
        ("binary_matrix", "[[1, 2, 3]]", 0.1),
        ("binary_matrix", "[1, 2, 3]", 0.0),
    ],
)
def test_a_list_where_a_text_was_asked_for_keeps_its_part_of_the_reward(generator, answer, reward):
    assert score_answer(generator, answer, {"answer": "1 2 3", "metadata": {}}) == reward


def test_a_board_as_a_list_keeps_its_part_of_the_reward():
    entry_data = {"answer": "_ Q\nQ _", "metadata": {"valid_answers": ["_ Q\nQ _"]}}
    assert [
        score_answer("n_queens", text, entry_data)
        for text in ("_ Q\nQ _", "[['_', 'Q'], ['Q', '_']]", "[['Q', 'Q'], ['Q', '_']]")
    ] == [1.0, 0.5, 0.0]


def test_halting_is_not_rewarded_for_any_word():
    assert [
        score_answer("game_of_life_halting", text, {"answer": "True", "metadata": {}})
        for text in ("True", "true.", "False", "x")
    ] == [1, 1, 0, 0]


def test_a_negative_gold_answer_does_not_turn_every_number_right():
    entry_data = {"answer": "-5", "metadata": {"task": "count_days"}}
    assert [score_answer("calendar_arithmetic", text, entry_data) >= 1 for text in ("-5", "7", "-20")] == [
        True,
        False,
        False,
    ]
