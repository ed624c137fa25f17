#!/usr/bin/env bash
# The curriculum study on one GPU: SmolLM2-135M-Instruct (or MODEL) on a mixture of reasoning-gym's generators, seconds of wall time, one run at a time.
#   benchmarks/gpu/curriculum_study.sh [FOLDER] [further options of the study]
# FOLDER keeps the finished runs: the same command goes on after a stop. About 70 runs of SECONDS and their evaluations.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${1:-.assay/curriculum_study}
shift || true
python -m benchmarks.curriculum_study --pool reasoning_gym --work "$work" \
    --model "${MODEL:-smollm2-135m-instruct}" --engine "${ENGINE:-transformers}" --clock wall --processes 1 \
    --seconds "${SECONDS_A_RUN:-300}" --rollouts "${ROLLOUTS:-40000}" --learning-rate "${LEARNING_RATE:-1e-5}" \
    --groups 16 --micro-batch "${MICRO_BATCH:-64}" --each 400 --held-out 320 --max-tokens 32 "$@"
