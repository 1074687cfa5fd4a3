#!/usr/bin/env bash
# compilers.sh HENGE-SIM HENGE-SIM: two builds of the simulator, by two compilers, must tell the same
# story: one seed has one trace hash. Swarm seeds, and one built-in scenario.
. "$(dirname "$0")/../checks/common.sh"
hashes() {
    "$1" --swarm --seed 1 --seeds 40 --shrink 0 --json
    "$1" --scenario churn --nodes 60 --shrink 0 --json
}
for sim in "$1" "$2"; do
    hashes "$sim" | sed -n 's/.*"seed":\([0-9]*\).*"trace_hash":"\([0-9a-f]*\)".*/\1 \2/p' \
        >"$scratch/$([ "$sim" = "$1" ] && echo one || echo two)"
done
[ "$(wc -l <"$scratch/one")" -eq 41 ] || fail "$1 tells $(wc -l <"$scratch/one") of 41 hashes"
said=$(diff "$scratch/one" "$scratch/two") || fail "the trace hashes differ (seed, hash)"
finish
