# Sourced by checks that need what a machine may lack. A check that did not run is not a check that
# passed: it says why, and its caller counts it (tests/checks.sh). With REQUIRE=1 it fails.

# not_run_part WHY…: a part of the check is not run; the rest goes on.
not_run_part() {
    echo "not run: $*" >&2
    [ "${REQUIRE-}" != 1 ] || exit 1
    [ -z "${NOT_RUN-}" ] || echo "$*" >>"$NOT_RUN"
}

# not_run WHY…: the check, or what is left of it, is not run.
not_run() {
    not_run_part "$@"
    exit 77
}
