import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { problemOfModuleFile } from '../base/module-file.ts';
import { modeOf, type ModedHandler, type ModuleDefinition, type StreamHandler } from '../module.ts';
import { textOf } from './error-report.ts';
import type { Manifest, ManifestMethod } from '../threads/manifest.ts';

/** Why a module can't be run, in words for its author. */
export class ModuleLoadError extends Error {
  override readonly name = 'ModuleLoadError';
}

/** A module ready to run: its handlers looked up by own properties only, and its manifest. */
export interface LoadedModule {
  readonly definition: ModuleDefinition;
  readonly manifest: Manifest;
  /** @returns the handler of a method; `undefined`: there is none */
  streamHandler(method: string): StreamHandler | undefined;
}

/** @param file absolute path @throws ModuleLoadError */
export async function loadModule(file: string): Promise<LoadedModule> {
  const problem = problemOfModuleFile(file);
  if (problem !== undefined) throw new ModuleLoadError(problem);
  if (/\.[mc]?tsx?$/.test(file)) await enableTypeScript(file);
  let namespace: Record<string, unknown>;
  try {
    namespace = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new ModuleLoadError(`the module file ${file} could not be loaded: ${explain(error, file)}`);
  }
  return checkModule(unwrapDefault(namespace['default']), file);
}

/**
 * Lets this thread load TypeScript: Node's own type stripping where there is one, else tsx, the module's or ours. A
 * thread has its own loaders, so it doesn't matter how the process was started.
 */
async function enableTypeScript(file: string): Promise<void> {
  // Node 22 and newer say how they treat TypeScript; the types of Node 20 don't know the field.
  if ((process.features as { typescript?: unknown }).typescript) return;
  for (const from of [file, import.meta.url]) {
    try {
      const require = createRequire(from);
      // By way of the package's own list: a CommonJS resolution would give its CommonJS entry, which can't register.
      const list = require.resolve('tsx/package.json');
      const { exports } = require(list) as { exports: Record<string, { import: { default: string } }> };
      const api = new URL(exports['./esm/api']?.import.default ?? '', pathToFileURL(list));
      const { register } = (await import(api.href)) as { register: () => void };
      register();
      // A file whose package.json doesn't say "type": "module" is CommonJS to Node, which loads it by `require`.
      (require('tsx/cjs/api') as { register: () => void }).register();
      return;
    } catch {
      // Not installed there. If it is nowhere, the import fails and says what is missing.
    }
  }
}

function explain(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `it threw ${textOf(error)} while loading`;
  const { code } = error as { code?: unknown };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[mc]?ts$/.test(file)) {
    return (
      `this Node (${process.version}) does not load TypeScript by itself. Install tsx beside the module ` +
      '(npm install --save-dev tsx), or use Node 22.18 or newer, or compile the module to JavaScript'
    );
  }
  const name = error.name === 'Error' ? '' : `${error.name}: `;
  // A loader's own place says nothing to the author.
  const places = [...textOf(error, 'stack').matchAll(/(?:file:\/\/|\(|\s|^)(\/[^\s()]+:\d+)(?::\d+)?/gm)];
  const place = places.map(([, found]) => found).find((found) => !found?.includes('/node_modules/tsx/'));
  // Of several lines, which a log line would show escaped, one is made.
  const message = textOf(error).replace(/:?\n/g, ': ');
  return `${name}${message}${place === undefined || message.includes(place) ? '' : ` (${place})`}`;
}

/** A CommonJS module that was compiled from ESM has its default export one level down. */
function unwrapDefault(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && '__esModule' in value && 'default' in value)
    return value.default;
  return value;
}

/** Checks the shape of a default export and lists what it offers. @throws ModuleLoadError */
export function checkModule(value: unknown, file: string): LoadedModule {
  const complain = (what: string): never => {
    throw new ModuleLoadError(`the module file ${file} ${what}`);
  };
  if (value === undefined)
    complain('has no default export; it needs: export default defineModule({ name, version, … })');
  if (typeof value !== 'object' || value === null) {
    complain(
      `exports ${value === null ? 'null' : `a ${typeof value}`} by default; it needs defineModule({ name, version, … })`,
    );
  }
  const definition = value as ModuleDefinition;
  for (const key of ['name', 'version'] as const) {
    if (typeof definition[key] !== 'string') complain(`has no ${key}; defineModule needs a string ${key}`);
  }
  for (const key of ['onHandle', 'onKvChange', 'onInit', 'onClose'] as const) {
    const handler: unknown = definition[key];
    if (handler !== undefined && typeof handler !== 'function') complain(`has an ${key} that is no function`);
  }
  const streams = definition.onServerStream;
  if (
    streams !== undefined &&
    typeof streams !== 'function' &&
    (typeof streams !== 'object' || streams === null)
  ) {
    complain('has an onServerStream that is neither a function nor a table of functions');
  }
  if (streams === undefined || typeof streams === 'function' || isModed(streams)) {
    const single = streams === undefined ? undefined : moded(streams, definition);
    return {
      definition,
      manifest: manifestOf(definition, single === undefined ? undefined : { mode: single.mode }),
      streamHandler: () => single?.handler,
    };
  }
  const table = new Map<string, ModedHandler>();
  for (const [method, handler] of Object.entries(streams)) {
    if (typeof handler !== 'function' && !isModed(handler)) {
      complain(
        `has a handler for the stream method '${method}' that is no function; write *${method}(stream) { … } or async *${method}(stream) { … }`,
      );
    }
    table.set(method, moded(handler, streams));
  }
  const methods: ManifestMethod[] = [...table].map(([name, { mode }]) => ({ name, mode }));
  return {
    definition,
    manifest: manifestOf(definition, { methods }),
    streamHandler: (method) => table.get(method)?.handler,
  };
}

function manifestOf(definition: ModuleDefinition, streams: Manifest['streams']): Manifest {
  return {
    name: definition.name,
    version: definition.version,
    streams,
    handle: definition.onHandle === undefined ? undefined : modeOf(definition.onHandle),
    kvChange: definition.onKvChange !== undefined,
  };
}

function isModed(value: unknown): value is ModedHandler {
  if (typeof value !== 'object' || value === null) return false;
  const { mode, handler } = value as { mode?: unknown; handler?: unknown };
  return (mode === 'sync' || mode === 'async') && typeof handler === 'function';
}

/** @param owner what the handler is called on: `this` is what it stands in, as with any method */
function moded(handler: StreamHandler | ModedHandler, owner: object): ModedHandler {
  return typeof handler === 'function'
    ? { mode: modeOf(handler), handler: handler.bind(owner) }
    : { mode: handler.mode, handler: handler.handler.bind(owner) };
}
