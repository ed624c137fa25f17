"""One plain run at a time makes attempts for a policy and a sampler in one lake: a second one waits, and then finds what the first has paid for.

Workers take chunks instead and work side by side (`pipelines/workers.py`). A run that was killed holds nobody up on its own machine, and on others
for half a minute at most.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from assay.core.identity import content_id
from assay.pipelines.chunks import pause
from assay.pipelines.job import Job
from assay.pipelines.turns import renewed, where
from assay.stores.lease import take

DEAD_AFTER_S = 30.0


@contextmanager
def alone(job: Job) -> Iterator[bool]:
    """Nobody else who asks for this makes attempts for the job's policy and sampler inside; yields whether somebody did while it waited.

    Raises:
        Stopped: the run was asked to stop while it waited.
        LakeError: the disk refused.
    """
    name, waited = content_id("alone", job.engine.policy.revision, job.plan.policy.sampler.id), False
    while (token := take(job.lake.root, name, limit_s=DEAD_AFTER_S)) is None:
        if not waited:
            job.narrator.say(
                f"another run makes attempts for {job.engine.policy.name} in this lake{where(job.lake.root, name)}: this one waits until it ends, "
                "since both would pay for the same; `curate score --worker` shares them"
            )
        waited = True
        pause(job)
    with renewed(job.lake.root, name, token, DEAD_AFTER_S, job.narrator.warn):
        yield waited
