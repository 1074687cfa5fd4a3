#!/usr/bin/env bash
# tools/setup against a pretended package database: it installs what is missing and nothing else.
. "$(dirname "$0")/common.sh"
mkdir -p "$scratch/bin"
installed=$scratch/installed
export installed
cat >"$scratch/bin/dpkg-query" <<'END'
#!/bin/sh
for package in "$@"; do :; done
grep -qx "$package" "$installed" && printf 'ii ' || exit 1
END
cat >"$scratch/bin/apt-get" <<'END'
#!/bin/sh
echo "apt-get $*" >>"$installed.log"
case " $* " in *" install "*) [ -e "$installed.broken" ] && exit 100 ;; esac
for word in "$@"; do echo "$word"; done >>"$installed"
END
printf '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n' >"$scratch/bin/sudo"
chmod +x "$scratch/bin/"*
export PATH="$scratch/bin:$PATH"

: >"$installed"
expect 0 "setup: installing" "$top/tools/setup"
for package in gcc cmake ninja-build liburing-dev libck-dev libcriterion-dev; do
    printf '%s\n' "$said" | grep -qw -- "$package" || fail "$package is not named"
done
rm "$installed.log"
expect 0 "setup: nothing to install" "$top/tools/setup"
[ ! -e "$installed.log" ] || fail "apt-get was called with nothing to install"
expect 0 "libseccomp-dev" "$top/tools/setup" --tests
expect 0 "cppcheck" "$top/tools/setup" --checks
expect 0 "tarantool" "$top/tools/setup" --peers
expect 0 "setup: nothing to install" "$top/tools/setup" --tests --checks
grep -vx libck-dev "$installed" >"$installed.less"
mv "$installed.less" "$installed"
expect 0 "setup: installing libck-dev" "$top/tools/setup"
: >"$installed"
: >"$installed.broken"
expect 1 "apt-get failed" "$top/tools/setup"
expect 2 "unknown option" "$top/tools/setup" --everything
finish
