import pytest

from assay.verifiers.reasoning_gym.literals import LiteralError, read_literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, -2, 3.5]", [1, -2, 3.5]),
        ("['-92.5', \"8\"]", ["-92.5", "8"]),
        ("[[1, 2], [3]]", [[1, 2], [3]]),
        ("((1,), ())", [[1], []]),
        ("[]", []),
        ("'ABC'", "ABC"),
        (" [1,2] ", [1, 2]),
        ("['a, b', '[']", ["a, b", "["]),
    ],
)
def test_lists_as_python_and_json_write_them(text, value):
    assert read_literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1 2]",
        "[1,,2]",
        "[,]",
        "[1",
        "1]",
        "[1] + [2]",
        "[x]",
        "[i for i in (1,)]",
        "__import__('os').system('true')",
        "[__import__('os')]",
        "'a' 'b'",
        "'a\\x41'",
        "f'{1}'",
        "b'a'",
        "{1: 2}",
        "[*'ab']",
        "list('ab')",
        "[" * 5_000,
        "[" * 50 + "]" * 50,
        "[" + "1, " * 20_000 + "1]",
        "[" + "1" * 1_000 + "]",
    ],
)
def test_everything_else_is_refused(text):
    with pytest.raises(LiteralError):
        read_literal(text)
