// A CommonJS file: require() where Node loads ES modules by it, import() everywhere.
const assert = require('node:assert/strict');

async function main() {
  const names = ['ixt-sdk', 'ixt-sdk/host', 'ixt-sdk/testing'];
  for (const name of names) {
    const imported = await import(name);
    assert.ok(Object.keys(imported).length > 3, name);
    if (process.features.require_module) assert.equal(require(name), imported, name);
  }
  assert.ok(require('ixt-sdk/package.json').version);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
