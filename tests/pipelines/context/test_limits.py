"""Each limit is reached at its number, and says so."""

import pytest

from assay.core.limit_config import LimitConfig
from assay.pipelines.context.limits import has_limit, limit_reached


@pytest.mark.parametrize(
    ("limit", "tokens", "hours", "said"),
    [
        ({}, 10**9, 10**6, ""),
        ({"tokens": 40}, 40, 0, "limit.tokens = 40 reached: 40 generated"),
        ({"gpu_hours": 8, "gpus": 16}, 0, 0.4999, ""),
        ({"gpu_hours": 8, "gpus": 16}, 0, 0.5, "limit.gpu_hours = 8 reached: 0.5 hours of 16 GPUs"),
        ({"money": 3, "price_per_million_tokens": 1.5}, 1_999_999, 0, ""),
        (
            {"money": 3, "price_per_million_tokens": 1.5},
            2_000_000,
            0,
            "limit.money = 3 reached: 2000000 tokens at 1.5 per million are 3",
        ),
    ],
)
def test_a_limit_of_tokens_gpu_hours_or_money_says_what_was_reached(
    limit: dict[str, float], tokens: int, hours: float, said: str
) -> None:
    assert limit_reached(LimitConfig(**limit), tokens, hours * 3600) == said
    assert has_limit(LimitConfig(**limit)) is bool(limit)
