#!/usr/bin/env bash
# Completes objects with several processes on one machine, each with a share of the inputs (one for
# each GPU; without a GPU: on CPU cores), and merges what they wrote.
#
#   bash tools/dist_complete.sh PROCESSES OUT_DIR INPUT ... [options of c2fseg complete]
#
# Over several machines that share OUT_DIR, set on each of them NNODES, NODE_RANK and MASTER_ADDR,
# and run "c2fseg merge OUT_DIR" at the end.
set -euo pipefail

if [[ $# -lt 3 ]]; then
    echo "usage: bash tools/dist_complete.sh PROCESSES OUT_DIR INPUT ... [options]" >&2
    exit 2
fi
processes=$1
out_dir=$2
shift 2

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python}
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
"$python" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${MASTER_PORT:-29502}" \
    --nproc_per_node="$processes" \
    -m c2fseg complete "$@" --out-dir "$out_dir"
if [[ "${NNODES:-1}" == 1 ]]; then
    exec "$python" -m c2fseg merge "$out_dir"
fi
