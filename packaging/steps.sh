# shellcheck shell=bash
# What the trials of the package share.

step() { printf '\n== %s\n' "$*"; }

# Until something holds, for a minute.
await() {
    for _ in {1..300}; do "$@" && return; sleep 0.2; done
    echo "in vain: $*" >&2
    return 1
}

# App Store Connect and RevenueCat, for as long as the trial goes on: their keys are put where the configuration looks for
# them, and `stand_ins` holds the variables that lead referd to them.
start_stand_ins() {
    coproc STAND_INS { exec cargo run --quiet --locked --example stand_ins -- "$1"; }
    ending+=("$STAND_INS_PID")
    stand_ins=()
    local variable
    for _ in 1 2; do
        read -r variable <&"${STAND_INS[0]}"
        stand_ins+=("${variable?}")
    done
}
