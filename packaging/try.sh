#!/usr/bin/env bash
# From the package to a served code: the steps of docs/install.md, in a folder instead of a machine, beside stand-ins for
# App Store Connect and RevenueCat. Needs root, as dpkg does.
#
#     packaging/try.sh target/debian/referd_*.deb
set -euo pipefail
deb=$(realpath "$1")
cd "$(dirname "$0")/.."
. packaging/steps.sh

tree=$(mktemp -d)
ending=()
finish() {
    kill "${ending[@]}" 2>/dev/null || true
    rm -rf "$tree"
}
trap finish EXIT

dpkg_here() { dpkg --root="$tree" --force-script-chrootless --force-depends "$@"; }

step "the package, in a fresh tree"
mkdir -p "$tree"/var/lib/dpkg/{info,updates} "$tree/etc"
touch "$tree/var/lib/dpkg/status"
dpkg_here --install "$deb"
etc=$tree/etc/referd referd=$tree/usr/bin/referd
grep '^referd:' "$tree/etc/passwd"

step "fresh secrets"
cd "$etc"
"$referd" init
cd - >/dev/null

step "keys, which are those of the stand-ins, and an address without a certificate"
start_stand_ins "$etc/config.toml"
export "${stand_ins[@]}"
sed -i '/^\(domains\|contact\|directory_url\) *=/d; s|^mode  *= .*|mode = "off"|; s|^listen  *= "0.*|listen = "127.0.0.1:0"|' "$etc/config.toml"
chmod 600 "$etc"/secrets/*
export REFERD_CONFIG=$etc/config.toml REFERD__DATA_DIR=$tree/var/lib/referd REFERD__ADMIN__LISTEN=unix:$tree/admin.sock
"$referd" check

step "it serves"
"$referd" serve 2>"$tree/log" &
serving=$!
ending+=("$serving")
address() { url=$(sed -n 's|.*"public":"\([^"]*\)".*|http://\1|p' "$tree/log") && [ -n "$url" ]; }
await address
curl -sS --fail "$url/readyz"

step "a code, once App Store Connect has made some"
my_code() {
    curl -sS --fail-with-body "$url/referral/my-code" -o "$tree/answer" -H 'X-Referd-User: user-1' \
        -H "Authorization: Bearer $(cat "$etc/secrets/alma-server.key")" 2>/dev/null
}
await my_code || { cat "$tree/answer" "$tree/log" >&2; exit 1; }
cat "$tree/answer" && echo
"$referd" doctor || true

step "an upgrade keeps the configuration"
dpkg_here --install "$deb"
grep -q '^mode = "off"' "$etc/config.toml"

step "it stops in good order, and its books are sound"
kill "$serving"
wait "$serving"
"$referd" verify

step "removed, it leaves configuration and data; purged, secrets and data"
dpkg_here --remove referd
test ! -e "$referd" && test -e "$etc/config.toml"
dpkg_here --purge referd
test ! -e "$etc/config.toml" && test -e "$etc/secrets/admin.token" && test -e "$tree/var/lib/referd/alma.redb"

echo "every step held"
