#!/usr/bin/env bash
# The package on a machine of its own: Debian in a container, booted by systemd, with a certificate of Pebble's and beside
# stand-ins for App Store Connect and RevenueCat. It serves a code, and goes through what befalls a service: reloads,
# restarts under load, kills, a process that hangs, a reboot, a wrong configuration, a restore, an upgrade.
#
#     packaging/boot.sh target/debian/referd_*.deb
#
# Needs root, and of Debian's packages: curl debootstrap iproute2 openssl pebble procps systemd-container
set -euo pipefail
deb=$(realpath "$1")
cd "$(dirname "$0")/.."
. packaging/steps.sh

work=${REFERD_WORK:-$(mktemp -d)}
tree=$work/tree
ending=()
finish() {
    kill "${ending[@]}" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT

if [ -z "${REFERD_WORK:-}" ]; then
    step "a machine"
    debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv "$(. /etc/os-release && echo "$VERSION_CODENAME")" \
        "$tree" >"$work/debootstrap.log" || { tail "$work/debootstrap.log" >&2; exit 1; }
    cargo build --quiet --locked --example stand_ins
    # A network of its own: no port of this machine is taken.
    REFERD_WORK=$work unshare --net -- "packaging/$(basename "$0")" "$deb"
    exit
fi

ip link set lo up
booting() { init=$(pgrep --parent "$nspawn" --exact systemd); }
inside() { nsenter --target "$init" --mount --uts --ipc --pid -- "$@"; }
boot() {
    systemd-nspawn --quiet --directory="$tree" --boot --register=no --keep-unit --console=pipe </dev/null >"$work/console" 2>&1 &
    nspawn=$!
    # SIGTERM asks it to shut down.
    ending+=("$nspawn")
    await booting
    await inside systemctl --quiet is-active multi-user.target
}
boot

step "the package, and fresh secrets"
cp "$deb" "$tree/srv/referd.deb"
inside dpkg --install /srv/referd.deb
inside sh -c 'cd /etc/referd && referd init'
etc=$tree/etc/referd

step "an authority, and keys, which are those of the stand-ins"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE 2>/dev/null
cat >"$work/pebble.json" <<END
{"pebble": {
    "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": "$work/cert.pem", "privateKey": "$work/key.pem", "httpPort": 80, "tlsPort": 443
}}
END
pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 127.0.0.1:8053 -management 127.0.0.1:8055 \
    -http01 "" -https01 "" -tlsalpn01 "" >"$work/names.log" &
ending+=("$!")
PEBBLE_VA_NOSLEEP=1 pebble -config "$work/pebble.json" -dnsserver 127.0.0.1:8053 >"$work/pebble.log" &
ending+=("$!")
cp "$work/cert.pem" "$etc/ca.pem"
sed -i 's|^directory_url.*|directory_url = "https://127.0.0.1:14000/dir"\ndirectory_ca_file = "ca.pem"|' "$etc/config.toml"
await curl --silent --insecure --fail --output "$work/root.pem" https://127.0.0.1:15000/roots/0
start_stand_ins "$etc/config.toml"
chmod 600 "$etc"/secrets/*
unit=$tree/etc/systemd/system/referd.service.d
mkdir -p "$unit"
{ echo "[Service]"; printf 'Environment=%s\n' "${stand_ins[@]}"; } >"$unit/stand-ins.conf"
inside referd check

step "it serves, by its own certificate"
inside systemctl daemon-reload
inside systemctl enable --now referd
ask() {
    curl --silent --show-error --fail --cacert "$work/root.pem" --connect-to ::127.0.0.1:443 \
        "https://refer.example.com/$1" -H "Authorization: Bearer $(cat "$etc/secrets/alma-server.key")" -H "X-Referd-User: ${2:-}"
}
my_code() { ask referral/my-code "$1" 2>"$work/trouble" | grep -o '"code":"[^"]*"'; }
await my_code user-1 || { cat "$work/trouble" >&2; inside journalctl --unit referd --no-pager >&2; exit 1; }
first=$(my_code user-1)
property() { inside systemctl show --property "$1" --value referd; }
property StatusText
inside systemd-analyze security --no-pager referd | tail -n 1

step "a reload"
inside systemctl reload referd
ask readyz

step "four restarts, and nobody is refused"
for n in 1 2 3 4; do
    for ((i = 0; ; i++)); do
        test ! -e "$work/over" || exit 0
        my_code "user-$n-$i" >>"$work/codes" || { cat "$work/trouble" >>"$work/refused"; sleep 0.1; }
    done &
    callers+=("$!")
done
for _ in {1..4}; do
    sleep 2
    inside systemctl restart referd
done
touch "$work/over"
wait "${callers[@]}"
test ! -s "$work/refused" || { sort "$work/refused" | uniq --count >&2; exit 1; }
test -z "$(sort "$work/codes" | uniq --repeated)"
echo "$(wc -l <"$work/codes") codes, all different"

# Another process than before, which serves.
another() { now=$(property MainPID) && test "$now" != 0 && test "$now" != "$before" && ask readyz; }
for signal in KILL STOP; do
    step "SIG$signal: systemd starts it again"
    before=$(property MainPID)
    inside systemctl kill --signal="$signal" referd
    await another
done

step "the machine boots again"
kill "$nspawn"
wait "$nspawn" || true
boot
await ask readyz
test "$(my_code user-1)" = "$first"

step "a wrong configuration is not tried again and again"
cp "$etc/config.toml" "$work/config.toml"
echo 'nonsense = 1' >>"$etc/config.toml"
inside systemctl restart referd && exit 1
sleep 4
test "$(property ActiveState) $(property ExecMainStatus) $(property NRestarts)" = "failed 2 0"
cp "$work/config.toml" "$etc/config.toml"
inside systemctl restart referd

step "a backup, and back again"
inside referd backup --to /srv/monday.redb
inside referd verify --from /srv/monday.redb
inside systemctl stop referd.socket referd
inside referd restore --from /srv/monday.redb
inside chown -R referd:referd /var/lib/referd
inside systemctl start referd
inside referd verify

step "an upgrade keeps the configuration, and starts it again"
before=$(property MainPID)
inside dpkg --install /srv/referd.deb
await another
cmp "$work/config.toml" "$etc/config.toml"
test "$(my_code user-1)" = "$first"

step "removed, it leaves configuration and data; purged, secrets and data"
inside dpkg --remove referd
inside systemctl --quiet is-active referd referd.socket && exit 1
test -e "$etc/config.toml"
inside dpkg --purge referd
test ! -e "$etc/config.toml" && test -e "$etc/secrets/admin.token" && test -e "$tree/var/lib/referd/alma.redb"

echo "every step held"
