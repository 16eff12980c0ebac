#!/usr/bin/env bash
# Compiles test/types against an installed package, as users of TypeScript from 5.6 to the newest do.
# Usage: types.sh PROJECT  PROJECT: the folder that test/package/check.sh has filled
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
project=$(cd "${1:?the folder that test/package/check.sh has filled}" && pwd)
compilers=$(mktemp -d)
trap 'rm -rf "$compilers"' EXIT
npm install --silent --prefer-offline --no-audit --no-fund --prefix "$compilers" \
  oldest@npm:typescript@5.6 newest@npm:typescript@latest >/dev/null

mkdir -p "$project/types"
for file in "$root"/test/types/*.ts; do
  # What the repository imports by its path, a user imports by its name.
  sed -e "s#'../../src/index.ts'#'ixt-sdk'#" -e "s#'../../src/\(.*\)/index.ts'#'ixt-sdk/\1'#" "$file" \
    >"$project/types/${file##*/}"
done
# ES modules, whatever the project around them is.
echo '{ "type": "module" }' >"$project/types/package.json"
cat >"$project/types/tsconfig.json" <<'JSON'
{
  "compilerOptions": {
    "target": "es2023",
    "lib": ["es2023", "esnext.disposable"],
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "exactOptionalPropertyTypes": true,
    "allowImportingTsExtensions": true,
    "skipLibCheck": false,
    "noEmit": true
  }
}
JSON
for compiler in oldest newest; do
  node "$compilers/node_modules/$compiler/bin/tsc" -p "$project/types" --typeRoots "$root/node_modules/@types"
  echo "the types hold for TypeScript $(node "$compilers/node_modules/$compiler/bin/tsc" -v)"
done
