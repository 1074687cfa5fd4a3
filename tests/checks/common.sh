# tests/checks/common.sh - sourced by the tests of the checks: a scratch copy of the tree, and what is
# expected of a command that is run in it.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0
said=

# copy_tree DIRECTORY: the tree as it is, without what was built and without git.
copy_tree() {
    mkdir -p "$1"
    (cd "$top" && find . \( -path ./.git -o -path ./build \) -prune -o -type f -print0 |
        tar --null -T - -cf -) | tar -xf - -C "$1"
}

fail() {
    echo "FAILED: $1"
    printf '%s\n' "$said" | tail -n 20 | sed 's/^/    /'
    failures=$((failures + 1))
}

# expect CODE TEXT COMMAND ...: exit code CODE, and TEXT (fixed) somewhere in what it prints.
expect() {
    local wanted=$1 text=$2 code=0
    shift 2
    said=$("$@" 2>&1 </dev/null) || code=$?
    if [ "$code" -ne "$wanted" ]; then
        fail "exit code $code instead of $wanted: $*"
    elif ! printf '%s\n' "$said" | grep -F -- "$text" >/dev/null; then
        fail "'$text' is not said by: $*"
    fi
}

finish() {
    if [ "$failures" -ne 0 ]; then
        echo "$failures expectations failed"
        exit 1
    fi
    echo "passed"
}
