from dataclasses import replace

from assay.core.training_rows import TargetRow
from assay.exports.training_sets.kto import Kto
from assay.exports.training_sets.sft import Sft


def test_an_answer_says_whether_it_is_to_be_avoided(target: TargetRow) -> None:
    good, bad = Kto().rows([target, replace(target, id="u", desirable=False)])
    assert good["completion"] == bad["completion"] == [{"role": "assistant", "content": "It is 4."}]
    assert (good["label"], bad["label"], bad["target_id"]) == (True, False, "u")


def test_sft_leaves_out_what_is_to_be_avoided(target: TargetRow) -> None:
    assert "--to kto" in Sft().left_out(replace(target, desirable=False))
    assert Kto().left_out(replace(target, desirable=False)) == Sft().left_out(target) == ""
