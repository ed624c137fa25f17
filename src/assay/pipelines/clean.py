"""Stage 2: filters in the plan's order, each seeing what the one before kept; every drop keeps its reason."""

import time
from collections import Counter

from assay.core.errors import PlanError
from assay.core.identity import content_id
from assay.core.parts import build
from assay.core.ports import Bench
from assay.core.types import Drop
from assay.pipelines.ingest import drop_row
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import members


def work(job: Job) -> Work:
    """The plan's filters over the members of its pool."""
    pool, plan = job.key_of("ingest", "clean"), job.plan.clean
    used = job.lake.rows(
        "SELECT DISTINCT l.verifier FROM labels l JOIN members m ON m.label_id = l.id WHERE m.pool IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL",
        [pool.split("+")],
    )
    versions = [(row["verifier"], job.judge.version(row["verifier"])) for row in used]
    key = content_id("clean", pool, plan.filters, plan.settings, versions)
    count = job.lake.rows("SELECT count(DISTINCT problem_id) AS n FROM members WHERE pool IN (SELECT unnest(?::VARCHAR[]))", [pool.split("+")])
    return Work("clean", key, count[0]["n"], {"problems": count[0]["n"]}, lambda: _sift_all(job, key))


def _sift_all(job: Job, key: str) -> Outcome:
    began = time.monotonic()
    problems, labels = members(job)
    left, drops = dict(problems), list[Drop]()
    for name in job.plan.clean.filters:
        part = build("filter", name, job.plan.clean.settings.get(name))
        bench = Bench(judge=job.judge if "judge" in part.needs else None)
        gone = part.sift(list(left.values()), {id_: labels[id_] for id_ in left}, bench)
        for drop in gone:
            if left.pop(drop.problem_id, None) is None:
                raise PlanError(f"filter {name!r} dropped {drop.problem_id!r}, which is not among the {len(left)} problems that it was given")
        drops.extend(gone)
    dropped = dict(Counter(drop.reason for drop in drops))
    outcome = Outcome("clean", key, len(problems), len(left), {"dropped": dropped}, time.monotonic() - began)
    return job.finish(outcome, {"drops": [drop_row(drop, key) for drop in drops]})
