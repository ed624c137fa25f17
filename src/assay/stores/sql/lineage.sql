-- The run that wrote each stored row: one row per row of every table but runs, stages and tombstones. Query it with a
-- WHERE on id or run.
--
-- table: the row's table
-- id: the row's id
-- run: runs.run
-- command: the command, such as curate run
-- plan: JSON of the whole plan, seeds included
-- policy: revision of the policy's weights; null in lakes of format 1
-- versions: JSON: of this package, Python and the packages that matter
-- started: seconds since 1970, UTC
-- ended: the same; null = killed, or still running
-- outcome: done, partly, failed; null = killed, or still running
-- tokens: generated tokens of the whole run
-- samples: rollouts of the whole run
-- seconds: wall time of the run
CREATE VIEW lineage AS
SELECT w."table", w.id, w.run, r.command, r.plan, r.policy, r.versions, r.started, r.ended, r.outcome, r.tokens, r.samples,
       r.seconds
FROM traced_rows w LEFT JOIN (
    SELECT run, any_value(command) AS command, any_value(plan) AS plan, any_value(policy) AS policy,
           any_value(versions) AS versions,
           min(time) FILTER (event = 'start') AS started, max(time) FILTER (event = 'end') AS ended,
           max(outcome) FILTER (event = 'end') AS outcome, max(tokens) FILTER (event = 'end') AS tokens,
           max(samples) FILTER (event = 'end') AS samples, max(seconds) FILTER (event = 'end') AS seconds
    FROM runs GROUP BY run
) r ON r.run = w.run
