"""Which limit of `[limit]` a run has reached."""

from assay.core.limit_config import LimitConfig


def has_limit(limit: LimitConfig) -> bool:
    """Return whether there is a limit at all."""
    return any(most is not None for most in (limit.tokens, limit.hours, limit.gpu_hours, limit.money))


def limit_reached(limit: LimitConfig, tokens: int, seconds: float) -> str:
    """Return which limit a run has reached that generated so many tokens in so long, in words; "" = none."""
    hours, cost = seconds / 3600, tokens * limit.price_per_million_tokens / 1e6
    if limit.tokens is not None and tokens >= limit.tokens:
        return f"limit.tokens = {limit.tokens} reached: {tokens} generated"
    if limit.hours is not None and hours >= limit.hours:
        return f"limit.hours = {limit.hours} reached"
    if limit.gpu_hours is not None and hours * limit.gpus >= limit.gpu_hours:
        return f"limit.gpu_hours = {limit.gpu_hours:g} reached: {hours:.3g} hours of {limit.gpus:g} GPUs"
    if limit.money is not None and cost >= limit.money:
        price = f"{limit.price_per_million_tokens:g} per million"
        return f"limit.money = {limit.money:g} reached: {tokens} tokens at {price} are {cost:.4g}"
    return ""
