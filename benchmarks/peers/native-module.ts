import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Undefined before the first question. */
let built: { readonly program: string | undefined } | undefined;

/**
 * The module of `peers/native/module.cpp`, compiled where that has not been done yet.
 *
 * @param root the project's root
 * @returns the program; undefined where `capnp`, `g++` or the headers are missing
 */
export function nativeModule(root: string): string | undefined {
  built ??= { program: build(root) };
  return built.program;
}

function build(root: string): string | undefined {
  const source = join(root, 'benchmarks', 'peers', 'native', 'module.cpp');
  const folder = join(root, 'benchmarks', 'node_modules', '.cache', 'ixt-native');
  const program = join(folder, 'module');
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(folder, { recursive: true });
  const schema = join(root, 'schema');
  const schemas = ['ipc.capnp', 'ipc_streaming.capnp'];
  const toCpp = ['compile', `-oc++:${folder}`, `--src-prefix=${schema}`];
  const generated = schemas.map((file) => join(folder, `${file}.c++`));
  const isBuilt =
    run('capnp', [...toCpp, ...schemas.map((file) => join(schema, file))]) &&
    run('g++', [
      ...['-std=c++17', '-O2', '-I', folder, '-o', program],
      ...[source, ...generated],
      ...['-lcapnp', '-lkj'],
    ]);
  if (isBuilt) return program;
  process.stderr.write(
    'There is no C++ child in this run: it needs g++, capnp and the headers of libcapnp-dev.\n',
  );
  return undefined;
}

function run(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: ['ignore', 2, 2] }).status === 0;
}
