#!/usr/bin/env bash
# resumable.sh COMMAND...: runs it as the work of a batch job that may be ended and begun again.
#
# A signal to the batch script (--signal=B:USR1@120 before the time limit, SIGTERM at preemption) is handed on. The command then stops asking,
# commits what has arrived within 20 s and exits with 3; where it was asked to stop, the job goes back into the queue and goes on from there.
# Exit code 3 that nobody asked for (a limit of the config, a dead server) is handed back, for a queue would only meet it again.
set -u
asked=""
trap 'asked=USR1; [ -z "${!:-}" ] || kill -USR1 "$!" 2>/dev/null' USR1
trap 'asked=TERM; [ -z "${!:-}" ] || kill -TERM "$!" 2>/dev/null' TERM
"$@" &
child=$!
[ -z "$asked" ] || kill -"$asked" "$child" # asked before there was anybody to ask
while kill -0 "$child" 2>/dev/null; do wait "$child"; done # a signal ends `wait` and not the command
wait "$child"
code=$?
# 138 is a command that died of USR1 because it had not begun to listen: it had not begun to work either
if { [ "$code" = 3 ] || [ "$code" = 138 ]; } && [ "$asked" = USR1 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}" # after SIGTERM, Slurm requeues by itself
fi
exit "$code"
