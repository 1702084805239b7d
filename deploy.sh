#!/bin/sh
# One script for every environment: it checks, installs beside what is there, proves it by a real call, then switches.
#
#   ./deploy.sh install     install this checkout's version (also: upgrade); what ran before stays until the new one answers
#   ./deploy.sh verify      a real call to the installed version
#   ./deploy.sh rollback    back to the version before, once it answers
#   ./deploy.sh status      what is installed, what came before
#   ./deploy.sh uninstall   remove the program; the record (state folder) stays
#
# Options: --prefix DIR (~/.local/share/veteran)  --bin DIR (~/.local/bin)  --python PROGRAM
# Exit status: 0 done · 1 failed, nothing changed or changed back, the reason is said · 64 bad usage
set -eu

HERE=$(cd "$(dirname "$0")" && pwd -P)
PREFIX=${XDG_DATA_HOME:-$HOME/.local/share}/veteran
BIN=$HOME/.local/bin
PYTHON=
KEEP=3

say() { printf '%s\n' "$*"; }
fail() {
    say "failed: $1" >&2
    [ -z "${2:-}" ] || say "  remedy: $2" >&2
    exit 1
}
usage() {
    say "$1" >&2
    sed -n '4,8p' "$0" | sed 's/^#//' >&2
    exit 64
}

[ $# -gt 0 ] || usage "a command is missing; one of:"
COMMAND=$1
shift
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || usage "\`$1\` needs a value"
    case $1 in
    --prefix) PREFIX=$2 ;;
    --bin) BIN=$2 ;;
    --python) PYTHON=$2 ;;
    *) usage "\`$1\` is no option" ;;
    esac
    shift 2
done

# --- preflight ---------------------------------------------------------------------------------------------------------

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            PYTHON=$(command -v "$candidate")
            return
        fi
    done
    fail "no Python 3.11 or newer was found" "install one, or name it with --python"
}

preflight() {
    find_python
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || fail "$PYTHON has no venv module" "Debian: apt install python3-venv"
    for part in mcp_server docs/incident_response locks/runtime.txt scripts/deploy/verify.py; do
        [ -e "$HERE/$part" ] || fail "this checkout lacks $part" "clone it again"
    done
    mkdir -p "$PREFIX/releases" "$PREFIX/environments" "$BIN" 2>/dev/null ||
        fail "$PREFIX or $BIN cannot be written" "choose others with --prefix and --bin"
    free=$(df -Pk "$PREFIX" | awk 'NR==2 {print $4}')
    [ "$free" -ge 409600 ] || fail "only $((free / 1024)) MiB are free in $PREFIX; 400 are needed" "free some, or choose --prefix"
}

# --- parts -------------------------------------------------------------------------------------------------------------

# The environment that a lock file asks for: made once, shared by the versions that ask for the same.
make_environment() {
    digest=$("$PYTHON" -c 'import hashlib, sys
print(hashlib.sha256(sys.version.encode() + open(sys.argv[1], "rb").read()).hexdigest()[:16])' "$HERE/locks/runtime.txt")
    ENVIRONMENT=$PREFIX/environments/$digest
    [ ! -e "$ENVIRONMENT/.complete" ] || return 0
    say "installing packages into $ENVIRONMENT, about a minute"
    rm -rf "$ENVIRONMENT"
    "$PYTHON" -m venv "$ENVIRONMENT" || fail "the environment could not be made"
    "$ENVIRONMENT/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$HERE/locks/runtime.txt" || {
        rm -rf "$ENVIRONMENT"
        fail "the packages of locks/runtime.txt could not be installed" "read pip's words above; is a package index reachable?"
    }
    "$ENVIRONMENT/bin/python" -m compileall -q "$ENVIRONMENT/lib" >/dev/null 2>&1 || true
    : >"$ENVIRONMENT/.complete"
}

# $1: folder of the release, made from this checkout
make_release() {
    mkdir -p "$1/app/docs" "$1/bin"
    cp -R "$HERE/mcp_server" "$1/app/"
    cp -R "$HERE/docs/incident_response" "$1/app/docs/"
    find "$1/app" -name __pycache__ -type d -prune -exec rm -rf {} +
    cat >"$1/bin/python" <<EOF
#!/bin/sh
# the code of this release and no other: not that of the folder it is started in
PYTHONSAFEPATH=1 PYTHONPATH=$1/app exec $ENVIRONMENT/bin/python "\$@"
EOF
    cat >"$1/bin/veteran" <<EOF
#!/bin/sh
exec $1/bin/python -m mcp_server.surface.console "\$@"
EOF
    chmod +x "$1/bin/python" "$1/bin/veteran"
    "$1/bin/python" -m compileall -q "$1/app" >/dev/null 2>&1 || true
    "$1/bin/python" -m mcp_server.surface.checked >/dev/null 2>&1 || true # a broken declaration is told when it is asked below
}

answers() { "${PYTHON:-python3}" -I "$HERE/scripts/deploy/verify.py" "$1/bin/python"; }

switch() {
    ln -s "releases/$(basename "$1")" "$PREFIX/current.new"
    mv -T "$PREFIX/current.new" "$PREFIX/current"
    ln -sfn "$PREFIX/current/bin/veteran" "$BIN/veteran"
}

current() { [ -L "$PREFIX/current" ] && readlink "$PREFIX/current" | sed 's|^releases/||' || true; }
# newest first, by name: a name begins with the moment of its installation
releases() { find "$PREFIX/releases" -mindepth 1 -maxdepth 1 -type d ! -name '*.part' -exec basename {} \; 2>/dev/null | sort -r; }
before() { releases | awk -v now="$(current)" 'found {print; exit} $0 == now {found = 1}'; }

# --- commands ----------------------------------------------------------------------------------------------------------

install() {
    preflight
    old=$(current)
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$HERE/mcp_server/__init__.py")
    [ -n "$version" ] || fail "mcp_server/__init__.py names no version"
    make_environment
    name=$(date -u +%Y%m%dT%H%M%SZ)-$version
    release=$PREFIX/releases/$name
    [ ! -e "$release" ] || fail "$release exists already" "wait a second and try again"
    trap 'rm -rf "$release"' EXIT
    make_release "$release"
    say "asking the new version, before anything is switched"
    answers "$release" || fail "the new version $version does not answer; ${old:-nothing} stays in place" "mend it and run this again"
    switch "$release"
    if ! answers "$PREFIX/current"; then
        if [ -n "$old" ]; then switch "$PREFIX/releases/$old"; else rm -f "$PREFIX/current" "$BIN/veteran"; fi
        fail "the new version $version did not answer once it was in place; back to ${old:-nothing}"
    fi
    trap - EXIT
    releases | awk -v keep=$KEEP 'NR > keep' | while read -r gone; do
        [ "$gone" = "$old" ] || rm -rf "${PREFIX:?}/releases/$gone"
    done
    say "installed $version in $release${old:+; before: $old}"
    say "run: $BIN/veteran --help"
    case ":$PATH:" in *":$BIN:"*) ;; *) say "note: $BIN is not on your PATH" ;; esac
}

verify() {
    [ -L "$PREFIX/current" ] || fail "nothing is installed in $PREFIX" "./deploy.sh install"
    answers "$PREFIX/current" || fail "the installed version $(current) does not answer" "./deploy.sh rollback"
}

rollback() {
    now=$(current) target=$(before)
    [ -n "$now" ] || fail "nothing is installed in $PREFIX" "./deploy.sh install"
    [ -n "$target" ] || fail "there is no version before $now" "check out the version you want and run ./deploy.sh install"
    answers "$PREFIX/releases/$target" || fail "the version before, $target, does not answer either; $now stays in place"
    switch "$PREFIX/releases/$target"
    say "back to $target; $now is kept in $PREFIX/releases"
}

status() {
    now=$(current)
    say "installed: ${now:-nothing}"
    releases | while read -r name; do [ "$name" = "$now" ] || say "kept:      $name"; done
}

uninstall() {
    [ -e "$PREFIX/releases" ] || fail "nothing is installed in $PREFIX"
    if [ "$(readlink "$BIN/veteran" 2>/dev/null)" = "$PREFIX/current/bin/veteran" ]; then rm -f "$BIN/veteran"; fi
    rm -rf "${PREFIX:?}/releases" "${PREFIX:?}/environments" "$PREFIX/current"
    rmdir "$PREFIX" 2>/dev/null || true
    say "removed; the record in the state folder stays"
}

case $COMMAND in
install | upgrade) install ;;
verify | rollback | status | uninstall) $COMMAND ;;
*) usage "\`$COMMAND\` is no command; one of:" ;;
esac
