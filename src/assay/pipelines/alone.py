"""One plain run at a time attempts a pool for a policy and sampler in one lake: a second one waits, and then finds what the first has paid for.

Other pools are attempted side by side; workers take chunks and share one (`pipelines/workers.py`). A run that was killed holds nobody up on its own
machine, and on others for half a minute at most.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from assay.core.identity import content_id
from assay.pipelines.chunks import pause
from assay.pipelines.job import Job
from assay.pipelines.turns import renewed, where
from assay.stores.lease import take

DEAD_AFTER_S = 30.0


@contextmanager
def alone(job: Job, ids: Collection[str]) -> Iterator[None]:
    """Nobody else who asks for this attempts these problems for the job's policy and sampler inside. Somebody may have done so before.

    Raises:
        Stopped: the run was asked to stop while it waited.
        LakeError: the disk refused.
    """
    name, waited = content_id("alone", job.engine.policy.revision, job.plan.policy.sampler.id, sorted(ids)), False
    while (token := take(job.lake.root, name, limit_s=DEAD_AFTER_S)) is None:
        if not waited:
            job.narrator.say(
                f"another run attempts these problems for {job.engine.policy.name}{where(job.lake.root, name)}: this one waits until it ends, "
                "since both would pay for the same; `curate score --worker` shares them"
            )
        waited = True
        pause(job)
    with renewed(job.lake.root, name, token, DEAD_AFTER_S, job.narrator.warn):
        yield
