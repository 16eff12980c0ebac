#!/usr/bin/env bash
# Reads README and docs/ as a user does who has the tarball: saves each file, and runs each command as it stands, with the `node`
# of the PATH.
# Usage: pages.sh PROJECT  PROJECT: the folder that test/package/check.sh has filled
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
project=$(cd "${1:?the folder that test/package/check.sh has filled}" && pwd)
reader=$(mktemp -d)
trap 'rm -rf "$reader"' EXIT
scripts=$reader/scripts
node --import "file://$root/node_modules/tsx/dist/loader.mjs" "$root/test/package/write-examples.ts" "$scripts" \
  "$(node -p process.versions.node)"

mkdir "$reader/work"
cd "$reader/work"
cp "$project"/ixt-sdk-*.tgz .
export npm_config_prefer_offline=true npm_config_audit=false npm_config_fund=false npm_config_yes=true
for script in "$scripts"/*.sh; do
  # README makes the folder in which the other pages go on.
  [ ! -d hello ] || cd hello
  bash "$script" </dev/null >"$reader/log" 2>&1 || {
    cat "$reader/log"
    echo "${script##*/}: the command behind the last line number failed" >&2
    exit 1
  }
done
echo "all pages read with Node $(node --version)"
