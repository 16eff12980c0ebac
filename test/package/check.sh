#!/usr/bin/env bash
# Packs the project and looks at the tarball as its users would: the linters of packages, an empty project that installs it,
# ES modules, CommonJS, types, the command, and everything that README and docs/ show.
# Usage: check.sh [FOLDER]  FOLDER gets the project, for test/package/nodes.sh; by default a temporary one.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
project=${1:-$(mktemp -d)}
mkdir -p "$project"
cd "$root"

npm pack --silent --pack-destination "$project" >/dev/null
tarball=$(ls "$project"/ixt-sdk-*.tgz)

npx --no-install publint run --strict "$tarball"
# CommonJS gets the ES modules by require() where Node can do that (20.19, 22.12 and newer), else by import(): there is one copy
# of each class, and no second build. That is what the ignored rule warns of. node10 knows no `exports`.
npx --no-install attw --profile node16 --ignore-rules cjs-resolves-to-esm --format ascii "$tarball"

cp "$root"/test/package/consumer/* "$project"
node --import tsx test/package/write-examples.ts "$project/examples" "$(node -p process.versions.node)"
cd "$project"
npm install --silent --prefer-offline --no-audit --no-fund "$tarball" zod@4 tsx@4 capnp-es@0.0.16 >/dev/null
"$root/node_modules/.bin/esbuild" stack.ts --sourcemap --minify-whitespace --log-level=error --outfile=stack.mjs
node -e "
  const { scripts = {} } = require('ixt-sdk/package.json');
  const hooks = Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name));
  if (hooks.length > 0) throw new Error('the package runs something when it is installed: ' + hooks);
"
"$root/node_modules/.bin/tsc" -p "$project" --typeRoots "$root/node_modules/@types"
# The declarations of capnp-es, which an example imports, don't hold under exactOptionalPropertyTypes.
echo '{ "extends": "../tsconfig.json", "compilerOptions": { "skipLibCheck": true }, "include": ["*"] }' >"$project/examples/tsconfig.json"
"$root/node_modules/.bin/tsc" -p "$project/examples" --typeRoots "$root/node_modules/@types"
bash "$root/test/package/types.sh" "$project"
# The gate reads the pages on the newest Node, which all listings are for: see nodes.sh.
[ "${IXT_PAGES:-}" = newest ] || bash "$root/test/package/pages.sh" "$project"
sh "$project/run.sh"
node "$project/schema.mjs"
bash "$root/test/package/managers.sh" "$tarball"
