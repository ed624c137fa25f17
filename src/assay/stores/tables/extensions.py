"""Attempts that count under a longer cap too, although a shorter one was set when they were sampled (`curate extend`).

An attempt that ended by itself is the same attempt under every longer cap. One that was cut is continued, and the
whole of it counts. The rows of a problem are written once none of its attempts is still cut by the shorter cap, so that
its short answers never count alone.
"""

from assay.stores.schema import INT, TEXT, column, table

SCHEMA = table(
    column("rollout_id", TEXT, "the attempt", refers="rollouts.id"),
    column("sampler", TEXT, "the sampling config with the longer cap", refers="sampling_configs.id"),
    column("sample", INT, "its index among the samples of its problem and policy under that config"),
    made_by=("extend",),
    restored=False,
)
