import pytest

from assay.maths.text.rendered_prompts import rendered_questions


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 3+1?<|im_end|>\n<|im_start|>assistant\n",
        "system\nBe brief.\nuser\nWhat is 3+1?\nassistant\n",
        "system\n\nCutting Knowledge Date: December 2023\n\nuser\n\nWhat is 3+1?assistant\n\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhat is 3+1?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "user\nWhat is 3+1?\nmodel\n",
        "<bos><start_of_turn>user\nWhat is 3+1?<end_of_turn>\n<start_of_turn>model\n",
        "<s>[INST] What is 3+1? [/INST]",
        "<｜User｜>What is 3+1?<｜Assistant｜><think>\n",
        "What is 3+1?<think>\n",
        "<|user|>\nWhat is 3+1?<|end|>\n<|assistant|>\n",
        "[gMASK]<sop><|user|>\nWhat is 3+1?<|assistant|>\n",
        "<|system|>\nBe brief.</s>\n<|user|>\nWhat is 3+1?</s>\n<|assistant|>\n",
        "<|start|>user<|message|>What is 3+1?<|end|><|start|>assistant",
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>What is 3+1?<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
        "User: What is 3+1?\n\nAssistant:",
        "Human: What is 3+1?\n\nAssistant: ",
        "Below is an instruction.\n\n### Instruction:\nWhat is 3+1?\n\n### Response:\n",
        "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n<|im_start|>user\nWhat is 3+1?<|im_end|>\n",
    ],
)
def test_the_last_question_is_found_in_the_templates_of_common_models(prompt):
    assert "What is 3+1?" in rendered_questions(prompt)


@pytest.mark.parametrize("text", ["What is 3+1?", "", "The user\ncounts sheep.", "A model\n"])
def test_a_text_without_turns_has_none(text):
    assert rendered_questions(text) == []
