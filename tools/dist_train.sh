#!/usr/bin/env bash
# Trains with several processes on one machine, one for each GPU (without a GPU: on CPU cores).
#
#   bash tools/dist_train.sh CONFIG PROCESSES [options of train.py]
#
# Over several machines, set on each of them NNODES, NODE_RANK and MASTER_ADDR.
set -euo pipefail

if [[ $# -lt 2 ]]; then
    echo "usage: bash tools/dist_train.sh CONFIG PROCESSES [options of train.py]" >&2
    exit 2
fi
config=$1
processes=$2
shift 2

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${MASTER_PORT:-29500}" \
    --nproc_per_node="$processes" \
    "$root/tools/train.py" "$config" --launcher pytorch "$@"
