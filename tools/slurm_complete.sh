#!/usr/bin/env bash
# Completes objects through slurm, one process for each GPU, each with a share of the inputs, and
# merges what they wrote:
#   GPUS=8 tools/slurm_complete.sh PARTITION JOB_NAME OUT_DIR INPUT ... [options of c2fseg complete]
# OUT_DIR has to be on a file system that all nodes share. GPUS_PER_NODE, CPUS_PER_TASK and
# SRUN_ARGS are read from the environment too.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: GPUS=8 $0 PARTITION JOB_NAME OUT_DIR INPUT ... [options of c2fseg complete]" >&2
    exit 2
fi
partition=$1
name=$2
out_dir=$3
shift 3
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
python=${PYTHON:-python}
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$root:${PYTHONPATH:-}"
# A process that ends leaves the others at work: run it again with --resume.
# shellcheck disable=SC2086
srun -p "$partition" --job-name="$name" --gres=gpu:"$per_node" --ntasks="$gpus" \
    --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" ${SRUN_ARGS:-} \
    "$python" -u -m c2fseg complete "$@" --out-dir "$out_dir"
exec "$python" -m c2fseg merge "$out_dir"
