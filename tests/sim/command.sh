#!/usr/bin/env bash
# command.sh TOOLS ROOT: henge-sim as a user meets it: options, exit codes, messages, JSON, pictures;
# one seed is one run, also in another process; every built-in scenario runs.
. "$2/tests/checks/common.sh"
sim=$1/henge-sim
henge=$1/henge

# What is wrong is said, with exit code 2.
expect 2 'nodes must be 1..16384, not "0"' "$sim" --nodes 0
expect 2 'seed must be' "$sim" --seed -1
expect 2 'profile is henge, lifeguard or classic' "$sim" --profile swift
expect 2 'no time' "$sim" --duration soon
expect 2 'NAME=VALUE' "$sim" --set novalue
expect 2 'set: ' "$sim" --set no.such.key=1
for key in name bind join label data_dir key_file transport threads profile zone random_seed; do
    expect 2 "set: $key is not for the simulator" "$sim" --set $key=1
done
expect 2 'No such file' "$sim" --scenario nowhere.sim
expect 2 'draws its own scenario' "$sim" --swarm --scenario crash
expect 2 'draws one run' "$sim" --seeds 2 --timeline -
expect 2 'what is "more"' "$sim" more
expect 2 'no such variable' "$sim" --scenario crash --var NOSUCH=4
expect 2 'no such variable' "$sim" --var C=4
expect 2 'too few for 10 nodes' "$sim" --nodes 10 --set members_max=5
expect 2 'runs nothing' "$sim" --actions --timeline "$scratch/none.svg"
expect 2 'a timeline shows up to 512 nodes, not 600' "$sim" --nodes 600 --timeline -
expect 2 'standard output' "$sim" --json --timeline -
# Before the run, not after it.
expect 2 'No such file' timeout 10 "$sim" --nodes 3 --duration 2000h --timeline "$scratch/no/such.svg"
# shellcheck disable=SC2016
expect 2 'standard output cannot be written' timeout 10 bash -c '"$0" --duration 2000h >&-' "$sim"
printf 'nodes 4\nat 3 crash 9\n' >"$scratch/wrong.sim"
printf 'nodes 4\nat 3 pause 1 for 0\n' >"$scratch/ever.sim"
expect 2 "$scratch/ever.sim:2: for 0" "$sim" --scenario "$scratch/ever.sim"
printf 'nodes 4\nat 3 crash 1\n\0at 4 crash 2\n' >"$scratch/nul.sim"
expect 2 "$scratch/nul.sim:3: a NUL byte" "$sim" --scenario "$scratch/nul.sim"
expect 2 'dissemination:4: the mark at 110 s is not before the end, at 60 s' \
    "$sim" --scenario dissemination --nodes 8 --duration 60
expect 2 "$scratch/wrong.sim:2: hosts are 0..3" "$sim" --scenario "$scratch/wrong.sim"

# A report that cannot be written is no success; a swarm of one node has nobody to be cut from.
for what in --json --actions --list '--seeds 3'; do
    # shellcheck disable=SC2016,SC2086
    expect 2 '' bash -c '"$0" --nodes 3 --duration 1 $1 >/dev/full' "$sim" "$what"
done
expect 0 '20 seeds, 0 with violations' "$sim" --swarm --nodes 1 --seeds 20

# Out of memory is told as that, and is no violation. (With a sanitizer there is no such limit.)
short_of_memory() { (ulimit -v $(($1 * 1024)) && "$sim" --nodes 500 --duration 10 --json); }
if ! grep -qE '__(asan|tsan)_init' "$sim"; then
    for megabytes in 8 12 16 20 24 28 32; do
        expect 2 'henge-sim: out of memory' short_of_memory "$megabytes"
        [[ $said != *FAILS* && $said != *violations* ]] || fail 'out of memory is told as a failure'
    done
fi

# SIGINT and SIGTERM end the run soon, and what there is is told.
expect 130 '"interrupted":true' timeout --preserve-status -s INT 1 "$sim" --nodes 50 --duration 2000h --json
expect 143 'interrupted: all figures' timeout --preserve-status 1 "$sim" --nodes 50 --duration 2000h
expect 143 'interrupted after' timeout --preserve-status 1 "$sim" --nodes 50 --duration 60 --seeds 100000
expect 143 'virtual time   ' timeout --preserve-status 1 "$sim" --nodes 50 --duration 2000h \
    --timeline "$scratch/half.svg"
expect 0 '</svg>' tail -n 1 "$scratch/half.svg"
expect 0 '"interrupted":false' "$sim" --nodes 3 --duration 1 --json

# On a terminal a run shows at once that it lives, though one virtual second may take long.
if command -v script >/dev/null; then
    expect 0 'seed 1  0 of 60 s' timeout --preserve-status 60 script -qec \
        "timeout -s INT 1 '$sim' --nodes 4000 --no-checks --duration 60 || true" /dev/null
fi

# --help has examples, --list names what is built in.
expect 0 'Examples:' "$sim" --help
expect 0 'ten-crashes ' "$sim" --list
expect 0 'trace hash' "$sim" --nodes 5 --duration 10

# henge runs it: found beside itself, else in PATH, else said to be missing.
expect 0 'trace hash' "$henge" sim --nodes 3 --duration 5
cp "$henge" "$scratch/henge"
expect 0 'trace hash' env PATH="$1:$PATH" "$scratch/henge" sim --nodes 3 --duration 5
expect 1 'henge-sim is neither beside this program nor in PATH' \
    env PATH=/nowhere "$scratch/henge" sim --nodes 3

# One seed, one run: the same hash in two processes; another for another seed.
hash_of() { "$sim" "$@" --json | sed -n 's/.*"trace_hash":"\([0-9a-f]*\)".*/\1/p'; }
for seed in 5 6; do
    one=$(hash_of --swarm --seed $seed)
    two=$(hash_of --swarm --seed $seed)
    [ ${#one} -eq 16 ] && [ "$one" = "$two" ] || fail "seed $seed: trace hashes '$one' and '$two'"
done
[ "$(hash_of --swarm --seed 5)" != "$one" ] || fail "seeds 5 and 6 give one trace"

# The command that replays a run is one for a shell, whatever the names of files are.
# shellcheck disable=SC2016
printf 'nodes 3\nduration 5\nvar N 1\nat $N crash 1\n' >"$scratch/it's two; words.sim"
one=$(hash_of --scenario "$scratch/it's two; words.sim" --var N=2+1 --set 'meta=a=b c')
replay=$("$sim" --scenario "$scratch/it's two; words.sim" --var N=2+1 --set 'meta=a=b c' --json |
    sed -e 's/.*"replay":"henge sim \([^"]*\)".*/\1/' -e 's/\\\\/\\/g')
two=$(eval "hash_of $replay")
[ ${#one} -eq 16 ] && [ "$one" = "$two" ] || fail "'$replay' is another run: '$one', '$two'"

# What --actions prints is the same run; --var, --set and the sizes of the command line count.
"$sim" --scenario slow-members --var C=3 --nodes 20 --duration 40 --seed 9 --actions \
    >"$scratch/slow.sim"
one=$(hash_of --scenario slow-members --var C=3 --nodes 20 --duration 40 --seed 9)
two=$(hash_of --scenario "$scratch/slow.sim")
[ "$one" = "$two" ] || fail "--actions is another run: '$one', '$two'"
expect 0 'nodes 20' cat "$scratch/slow.sim"
expect 0 'set gossip.fanout 5' "$sim" --set gossip.fanout=5 --actions
expect 0 'profile classic' "$sim" --profile classic --actions

# Many seeds: a line each, and medians.
expect 0 '3 seeds, 0 with violations' "$sim" --nodes 4 --duration 10 --seeds 3 --seed 7

# Every built-in scenario, small and short, in every profile.
for name in $("$sim" --list | cut -d ' ' -f 1); do
    for profile in henge lifeguard classic; do
        expect 0 '"violations_count":0' \
            "$sim" --scenario "$name" --nodes 24 --duration 130 --profile $profile --json --shrink 0
    done
done

# What was not judged is said.
expect 0 'liveness: not judged: it is not checked' "$sim" --nodes 3 --duration 5 --no-checks
expect 0 'liveness: not judged in 2 of them' "$sim" --nodes 3 --duration 5 --profile classic --seeds 2
expect 0 '"liveness_unjudged":null' "$sim" --swarm --json

# Pictures.
expect 0 '' "$sim" --scenario flip-flop --nodes 12 --duration 60 --timeline "$scratch/flip.svg"
expect 0 '</svg>' tail -n 1 "$scratch/flip.svg"
expect 0 'n11 ' "$sim" --scenario flip-flop --nodes 12 --duration 60 --timeline -

# The soak: counts, and passes options on.
expect 0 'soak: 6 seeds (from 3), 0 failed' \
    env HENGE_SIM="$sim" "$2/tools/soak" --seeds 6 --first 3 --jobs 2 -- --nodes 4
# What a program that died has not run is not counted.
cat >"$scratch/dies" <<'END'
#!/bin/sh
echo '    seed  nodes virtual s   wall s     FP    FP-  detect ms     all ms   agree  violations'
for seed in 1 2 3; do
    echo "       $seed      6     104.9     0.01      0      0          -          -     yes  0"
done
echo 'seed 4 FAILS: henge sim --seed 4 --swarm' >&2
kill -ABRT $$
END
chmod +x "$scratch/dies"
expect 1 'soak: 4 seeds (from 1), 1 failed' env HENGE_SIM="$scratch/dies" "$2/tools/soak" --seeds 20
[[ $said == *'the first that failed: henge sim --seed 4 --swarm'* ]] || fail 'another seed is named'
# However slow the machine: a longer run where the first seed was not over yet.
for signal in INT TERM; do
    for seconds in 2 10 50; do
        expect "$([ $signal = INT ] && echo 130 || echo 143)" ' 0 failed' \
            timeout --preserve-status -s $signal $seconds \
            env HENGE_SIM="$sim" "$2/tools/soak" --minutes 5 --jobs 2 -- --nodes 4
        [[ $said == *'soak: 0 seeds'* ]] || break
    done
    [[ $said != *'soak: 0 seeds'* ]] || fail 'nothing was counted'
done
expect 2 'needs a number' "$2/tools/soak" --seeds none
finish
