import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/**
 * `work(ms)` sleeps in libuv's thread pool and resolves a promise. As with node-addon-api's `AsyncWorker`, a completion that finds its
 * environment torn down ends the process. The declarations are those of Node-API, so that no header is needed.
 */
const ADDON = `
#include <cstdint>
#include <cstdlib>
#include <ctime>
extern "C" {
typedef struct env__ *env_t; typedef struct value__ *value_t; typedef struct info__ *info_t;
typedef struct work__ *work_t; typedef struct deferred__ *deferred_t; typedef struct scope__ *scope_t;
int napi_get_cb_info(env_t, info_t, size_t *, value_t *, value_t *, void **);
int napi_get_value_uint32(env_t, value_t, uint32_t *);
int napi_create_promise(env_t, deferred_t *, value_t *);
int napi_resolve_deferred(env_t, deferred_t, value_t);
int napi_get_undefined(env_t, value_t *);
int napi_create_string_utf8(env_t, const char *, size_t, value_t *);
int napi_create_function(env_t, const char *, size_t, value_t (*)(env_t, info_t), void *, value_t *);
int napi_create_async_work(env_t, value_t, value_t, void (*)(env_t, void *), void (*)(env_t, int, void *), void *, work_t *);
int napi_queue_async_work(env_t, work_t);
int napi_delete_async_work(env_t, work_t);
int napi_open_handle_scope(env_t, scope_t *);
int napi_close_handle_scope(env_t, scope_t);
}
struct Work { uint32_t ms; deferred_t deferred; work_t work; };
static void must(int status) { if (status != 0) std::abort(); }
static void execute(env_t, void *data) {
  uint32_t ms = static_cast<Work *>(data)->ms;
  timespec time = { static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000L };
  nanosleep(&time, nullptr);
}
static void complete(env_t env, int status, void *data) {
  Work *work = static_cast<Work *>(data);
  must(status);
  scope_t scope; must(napi_open_handle_scope(env, &scope));
  value_t undefined; must(napi_get_undefined(env, &undefined));
  must(napi_resolve_deferred(env, work->deferred, undefined));
  must(napi_delete_async_work(env, work->work));
  must(napi_close_handle_scope(env, scope));
  delete work;
}
static value_t start(env_t env, info_t info) {
  size_t count = 1; value_t ms; must(napi_get_cb_info(env, info, &count, &ms, nullptr, nullptr));
  Work *work = new Work();
  must(napi_get_value_uint32(env, ms, &work->ms));
  value_t promise; must(napi_create_promise(env, &work->deferred, &promise));
  value_t name; must(napi_create_string_utf8(env, "work", 4, &name));
  must(napi_create_async_work(env, nullptr, name, execute, complete, work, &work->work));
  must(napi_queue_async_work(env, work->work));
  return promise;
}
extern "C" value_t napi_register_module_v1(env_t env, value_t) {
  value_t function; must(napi_create_function(env, "work", 4, start, nullptr, &function));
  return function;
}
`;

/** Compiles the addon; the file goes with the test. Needs g++. @returns its path: what it exports is the function `work` */
export function buildWorkAddon(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-addon-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const source = join(folder, 'work.cc');
  const addon = join(folder, 'work.node');
  writeFileSync(source, ADDON);
  const flags = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const { status, stderr } = spawnSync('g++', ['-fPIC', ...flags, '-o', addon, source], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return addon;
}
