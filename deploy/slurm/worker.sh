#!/bin/bash
# A worker in an allocation of Slurm; docs/slurm.md explains it. Submit it as the user of the site:
#   sbatch --export=GREETER_DIR=/shared/greeter,GREETER_ENV=/shared/greeter.env deploy/slurm/worker.sh

#SBATCH --job-name=greeter-worker
#SBATCH --ntasks=1
# WORKER_CONCURRENCY cores, and WORKER_CONCURRENCY x JOB_MEMORY + 1 GiB.
#SBATCH --cpus-per-task=2
#SBATCH --mem=9G
#SBATCH --time=24:00:00
# One hour before the wall time the worker takes no new jobs. Allow more if most of your jobs take longer.
#SBATCH --signal=B:USR1@3600
#SBATCH --requeue
#SBATCH --open-mode=append

# Seconds to wait for the running jobs, a minute less than above. The worker returns the rest to the queue, uncounted.
drain_seconds=${GREETER_DRAIN:-3540}
name=slurm-$SLURM_JOB_ID@$(hostname -s)

cd "${GREETER_DIR:-/opt/greeter}" || exit
export PATH="$PWD/.venv/bin:$PATH"
while IFS= read -r line || [[ -n $line ]]; do # NAME=value without quotes
    [[ $line == [A-Z]*=* ]] && export "${line?}"
done <"${GREETER_ENV:-/etc/greeter.env}"

python -m greeter.celery_command --app greeter.worker worker --hostname "$name" &
worker=$!

drain() {
    drained=yes
    (
        timeout "$drain_seconds" flask drain "$name"
        kill -TERM "$worker"
    ) &
}
trap drain USR1
trap 'drained=; kill -TERM "$worker"' TERM # scancel, preemption: 30 seconds (KillWait) to return the jobs

while kill -0 "$worker" 2>/dev/null; do
    wait "$worker" # a signal interrupts it
done
[[ -n ${drained-} ]] && scontrol requeue "$SLURM_JOB_ID"
