#!/usr/bin/env bash
# Tests with several processes on one machine, one for each GPU (without a GPU: on CPU cores).
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]
#
# CHECKPOINT is "none" for predictors without weights. Over several machines, set on each of them
# NNODES, NODE_RANK and MASTER_ADDR.
set -euo pipefail

if [[ $# -lt 3 ]]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
processes=$3
shift 3

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${MASTER_PORT:-29501}" \
    --nproc_per_node="$processes" \
    "$root/tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
