#!/usr/bin/env bash
# Makes a module with `init`, installs it, tests it, calls it and starts it from a host, by each package manager as a user has it.
# npm alone, unless IXT_PACKAGE_MANAGERS is set: then also pnpm, Yarn with node_modules, Yarn with Plug'n'Play, and Bun, each from the
# registry by its package's name.
# Usage: managers.sh TARBALL  TARBALL: the packed project
set -euo pipefail
tarball=$(realpath "${1:?the packed project}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export npm_config_audit=false npm_config_fund=false npm_config_prefer_offline=true npm_config_update_notifier=false
export YARN_ENABLE_TELEMETRY=0 YARN_ENABLE_IMMUTABLE_INSTALLS=false YARN_ENABLE_GLOBAL_CACHE=false

cat >"$work/host.mjs" <<'END'
import { spawnModule } from 'ixt-sdk/host';
const module = spawnModule({ file: 'src/module.ts', workers: 1 });
const stream = module.openStream('shout');
await stream.send(new TextEncoder().encode('from a host'));
stream.end();
for await (const bytes of stream) process.stdout.write(bytes);
await module.close();
END

# A project that has the package, as the one in which a user types `init`. Usage: NAME INSTALL EXEC RUN_NODE TEST
try() {
  local name=$1 add=$2 exec=$3 node=$4 test=$5
  mkdir "$work/$name"
  (
    cd "$work/$name"
    cp "$tarball" ixt-sdk.tgz
    echo '{ "name": "app", "private": true, "dependencies": { "ixt-sdk": "file:ixt-sdk.tgz" } }' >package.json
    [ ! -e "$work/$name.yarnrc.yml" ] || cp "$work/$name.yarnrc.yml" .yarnrc.yml
    case $name in yarn*) touch yarn.lock ;; esac
    $add
    $exec ixt-module init hello
    cd hello
    [ ! -e ../.yarnrc.yml ] || cp ../.yarnrc.yml .
    $add
    $test
    test "$(printf hello | $exec ixt-module call src/module.ts shout)" = HELLO
    cp "$work/host.mjs" .
    test "$($node host.mjs)" = 'FROM A HOST'
  ) >"$work/$name.log" 2>&1 </dev/null || {
    cat "$work/$name.log"
    echo "$name failed, see above" >&2
    failed="$failed $name"
    return 0
  }
  echo "$name: init, install, test, call and a host work"
}

# Usage: PACKAGE  Puts a manager's command on the PATH.
get() {
  npm install --silent --prefix "$work/tools" "$1" >/dev/null
  export PATH=$work/tools/node_modules/.bin:$PATH
}

failed=
try npm 'npm install' 'npx' node 'npm test'
if [ -n "${IXT_PACKAGE_MANAGERS:-}" ]; then
  get pnpm
  try pnpm 'pnpm install --no-frozen-lockfile' 'pnpm exec' node 'pnpm test'
  get @yarnpkg/cli-dist
  echo 'nodeLinker: node-modules' >"$work/yarn-modules.yarnrc.yml"
  try yarn-modules 'yarn install' yarn 'yarn node' 'yarn test'
  echo 'nodeLinker: pnp' >"$work/yarn-pnp.yarnrc.yml"
  try yarn-pnp 'yarn install' yarn 'yarn node' 'yarn test'
  get bun
  try bun 'bun install' bunx node 'bun run test'
fi
[ -z "$failed" ]
