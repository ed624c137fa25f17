"""The answers that one gold allows."""

from assay.verifiers.math.alternatives import read_alternatives


def test_a_gold_has_alternatives_only_as_a_list_of_texts():
    assert read_alternatives('["4", "four"]') == ("4", "four")
    assert read_alternatives("[1,2]") == ("[1,2]",)
    assert read_alternatives("{1,2}") == ("{1,2}",)
    assert read_alternatives("so it is \\boxed{7} indeed") == ("7",)
