"""Reward terms besides correctness: format, length and language of one rollout, each a function of its text alone."""

import re
from functools import lru_cache

from assay.core.rewards import RewardTerms
from assay.maths.text.language import UNKNOWN, detect_language


def soft_overlong(tokens: int, token_cap: int, buffer: float) -> float:
    """The penalty is 0 up to cap - buffer x cap tokens, falls linearly to -1 at the cap, and is -1 beyond.  # [-1, 0]

    A buffer of 0 is the plain penalty of -1 for a rollout that used up its cap; a cap of 0 is none that is known, and
    no penalty. Source: DAPO, arXiv:2503.14476, eq. 13, whose cap is L_max = 20480 and whose buffer L_cache = 4096.

    >>> soft_overlong(80, 100, 0.2), soft_overlong(90, 100, 0.2), soft_overlong(100, 100, 0.2), soft_overlong(100, 100, 0)
    (0.0, -0.5, -1.0, -1.0)
    """
    width = buffer * token_cap
    if not token_cap:
        return 0.0
    if tokens >= token_cap:
        return -1.0
    return min(0.0, (token_cap - width - tokens) / width) if width > 0 else 0.0


def has_format(text: str, pattern: str) -> float:
    """1 where the pattern matches somewhere in the text, else 0."""
    return float(_compile(pattern).search(text) is not None)


def in_language(text: str, code: str) -> float:
    """1 where the text is in the language, or where mathematics and few words leave the language open, else 0."""
    return float(detect_language(text) in (code, UNKNOWN))


def term_values(terms: RewardTerms, text: str, tokens: int, token_cap: int) -> dict[str, float]:
    """The values of the terms that are on, by name, without correctness.

    >>> term_values(RewardTerms(format=0.1, length=1.0), "so \\\\boxed{4}", 95, 100)
    {'format': 1.0, 'length': -0.75}
    """
    makers = {
        "format": lambda: has_format(text, terms.format_pattern),
        "length": lambda: soft_overlong(tokens, token_cap, terms.length_buffer),
        "language": lambda: in_language(text, terms.language_code),
    }
    return {name: makers[name]() for name in terms.extra}


@lru_cache(maxsize=64)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)
