import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { problemOfModuleFile } from '../base/module-file.ts';
import { fileAbove } from '../base/file-above.ts';
import { isTypeScript, typeScriptLoaderOf, type TypeScriptLoader } from '../base/typescript-loader.ts';
import type { AnyCodec } from '../methods/codec.ts';
import { shapeOf, type MethodFacts } from '../methods/shape.ts';
import {
  checkNames,
  isModed,
  isShape,
  modeOf,
  type HandlerMode,
  type MethodOptions,
  type ModedHandler,
  type ModedRequestHandler,
  type ModuleDefinition,
  type RequestHandler,
  type StreamHandler,
} from '../module.ts';
import { textOf } from '../base/thrown.ts';
import type { MethodInfoInit, PayloadInfo } from '../wire/method-info.ts';
import type { Manifest, ManifestMethod } from '../threads/manifest.ts';

/** The error for a module that can't be run. Its message is for the module's author. */
export class ModuleLoadError extends Error {
  override readonly name = 'ModuleLoadError';
}

/** A module that is ready to run: its manifest, and its handlers, which are looked up as own properties only. */
export interface LoadedModule {
  readonly definition: ModuleDefinition;
  readonly manifest: Manifest;
  /** @returns the handler of a method; `undefined` if there is none */
  streamHandler(method: string): StreamHandler | undefined;
  /** @returns the handler of a unary method; `undefined` if there is none */
  requestHandler(method: string): RequestHandler | undefined;
  /** @returns the codec that the method's shape states for its progress; `undefined` if it states none */
  progressCodec(method: string): AnyCodec | undefined;
}

/** @param file absolute path @throws ModuleLoadError */
export async function loadModule(file: string): Promise<LoadedModule> {
  const problem = problemOfModuleFile(file);
  if (problem !== undefined) throw new ModuleLoadError(problem);
  const loader = isTypeScript(file) ? typeScriptLoaderOf(file) : undefined;
  let namespace: Record<string, unknown>;
  try {
    namespace = loader?.kind === 'tsx' ? await loadByTsx(file, loader.list) : await importFile(file);
  } catch (error) {
    const by = loader === undefined ? strayTypeScript(error) : describeLoader(loader);
    throw new ModuleLoadError(`the module file ${file} could not be loaded: ${explain(error)}${by}`);
  }
  return checkModule(unwrapDefault(namespace['default']), file);
}

function importFile(file: string): Promise<Record<string, unknown>> {
  return import(pathToFileURL(file).href) as Promise<Record<string, unknown>>;
}

/** The environment variable that tells tsx which `tsconfig.json` to use. Without it tsx looks only in the working folder. */
const TSCONFIG = 'TSX_TSCONFIG_PATH';

/** @param list the package.json of tsx */
async function loadByTsx(file: string, list: string): Promise<Record<string, unknown>> {
  const isNamed = process.env[TSCONFIG] !== undefined;
  // The working folder is the host's choice, and the meaning of a module must not depend on it.
  const tsconfig = isNamed ? undefined : fileAbove(dirname(file), 'tsconfig.json');
  if (tsconfig !== undefined) process.env[TSCONFIG] = tsconfig;
  try {
    await enableTsx(list);
    // On Node 20 tsx can't load CommonJS by its own name through `import`.
    return file.endsWith('.cts') ? { default: createRequire(file)(file) as unknown } : await importFile(file);
  } finally {
    // The variable is removed again, because child processes of the module may belong to other projects.
    if (!isNamed) Reflect.deleteProperty(process.env, TSCONFIG);
  }
}

/** Lets this thread load TypeScript. Each thread has its own loaders, so it doesn't matter how the process was started. */
async function enableTsx(list: string): Promise<void> {
  const require = createRequire(list);
  // The entry is read from the package's `exports`, because a CommonJS resolution would give its CommonJS entry, which can't
  // register.
  const { exports } = require(list) as {
    exports: Record<string, { import: { default: string } } | undefined>;
  };
  const api = exports['./esm/api'];
  if (api === undefined) throw new Error('this tsx is too old');
  const { register } = (await import(new URL(api.import.default, pathToFileURL(list)).href)) as {
    register: () => void;
  };
  register();
  // A file whose package.json doesn't say "type": "module" is CommonJS to Node, which loads it by `require`.
  (require('tsx/cjs/api') as { register: () => void }).register();
}

/**
 * Advice for a JavaScript module that imported TypeScript which Node can't load. For a JavaScript module no loader is looked for.
 */
function strayTypeScript(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  const isStray =
    code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ||
    (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[mc]?tsx?\b/.test(textOf(error)));
  return isStray
    ? '; a module that imports TypeScript is loaded by tsx only if it is a .ts or .mts file itself'
    : '';
}

/**
 * The part of a load error that names the loader, since each loader fails for reasons of its own, and a better loader if there is
 * one.
 */
function describeLoader(loader: TypeScriptLoader): string {
  switch (loader.kind) {
    case 'tsx':
      return `; tsx ${loader.version} loaded its TypeScript (${loader.list})`;
    case 'node':
      return (
        `; Node ${process.version} loaded its TypeScript by itself (${loader.types} types), since tsx is not installed; ` +
        `tsx loads all of TypeScript: ${INSTALL_TSX}`
      );
    case 'none':
      return (
        `; nothing loads TypeScript here: tsx is not installed, and Node ${process.version} does not load it by itself. ` +
        `${INSTALL_TSX}, or use Node 22.18 or newer, or compile the module to JavaScript`
      );
  }
}

const INSTALL_TSX = 'npm install --save-dev tsx beside the module';

function explain(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${textOf(error)} while loading`;
  const name = error.name === 'Error' ? '' : `${error.name}: `;
  // Places inside a loader are left out, because they tell the author nothing.
  const places = [...textOf(error, 'stack').matchAll(/(?:file:\/\/|\(|\s|^)(\/[^\s()]+:\d+)(?::\d+)?/gm)];
  const place = places.map(([, found]) => found).find((found) => !found?.includes('/node_modules/tsx/'));
  // Several lines are joined into one, because a log line would show the line ends as escapes.
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
  for (const key of ['onKvChange', 'onInit', 'onClose'] as const) {
    const handler: unknown = definition[key];
    if (handler !== undefined && typeof handler !== 'function') complain(`has an ${key} that is no function`);
  }
  try {
    // The names are checked here, too, because the module may have been made without defineModule.
    checkNames(definition);
  } catch (error) {
    complain(`can't be listed to a host: ${textOf(error)}`);
  }
  const use: unknown = definition.use ?? [];
  if (!Array.isArray(use) || !use.every((interceptor) => typeof interceptor === 'function'))
    complain('has a `use` that is no list of interceptors, which are functions');
  /** The facts of an entry. An author may have written one with its limits by hand. */
  const shapes = (entry: unknown, kind: 'stream' | 'handle', method = ''): MethodFacts => {
    try {
      return shapeOf(entry, kind);
    } catch (error) {
      return complain(`has a handler${method === '' ? '' : ` for '${method}'`} with ${textOf(error)}`);
    }
  };
  const requests = requestsOf(definition, complain, (entry, method) => shapes(entry, 'handle', method));
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
      manifest: manifestOf(
        definition,
        single && { ...limitsOf(shapes(streams, 'stream')), mode: single.mode },
        requests,
      ),
      streamHandler: () => single?.handler,
      requestHandler: requests.handler,
      progressCodec: () => shapes(streams, 'stream').progress,
    };
  }
  const table = new Map<string, ModedHandler>();
  for (const [method, handler] of Object.entries(streams)) {
    if (isShape(handler)) {
      complain(
        `has a shape without a handler for the stream method '${method}'; write ${method}: shape.handler(function* (input, stream) { … })`,
      );
    }
    if (typeof handler !== 'function' && !isModed(handler)) {
      complain(
        `has a handler for the stream method '${method}' that is no function; write *${method}(stream) { … } or async *${method}(stream) { … }`,
      );
    }
    table.set(method, moded(handler, streams));
  }
  const facts = new Map(
    Object.entries(streams).map(([method, entry]) => [method, shapes(entry, 'stream', method)]),
  );
  const methods = [...facts].map(([name, of]) => methodOf(name, of, table.get(name)));
  return {
    definition,
    manifest: manifestOf(
      definition,
      { methods },
      requests,
      [...facts].map(([name, of]) => infoOf(name, of, table.get(name))),
    ),
    streamHandler: (method) => table.get(method)?.handler,
    requestHandler: requests.handler,
    progressCodec: (method) => facts.get(method)?.progress,
  };
}

/** A module's unary handlers. */
interface Requests {
  /** The mode of those whose method the module doesn't name. */
  readonly mode: HandlerMode | undefined;
  readonly methods?: readonly ManifestMethod[];
  readonly info?: readonly MethodInfoInit[];
  readonly handler: LoadedModule['requestHandler'];
}

function requestsOf(
  definition: ModuleDefinition,
  complain: (what: string) => never,
  factsOf: (entry: unknown, method: string) => MethodFacts,
): Requests {
  const { onHandle } = definition;
  if (onHandle === undefined) return { mode: undefined, handler: () => undefined };
  if (typeof onHandle === 'function') {
    const handler = onHandle.bind(definition);
    return { mode: modeOf(onHandle), handler: () => handler };
  }
  if (typeof onHandle !== 'object' || onHandle === null)
    return complain('has an onHandle that is neither a function nor a table of functions');
  const table = new Map<string, ModedRequestHandler>();
  for (const [method, entry] of Object.entries(onHandle)) {
    if (isShape(entry)) {
      return complain(
        `has a shape without a handler for the request '${method}'; write ${method}: shape.handler((input) => …)`,
      );
    }
    if (typeof entry === 'function')
      table.set(method, { mode: modeOf(entry), handler: entry.bind(onHandle) });
    else if (isModed(entry)) table.set(method, { mode: entry.mode, handler: entry.handler.bind(onHandle) });
    else {
      return complain(
        `has a handler for the request '${method}' that is no function; write ${method}(request) { … }`,
      );
    }
  }
  const facts = Object.entries(onHandle).map(([method, entry]) => [method, factsOf(entry, method)] as const);
  return {
    // A method that is not in the table runs nothing that could block the thread.
    mode: 'async',
    methods: facts.map(([name, of]) => methodOf(name, of, table.get(name))),
    info: facts.map(([name, of]) => infoOf(name, of, table.get(name))),
    handler: (method) => table.get(method)?.handler,
  };
}

function manifestOf(
  definition: ModuleDefinition,
  streams: Manifest['streams'],
  requests: Requests,
  info: readonly MethodInfoInit[] = [],
): Manifest {
  const methodInfo = [...info, ...(requests.info ?? [])];
  return {
    name: definition.name,
    version: definition.version,
    streams,
    handle: requests.mode,
    ...(requests.methods === undefined ? {} : { requests: requests.methods }),
    kvChange: definition.onKvChange !== undefined,
    ...(methodInfo.length === 0 ? {} : { methodInfo }),
  };
}

type Mode = { readonly mode: HandlerMode } | undefined;

function limitsOf({ timeoutMs, concurrency, maxInputBytes }: MethodFacts): MethodOptions {
  const limits = Object.entries({ timeoutMs, concurrency, maxInputBytes });
  return Object.fromEntries(limits.filter(([, limit]) => limit !== undefined));
}

function methodOf(name: string, facts: MethodFacts, handler: Mode): ManifestMethod {
  return { ...limitsOf(facts), name, mode: handler?.mode ?? 'sync' };
}

/** The description of a method that a host gets. */
function infoOf(name: string, facts: MethodFacts, handler: Mode): MethodInfoInit {
  const { kind, description = '', timeoutMs = 0, concurrency = 0, input, output, progress } = facts;
  return {
    name,
    kind,
    mode: handler?.mode ?? 'sync',
    description,
    timeoutMs,
    concurrency,
    input: payloadInfoOf(input.codec, 'input', input.single),
    output: payloadInfoOf(output.codec, 'output', output.single),
    progress: progress && payloadInfoOf(progress, 'output', false),
  };
}

/** @param side of its schema that is on the wire */
function payloadInfoOf(codec: AnyCodec, side: 'input' | 'output', single: boolean): Partial<PayloadInfo> {
  let jsonSchema: string | undefined;
  try {
    jsonSchema = codec.jsonSchema?.(side);
  } catch {
    // The codec may be the author's own. A description is never worth the module.
  }
  return { codec: codec.name, jsonSchema: jsonSchema ?? '', single, typeName: codec.typeName ?? '' };
}

/**
 * @param owner the object that the handler is called on, so that `this` is the object that holds the handler, as with any method
 */
function moded(handler: StreamHandler | ModedHandler, owner: object): ModedHandler {
  return typeof handler === 'function'
    ? { mode: modeOf(handler), handler: handler.bind(owner) }
    : { mode: handler.mode, handler: handler.handler.bind(owner) };
}
