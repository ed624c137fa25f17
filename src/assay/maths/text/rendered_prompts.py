"""The question in a prompt that a chat template has written out, with its special tokens or without them."""

import re

_USER = re.compile(
    r"<\|im_start\|>user\n|<\|start_header_id\|>user<\|end_header_id\|>|<start_of_turn>user\n"
    r"|<\|start_of_role\|>user<\|end_of_role\|>"
    r"|<\|start\|>user<\|message\|>|<\|user\|>|<\|USER_TOKEN\|>|<｜User｜>|\[INST\]"
    r"|(?:^|\n)### (?:Instruction|User|Question):?"
    r"|(?:^|\n)(?:user\n|(?:User|Human|USER|HUMAN): )"
)
_END = re.compile(
    r"<\|(?:im_end|eot_id|end|end_of_text|endoftext|END_OF_TURN_TOKEN|assistant|user)\|>|<end_of_turn>|</s>|\[/INST\]"
    r"|<｜Assistant｜>|<｜end▁of▁sentence｜>"
    r"|\n(?:### (?:Response|Assistant|Answer)|(?:Assistant|ASSISTANT):)|\n(?:assistant|model)\s*\n"
)
# the head of the reply, joined to the question where special tokens were removed
_REPLY_BEGINS = re.compile(r"(?:assistant|model)\s*(?:<think>\s*)?$")


def rendered_questions(text: str) -> list[str]:
    """Find what the last user turn of a rendered prompt may be, the likeliest first; none where no turn is marked.

    >>> rendered_questions("<|im_start|>user\\nWhat is 3+1?<|im_end|>\\n<|im_start|>assistant\\n")
    ['What is 3+1?']
    >>> rendered_questions("system\\n\\nBe brief.\\n\\nuser\\n\\nWhat is 3+1?assistant\\n\\n")[-1]
    'What is 3+1?'
    """
    turns = list(_USER.finditer(text))
    if not turns:  # DeepSeek's marks are all special tokens: where these were removed, the begun thought is left
        return [text.strip().removesuffix("<think>").strip()] if text.rstrip().endswith("<think>") else []
    turn = text[turns[-1].end() :]
    end = _END.search(turn)
    questions = [turn[: end.start()]] if end else [turn, _REPLY_BEGINS.sub("", turn)]
    return list(dict.fromkeys(question.strip() for question in questions if question.strip()))
