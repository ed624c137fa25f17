"""Pass rate against the token cap: what the stored attempts would have been under shorter caps, generating nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.maths.beta.posterior import mean, posterior
from assay.maths.rl.group_signal import expected_signal
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.attempts import StoredRollouts

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)  # of the cap


def count_by_length(context: RunContext, caps: Sequence[int] = ()) -> dict[str, Any]:
    """Count what the stored attempts would have come to under shorter caps.

    Args:
        context: the run.
        caps: caps in tokens; none = shares of the config's own.

    Returns:
        {by: tokenizer or characters, by which attempts are cut; problems, attempts, group_size; caps: one row per cap
        with counts, mean pass rate and mean group signal}. The pass rate is the mean over problems of the posterior
        mean, once with cut attempts as wrong and once without them, since a trainer may follow either rule.

    Raises:
        ConfigError: no stored attempt, or a cap above the config's.
    """
    problems, labels = read_side(context, run_stages(context, "split", only=True), "train")
    attempts = StoredRollouts(context, problems, labels)
    if not attempts.stored:
        raise ConfigError("no attempts of this policy and sampling config are stored: run `curate score CONFIG` first")
    whole = context.config.policy.max_tokens
    chosen_caps = sorted(set(caps) or {max(1, round(whole * share)) for share in SHARES})
    counts_at = {cap: attempts.draw_truncated(dict.fromkeys(problems, 0), cap) for cap in chosen_caps}
    rows = [_cap_row(cap, list(counts.values()), context.config.train.group_size) for cap, counts in counts_at.items()]
    return {
        "by": attempts.cut_by,
        "problems": len(problems),
        "attempts": attempts.stored,
        "group_size": context.config.train.group_size,
        "caps": rows,
    }


def _cap_row(cap: int, counts: list[Counts], group_size: int) -> dict[str, Any]:
    attempted_counts = [tally for tally in counts if tally.total]
    right, wrong, n_cut = (
        np.array([getattr(tally, name) for tally in attempted_counts], dtype=np.float64)
        for name in ("correct", "wrong", "truncated")
    )
    as_wrong, masked = posterior(right, wrong + n_cut), posterior(right, wrong)
    return {
        "cap": cap,
        "correct": int(right.sum()),
        "wrong": int(wrong.sum()),
        "truncated": int(n_cut.sum()),
        "rate, truncated = wrong": float(mean(*as_wrong).mean()),
        "rate, truncated left out": float(mean(*masked).mean()),
        "signal, truncated = wrong": float(expected_signal(*as_wrong, group_size).mean()),
    }
