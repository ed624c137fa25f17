"""Instructions around a problem: how to think and where to write the answer, but nothing about the problem."""

import re
from functools import lru_cache

_HINTS = (
    "nswer",
    "step",
    "boxed",
    "olve",
    "olution",
    "uestion:",
    "roblem:",
    "Q:",
    "You are",
    "reasoning",
    "Show",
    "<|",
    "ANSWER",
    "PROBLEM",
    "QUESTION",
    "请",
)
_STARTS = r"let'?s (?:think|reason|solve)|please (?:reason|think|solve|put|provide|give|show)"
_STARTS += (
    r"|(?<!please )(?<!let's )(?<!and )(?<!to )(?:think step|(?:put|return|present|enclose|box|write|give) (?:your"
    r"|the) final)"
)
_END = re.compile(rf"(?<=[.!?。！？])[\"'”)$\]}}*]*(?=\s)|(?<=[。！？])|\n|(?<=\s)(?=(?:{_STARTS})\b)", re.IGNORECASE)
_FIRST_END = re.compile(_END.pattern + r"|(?<=:)(?=\s)", re.IGNORECASE)  # "Problem: ..." begins a problem
_TURN = re.compile(r"<\|\w+\|>(?:system\b|user\b|assistant\b)?")  # of chat templates written out
_MARKER = re.compile(
    r"box(?:ed)?\b|####|</?\s*(?:answer|think|final_answer|solution)\s*>|[\"'`“$]\s*(?:the )?(?:final )?answer\b"
    r"|\[/?answer\]|answer:"
    r"|\blast line\b|\bown line\b|\b(?:separate|single|new|final) line\b|\bjson\b|\blatex\b"
    r"|\b(?:reasoning|thinking) process\b|\bfinal answer to the (?:problem|question)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"answer|solution|result|response|output|reasoning|thought|答案", re.IGNORECASE)
_POLITE = r"(?:please |now |then |kindly |remember to |make sure to |be sure to |"
_POLITE += r"you (?:should|must|need to|have to|will|can) |let'?s |let us |carefully |first,? |and |also )*"
_STEPS = re.compile(
    rf"{_POLITE}(?:carefully )?"
    r"(?:think|reason|solve|work|explain|proceed|go|show|answer|break|write|analy[sz]e|consider|provide|give|do"
    r"|use)\b[^.?!]*"
    r"\b(?:step[- ]by[- ]step|step by step|your (?:work(?:ing)?|reasoning|steps|thoughts?)|each step"
    r"|all (?:your )?steps|chain[- ]of[- ]thought)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_GIVE = re.compile(
    rf"{_POLITE}(?:give|provide|state|output|return|present|write|put|report|conclude with|end with|finish with"
    rf"|include)\b(?: me| only| just)* "
    r"(?:the|your|a|an|one)(?: single| correct| complete| clear)? (?:final )?(?:answer|solution|result)"
    r"(?: (?:at the (?:very )?end(?: of (?:the|your) \w+)?|only|clearly|alone|below|directly|here))*[.!:]?",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?:(?:please |now )*(?:solve|answer|consider|read|work out|complete) (?:the|this) (?:following |given "
    r"|next )?(?:\w+ ){0,3}"
    r"(?:problem|question|task|exercise|query|puzzle)s?(?: (?:carefully|below|efficiently|clearly|correctly|and"
    r"|as best you can|given to you))*[.:!]?"
    r"|(?:here is|here's|below is|this is|given|you (?:are|will be) given) (?:a|the|an|your) (?:\w+ ){0,3}"
    r"(?:problem|question|task)(?: for you)?(?: to solve)?[.:!]"
    r"|(?:#+ )?\**(?:math(?:ematics|s)? )?(?:problem|question|q|user|human|input|instruction|prompt)\**(?: ?\d+)?:\**"
    r"|(?:#+ )?\**(?:answer|solution|a|response|assistant|final answer|output)\**:\**(?: let'?s think step by step\.?)?"
    r"|you are (?:a|an|the|qwen)\b.*|<\|\w+\|>(?:system|user|assistant)?|solution:?|题目[:：]|问题[:：])",
    re.IGNORECASE | re.DOTALL,
)
_CHINESE = re.compile(r"请.*(?:推理|步骤|一步|思考|解答).*", re.DOTALL)


@lru_cache(1 << 16)  # several filters need the same texts
def strip_instructions(text: str) -> str:
    """The text without instructions at its beginning and end: how to work and where to write the answer.

    These are what the prompts of verl, DAPO, OpenR1, Qwen-Math and others put around a problem. Only whole sentences
    are removed, and only those that name a way of working or a marker for the answer (a box, ####, a separate line,
    tags); "Express your answer as a common fraction" belongs to the problem. A text of instructions alone is returned
    as it is.

    >>> strip_instructions("What is 2 + 3? Let's think step by step and output the final answer after \\"####\\".")
    'What is 2 + 3?'
    >>> strip_instructions("Find x. Express your answer as a common fraction.")
    'Find x. Express your answer as a common fraction.'
    """
    return _bare(text) or text


def only_instructions(text: str) -> bool:
    """Whether a text holds nothing but instructions, as the system turn of many prompts.

    >>> only_instructions("You are a helpful model. Reason step by step, and put your final answer within \\\\boxed{}.")
    True
    """
    return not _bare(text)


def _bare(text: str) -> str:
    for hint in _HINTS:
        if hint in text:
            return _strip(text)
    return text


def _strip(text: str) -> str:
    text = _TURN.sub("\n", text) if "<|" in text else text
    end = len(text.rstrip())
    start = len(text) - len(text.lstrip())
    while (stop := _first_sentence_end(text, start, end)) and is_instruction(text[start:stop]):
        start = stop + len(text[stop:end]) - len(text[stop:end].lstrip())
    while (begin := _last_sentence_start(text, start, end)) is not None and is_instruction(text[begin:end]):
        end = start + len(text[start:begin].rstrip())
    return text[start:end].strip()


def is_instruction(sentence: str) -> bool:
    """Whether a sentence says how to work or where to write, and nothing about a problem.

    >>> is_instruction("Please reason step by step, and put your final answer within \\\\boxed{}.")
    True
    >>> is_instruction("How many steps are left?")
    False
    """
    bare = sentence.strip().strip("*_ \t\"'").strip()
    if not bare or len(bare) > 600:
        return not bare
    if _STEPS.fullmatch(bare) or _GIVE.fullmatch(bare) or _LEAD.fullmatch(bare) or _CHINESE.fullmatch(bare):
        return True
    return (
        "?" not in bare.replace('?"', "")
        and bool(_MARKER.search(bare) and _ANSWER.search(bare))
        and not re.search(r"\d{2}|\\frac|=", bare)
    )


def _first_sentence_end(text: str, start: int, end: int) -> int:
    """The end of the first sentence; 0 if nothing is left."""
    match = _FIRST_END.search(text, start + 1, min(end, start + 700))
    return match.end() if match else end if start < end else 0


def _last_sentence_start(text: str, start: int, end: int) -> int | None:
    """The start of the last sentence; None if nothing is left."""
    if start >= end:
        return None
    begin = max(start, end - 700)
    cuts = [match.end() for match in _END.finditer(text, begin, end - 1) if text[match.end() : end].strip()]
    return cuts[-1] if cuts else begin if begin == start else None
