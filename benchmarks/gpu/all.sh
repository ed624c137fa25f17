#!/usr/bin/env bash
# All that only a GPU can tell, in at most 9 minutes: scoring, encoder and k-means, and three trainings of SmolLM2-135M on reasoning-gym at batch 256.
#   benchmarks/gpu/all.sh [WORK] [--cpu] [--tiny] [--only PART,PART]
# Each part leaves WORK/PART.json and is skipped where that is; the same command goes on after a stop. Weights: benchmarks/gpu/pack.sh, or an installed model.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=.assay/gpu only=scoring,clusters,uniform,oracle,enough limit=${LIMIT_S:-540}
if [[ $# -gt 0 && $1 != --* ]]; then work=$1; shift; fi
options=()
while [[ $# -gt 0 ]]; do
    if [[ $1 == --only ]]; then only=$2; shift 2; else options+=("$1"); shift; fi
done
mkdir -p "$work"
if [[ -f .assay/gpu-weights/name && ! " ${options[*]-} " == *" --tiny "* ]]; then
    export ASSAY_CACHE=$work/cache
    model=$ASSAY_CACHE/models/$(cat .assay/gpu-weights/name)
    if [[ ! -f $model/complete ]]; then
        mkdir -p "$model"
        cat .assay/gpu-weights/piece.* >"$model/$(cat .assay/gpu-weights/file)"
        cp .assay/gpu-weights/LICENSE "$model/"
        touch "$model/complete"
    fi
fi
began=$SECONDS
for part in ${only//,/ }; do
    left=$((limit - (SECONDS - began)))
    if ((left < 5)); then
        echo "$part: no time left, run the same command again"
        continue
    fi
    timeout "$left" "${PYTHON:-python}" -m benchmarks.gpu_parts "$part" --work "$work" ${options[@]+"${options[@]}"} || echo "$part: failed or stopped"
done
