#!/bin/sh
# The main job on the embedded sample: BM25 in its three variants, every language setting. Run by `make demo`.
set -eu
RESULTS="${RESULTS:-demo-results}"
for variant in language standard translated; do
    echo
    echo "\$ beir-hybrid evaluate sample --bm25 $variant --out $RESULTS/bm25-$variant"
    beir-hybrid evaluate sample --bm25 "$variant" --out "$RESULTS/bm25-$variant"
done
