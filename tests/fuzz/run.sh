#!/bin/sh
# One fuzz target: every seed, then new inputs for PINSCOPE_FUZZ_SECONDS (5). What it finds worth
# keeping goes to FOUND/corpus, an input that breaks the target to FOUND. Neither is in the tree.
# Usage: run.sh TARGET SEEDS FOUND
set -eu
target=$1 seeds=$2 found=$3
if [ -z "$(ls "$seeds" 2>/dev/null)" ]; then
  echo "there is no seed in $seeds"
  exit 1
fi
mkdir -p "$found/corpus"
set -- -max_total_time="${PINSCOPE_FUZZ_SECONDS:-5}" -timeout=10 -rss_limit_mb=1024 \
  -max_len=65536 -print_final_stats=1 -artifact_prefix="$found/"
[ ! -f "$seeds.dict" ] || set -- "$@" -dict="$seeds.dict"
exec "$target" "$@" "$found/corpus" "$seeds"
