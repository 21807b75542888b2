#!/usr/bin/env bash
# build.sh NFPM BIN DIST VERSION: packs the programs in BIN into DIST/yodeld_*.deb and DIST/yodel_*.deb, at the top of the module. The same commit gives
# the same bytes.
set -euo pipefail

nfpm=$1 bin=$2 dist=$3 version=$4
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# deb_version DESCRIBED SECONDS: what git describe says, as a version that grows from commit to commit.
deb_version() {
	local version=$1 seconds=$2
	case $version in
	v[0-9]* | [0-9]*.[0-9]*) version=${version#v} ;;
	*) version=0.0~$(date -u -d "@$seconds" +%Y%m%d%H%M%S).$version ;; # no tag yet
	esac
	printf '%s' "$version" | sed -E 's/-([0-9]+)-g([0-9a-f]+)/+\1.\2/; s/-dirty$/+dirty/; s/-/~/g; s/[^A-Za-z0-9.+~]/./g'
}

# libc_wanted PROGRAM: the newest version of the C library whose symbols the program uses.
libc_wanted() {
	LC_ALL=C readelf --version-info --wide "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -V | tail -n 1
}

seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || printf 0)}
[ "$seconds" != 0 ] || seconds=$(stat -c %Y CHANGELOG.md)
mtime=$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ)
arch=$(dpkg --print-architecture)
debian=$(deb_version "$version" "$seconds")
libc=$(libc_wanted "$bin/yodel")

systemd/package/config "$bin/yodeld" >"$stage/yodeld.toml"
gzip -9 -n <cmd/yodeld/yodeld.8 >"$stage/yodeld.8.gz"
gzip -9 -n <cmd/yodel/yodel.1 >"$stage/yodel.1.gz"
gzip -9 -n <CHANGELOG.md >"$stage/changelog.gz"
for program in yodel yodeld; do
	for shell in bash zsh; do
		sed "s/@PROG@/$program/g" "cmd/internal/completion/completion.$shell" >"$stage/$program.$shell"
	done
done

mkdir -p "$dist"
for package in yodeld yodel; do
	deb=$dist/${package}_${debian}_$arch.deb
	sed -e "s|@BIN@|$bin|; s|@STAGE@|$stage|; s|@VERSION@|$debian|; s|@MTIME@|$mtime|; s|@ARCH@|$arch|; s|@LIBC@|$libc|" \
		-e "s|@MAINTAINER@|${DEB_MAINTAINER:-Yodel <yodel@localhost>}|" "systemd/package/$package.yaml" >"$stage/nfpm.yaml"
	said=$("$nfpm" package --config "$stage/nfpm.yaml" --packager deb --target "$deb" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
	printf '%s\n' "$deb"
done
