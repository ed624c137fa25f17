"""Prevent two runs from sampling the same problems at once: the second waits, then reuses the first one's rollouts.

Other pools are sampled side by side; workers share one pool by shards (`pipelines/runner/score_workers.py`). A run that
was killed blocks nobody on its own machine, and other machines for half a minute at most.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from assay.core.identity import content_id
from assay.pipelines.context.locks import holder_text, keep_renewed
from assay.pipelines.context.run import RunContext
from assay.pipelines.sampling.shards import pause
from assay.stores.commits.lease import take

DEAD_AFTER_S = 30.0


@contextmanager
def exclusive_sampling(context: RunContext, ids: Collection[str]) -> Iterator[None]:
    """Hold the right to attempt these problems for the run's policy and sampler; wait while another run holds it.

    That run may have stored attempts in the meantime, so the caller reads again what is stored.

    Raises:
        Stopped: the run was asked to stop while it waited.
        LakeError: the disk refused.
    """
    policy, waited = context.policy, False
    name = content_id("alone", policy.revision, context.sampler.id, sorted(ids))
    while (token := take(context.lake.root, name, limit_s=DEAD_AFTER_S)) is None:
        if not waited:
            context.reporter.say(
                f"another run is attempting these problems for {policy.name}{holder_text(context.lake.root, name)}: "
                "this one waits until it ends, "
                "since both would pay for the same; `curate score --worker` shares them"
            )
        waited = True
        pause(context)
    with keep_renewed(context.lake.root, name, token, DEAD_AFTER_S, context.reporter.warn):
        yield
