#!/bin/sh
# The main job on the embedded sample, run by `make demo`: BM25 in its three variants, then a retriever trained from
# scratch on the sample's train part with each kind of batches; every language setting of its test part.
set -eu
RESULTS="${RESULTS:-demo-results}"
# a static model is look-ups and small products: more threads only wait for each other
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

step() {
    printf '\n$ %s\n' "$*"
    "$@"
}

for variant in language standard translated; do
    step beir-hybrid evaluate sample --bm25 "$variant" --out "$RESULTS/bm25-$variant"
done
for sampling in mono cross hybrid; do
    step beir-hybrid train --groups sample --from-scratch static --sampling "$sampling" --vocabulary 8000 \
        --batch-size 33 --steps 200 --out "$RESULTS/model-$sampling"
    step beir-hybrid evaluate sample --model "$RESULTS/model-$sampling" --name "static-$sampling" \
        --out "$RESULTS/static-$sampling"
done
step beir-hybrid leaderboard sample "$RESULTS"/bm25-* "$RESULTS"/static-*
