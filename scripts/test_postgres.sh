#!/usr/bin/env bash
# A private PostgreSQL for tests: only a socket in a folder of its own, run by an unprivileged user, nothing kept.
#   scripts/test_postgres.sh run COMMAND…    runs the command with SAMOVAR_TEST_POSTGRES set, then removes the server
#   scripts/test_postgres.sh start FOLDER    makes or restarts the server in the folder and prints its address
#   scripts/test_postgres.sh stop FOLDER     ends it as a crash would; what was committed is there at the next start
set -euo pipefail

usage() { sed -n '3,5s/^# *//p' "$0" >&2; exit 2; }

find_binaries() {
    # Debian keeps them out of PATH, by version.
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    [[ -n "$found" ]] || found=$(dirname "$(command -v initdb || echo /missing)")
    [[ -x "$found/initdb" ]] || { echo "PostgreSQL is missing: scripts/setup.sh --tests brings it" >&2; exit 1; }
    echo "$found"
}

# PostgreSQL refuses to run as root.
unprivileged() {
    if ((EUID == 0)); then
        setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- env HOME=/ "$@"
    else
        "$@"
    fi
}

start() {
    local folder=$1
    chmod 700 "$folder"
    ((EUID != 0)) || chown "$user" "$folder"
    cd "$folder"
    if [[ ! -d data ]]; then
        # Whoever can enter the folder may do everything: that is its owner and root.
        unprivileged "$binaries/initdb" --pgdata=data --username=samovar --auth=trust --encoding=UTF8 --no-locale \
            --no-sync >initdb.log 2>&1 || { cat initdb.log >&2; return 1; }
        # Tests survive no power cut; the end of the server they must survive, and do without fsync.
        printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$folder'" "max_connections = 500" \
            "fsync = off" "shared_buffers = 64MB" >>data/postgresql.conf
    fi
    unprivileged "$binaries/pg_ctl" start --pgdata=data --log=server.log --wait --silent >/dev/null \
        || { cat server.log >&2; return 1; }
    echo "postgres://samovar@localhost/postgres?host=$folder"
}

stop() {
    cd "$1"
    unprivileged "$binaries/pg_ctl" stop --pgdata=data --mode=immediate --wait --silent
}

run() {
    local folder
    # A socket's path must be short, so not in TMPDIR, which may be deep.
    folder=$(mktemp -d /tmp/samovar-postgres.XXXXXX)
    # shellcheck disable=SC2064  # the folder of now
    trap "(stop '$folder') || true; rm -rf '$folder'" EXIT
    SAMOVAR_TEST_POSTGRES=$(start "$folder")
    export SAMOVAR_TEST_POSTGRES
    "$@"
}

(($# >= 2)) || usage
binaries=$(find_binaries)
user=postgres
id "$user" >/dev/null 2>&1 || user=nobody
what=$1
shift
case "$what" in
    run) run "$@" ;;
    start | stop) "$what" "$(realpath "$1")" ;;
    *) usage ;;
esac
