#!/bin/sh
# Regenerates what is made from the .capnp files: schema/generated/*.ts, and the layout listing that a unit test holds
# the hand-written codec against. Run it after every change of a schema; a second run changes nothing.
set -eu
cd "$(dirname "$0")"

schemas='ipc.capnp ipc_streaming.capnp'
generator=../node_modules/.bin/capnp-es
golden=../test/unit/golden/layout.txt

for tool in capnp capnpc capnpc-capnp; do
  if ! command -v "$tool" >/dev/null; then
    echo "schema/sync.sh: '$tool' is missing. Install Cap'n Proto's tools: apt-get install capnproto (Debian, Ubuntu) or brew install capnp (macOS)." >&2
    exit 1
  fi
done
if [ ! -x "$generator" ]; then
  echo "schema/sync.sh: capnp-es is missing. Run npm ci first." >&2
  exit 1
fi

# Everything is made in a scratch folder first: a run that fails leaves the tree as it was.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# capnp-es reads a compiled schema from stdin when that is no terminal, and waits for ever where it is an open pipe.
# shellcheck disable=SC2086 # $schemas is a list of words
"$generator" "-ots:$scratch" $schemas </dev/null >/dev/null

# shellcheck disable=SC2086
capnp compile -ocapnp $schemas | sed 's/[[:space:]]*$//' >"$scratch/layout.txt"

mkdir -p generated "$(dirname "$golden")"
for schema in $schemas; do
  name=${schema%.capnp}.ts
  {
    echo '// @ts-nocheck: capnp-es writes no `override` modifiers, which noImplicitOverride asks for.'
    sed 's|from "\./\([a-z_]*\)\.js"|from "./\1.ts"|; s/[[:space:]]*$//' "$scratch/$name"
  } >"$scratch/$name.new"
  mv "$scratch/$name.new" "generated/$name"
done
mv "$scratch/layout.txt" "$golden"
