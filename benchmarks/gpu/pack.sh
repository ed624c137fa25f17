#!/usr/bin/env bash
# Cuts the installed SmolLM2-135M-Instruct (98 MB) into two pieces under 64 MB each, for a machine without a network: .assay/gpu-weights/
#   assay doctor --install-model && benchmarks/gpu/pack.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
file=$("${PYTHON:-python}" -c "from assay.engines.models import registry as r; print(r.find_gguf('${MODEL:-smollm2-135m-instruct}'))")
to=${1:-.assay/gpu-weights}
mkdir -p "$to"
rm -f "$to"/piece.*
basename "$(dirname "$file")" >"$to/name"
basename "$file" >"$to/file"
cp "$(dirname "$file")/LICENSE" "$to/"
split -n 2 -d "$file" "$to/piece."
ls -l "$to"
