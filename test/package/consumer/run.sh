#!/bin/sh
# Runs the installed package with the `node` of the PATH, in the folder of this file.
set -eu
cd "$(dirname "$0")"
node use.mjs
node use.cjs
node typescript.mjs
test "$(printf hello | ./node_modules/.bin/ixt-module call ./digest.mjs sha256 | wc -c)" -eq 32
