#!/usr/bin/env bash
# Makes the Debian package, target/debian/referd_*.deb. Needed beside Rust: dpkg-dev, and
#
#     cargo install --locked cargo-deb cargo-cyclonedx
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked
referd=${CARGO_TARGET_DIR:-target}/release/referd
out=target/package
rm -rf "$out" && mkdir -p "$out"

# The one value of the example that depends on where it is installed.
sed 's|^data_dir = "data"  *#|data_dir = "/var/lib/referd"          #|' config.example.toml >"$out/config.toml"
grep -q '^data_dir = "/var/lib/referd"' "$out/config.toml"

"$referd" man "$out/man"
"$referd" completions bash >"$out/referd.bash"
"$referd" completions zsh >"$out/_referd"
"$referd" completions fish >"$out/referd.fish"

# What is in the program, by name, version, licence and hash; without the folder it was made in.
host=$(rustc -vV | sed -n 's/^host: //p')
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$host" --override-filename referd.cdx
sed "s|path+file://$PWD|path+file://|" referd.cdx.json >"$out/referd.cdx.json"
rm referd.cdx.json

# Debian's own forms.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
printf 'referd (%s-1) unstable; urgency=medium\n\n  * As CHANGELOG.md says.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(git log -1 --format=%cD)" >"$out/changelog"
{
    cat <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: referd

Files: *
Copyright: $(sed -n 's/^Copyright (c) //p' LICENSE-MIT)
License: Expat or Apache-2.0

License: Apache-2.0
 On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.

License: Expat
END
    sed -n '/^Permission/,$p' LICENSE-MIT | sed 's/^$/./; s/^/ /'
} >"$out/copyright"

cargo deb --no-build --locked --output target/debian/ "$@"
