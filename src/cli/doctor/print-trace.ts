/**
 * Loaded with `--import` ahead of everything else into a module child of `doctor`, and by that into each of its threads: writes
 * down who prints, with the stack. Descriptor 1 of that child is a file, so what native code and children print shows by the
 * file's size, before and after.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import type { PrintEvent, PrintWay } from './print-event.ts';

type Call = () => unknown;

const { appendFileSync, fstatSync } = fs;
const MAX_TEXT = 200;
const MAX_FRAMES = 6;
/** The paths by which descriptor 1 is opened anew. */
const STDOUT_PATHS = new Set(['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', `/proc/${process.pid}/fd/1`]);

const traceFile = process.env['IXT_DOCTOR_TRACE'];
const packageFolder = process.env['IXT_DOCTOR_PACKAGE'] ?? '\0';
/** Descriptors that were opened by a path of {@link STDOUT_PATHS}. */
const aliases = new Set<number>();
/** Above 0 inside a call that is written down already: console.log calls process.stdout.write, and so on. */
let depth = 0;

if (traceFile !== undefined) {
  traceConsole();
  traceStdout();
  traceDescriptors();
  tracePaths();
  traceChildren();
  traceAddons();
  syncBuiltinESMExports();
}

function traceConsole(): void {
  for (const name of [
    'log',
    'info',
    'debug',
    'dir',
    'dirxml',
    'table',
    'group',
    'count',
    'timeEnd',
    'timeLog',
  ]) {
    wrap(console, name, (call, args) => traced('console', `console.${name}`, format(...args), call));
  }
}

function traceStdout(): void {
  wrap(Writable.prototype, 'write', (call, args, self) => {
    // Only looked at, since asking for process.stdout would make one.
    const isStdout = Object.getOwnPropertyDescriptor(process, 'stdout')?.value === self;
    return isStdout ? traced('process.stdout', 'process.stdout.write', textOf(args[0]), call) : call();
  });
}

function traceDescriptors(): void {
  for (const name of ['writeSync', 'writevSync', 'writeFileSync', 'appendFileSync']) {
    wrap(fs, name, (call, args) => {
      if (!isStdout(args[0])) return call();
      return traced(wayOf(args[0], 'fs.writeSync'), `fs.${name}`, textOf(args[1]), call, true);
    });
  }
  for (const name of ['write', 'writev', 'writeFile', 'appendFile']) {
    wrap(fs, name, (call, args) => {
      if (!isStdout(args[0])) return call();
      const from = size();
      const stack = stackOf();
      const callback = args.at(-1);
      const done = (...results: unknown[]): void => {
        const [text, to] = [textOf(args[1]), size()];
        write({ way: wayOf(args[0], 'fs.write'), call: `fs.${name}`, text, stack, from, to });
        if (typeof callback === 'function') Reflect.apply(callback, undefined, results);
      };
      if (typeof callback === 'function') args[args.length - 1] = done;
      return call();
    });
  }
}

function tracePaths(): void {
  const onPath = (target: object, name: string, flagAt: number | undefined): void => {
    wrap(target, name, (call, args) => {
      if (!isStdoutPath(args[0])) return call();
      // The path must be opened without truncation, because descriptor 1 stands for a pipe, which has nothing to truncate.
      const flags = flagAt === undefined ? undefined : args[flagAt];
      if (flagAt !== undefined && typeof flags === 'string' && /^(w|r\+)/.test(flags)) args[flagAt] = 'a';
      else if (flagAt === undefined && !name.startsWith('append')) appendInstead(args);
      const result = traced('/dev/stdout', `fs.${name}`, String(args[0]), call, true);
      if (typeof result === 'number') aliases.add(result);
      return result;
    });
  };
  for (const name of ['openSync', 'open']) onPath(fs, name, 1);
  for (const name of ['writeFileSync', 'appendFileSync', 'writeFile', 'appendFile', 'createWriteStream']) {
    onPath(fs, name, undefined);
  }
  onPath(fs.promises, 'open', 1);
  for (const name of ['writeFile', 'appendFile']) onPath(fs.promises, name, undefined);
}

/** Sets the flag of the options behind a path and, but for createWriteStream, what is written. */
function appendInstead(args: unknown[]): void {
  const at = args.findIndex((arg) => typeof arg === 'object' && arg !== null && !ArrayBuffer.isView(arg));
  if (at > 0) args[at] = { ...(args[at] as object), flag: 'a', flags: 'a' };
  else args.splice(Math.min(2, args.length), 0, { flag: 'a', flags: 'a' });
}

function traceChildren(): void {
  for (const name of ['spawnSync', 'execFileSync', 'execSync']) {
    wrap(childProcess, name, (call, args) => {
      if (!inheritsStdout(args, false)) return call();
      return traced('child process', `child_process.${name}`, String(args[0]), call, true);
    });
  }
  for (const name of ['spawn', 'fork']) {
    wrap(childProcess, name, (call, args) => {
      if (!inheritsStdout(args, name === 'fork')) return call();
      const [from, stack] = [size(), stackOf()];
      const child = call() as childProcess.ChildProcess;
      const event = {
        way: 'child process',
        call: `child_process.${name}`,
        text: String(args[0]),
        stack,
      } as const;
      // Twice: a child may outlive the module. The second has what came meanwhile.
      write(event);
      child.once('exit', () => write({ ...event, from, to: size() }));
      return child;
    });
  }
}

function traceAddons(): void {
  wrap(process, 'dlopen', (call, args) => {
    const from = size();
    const result = call();
    const file = String(args[1]);
    write({ way: 'native', call: 'process.dlopen', text: file, stack: stackOf(), from, to: size() });
    watchAddon(args[0], file);
    return result;
  });
}

/** Looks whether something is printed while a function of an addon runs. */
function watchAddon(module: unknown, file: string): void {
  const exports = (module as { exports?: unknown }).exports;
  if (typeof exports !== 'object' || exports === null) return;
  for (const [name, value] of Object.entries(exports) as [string, unknown][]) {
    if (typeof value !== 'function') continue;
    const watched = <T>(call: () => T): T => {
      const from = size();
      const result = call();
      const to = size();
      if (to > from) write({ way: 'native', call: name, text: file, stack: stackOf(), from, to });
      return result;
    };
    const proxy = new Proxy(value as (...args: unknown[]) => unknown, {
      apply: (target, self, args) => watched(() => Reflect.apply(target, self, args as unknown[])),
      construct: (target, args, created) =>
        watched(() => Reflect.construct(target, args as unknown[], created) as object),
    });
    Reflect.set(exports, name, proxy);
  }
}

/** Writes a call down, unless it is part of one that is. */
function traced(way: PrintWay, name: string, text: string, call: Call, isOnDescriptor = false): unknown {
  if (depth > 0) return call();
  const stack = stackOf();
  const from = size();
  depth += 1;
  try {
    return call();
  } finally {
    depth -= 1;
    write({ way, call: name, text, stack, ...(isOnDescriptor ? { from, to: size() } : {}) });
  }
}

/** Puts a function around a method. The arguments may be changed before they are passed on. */
function wrap(
  target: object,
  name: string,
  around: (call: Call, args: unknown[], self: unknown) => unknown,
): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') return;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    return around(() => Reflect.apply(original, this, args) as unknown, args, this);
  };
  // With what util.promisify looks for.
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue;
    const property = Object.getOwnPropertyDescriptor(original, key);
    if (property !== undefined) Object.defineProperty(wrapped, key, property);
  }
  Reflect.set(target, name, wrapped);
}

function isStdout(descriptor: unknown): boolean {
  return typeof descriptor === 'number' && (descriptor === 1 || aliases.has(descriptor));
}

function wayOf(descriptor: unknown, direct: PrintWay): PrintWay {
  return descriptor === 1 ? direct : '/dev/stdout';
}

function isStdoutPath(path: unknown): boolean {
  if (path instanceof URL) return path.protocol === 'file:' && STDOUT_PATHS.has(fileURLToPath(path));
  return (typeof path === 'string' || Buffer.isBuffer(path)) && STDOUT_PATHS.has(path.toString());
}

/** Whether a child with these arguments of child_process gets our descriptor 1. */
function inheritsStdout(args: readonly unknown[], isFork: boolean): boolean {
  const options = args.find((arg) => typeof arg === 'object' && arg !== null && !Array.isArray(arg));
  const { stdio, silent } = (options ?? {}) as { stdio?: unknown; silent?: unknown };
  if (stdio === undefined) return isFork && silent !== true;
  const target: unknown = Array.isArray(stdio) ? stdio[1] : stdio;
  if (target === 'inherit' || target === 1) return true;
  return typeof target === 'object' && target !== null && (target as { fd?: unknown }).fd === 1;
}

/** Number of bytes on descriptor 1 so far. */
function size(): number {
  return fstatSync(1).size;
}

function stackOf(): string[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = limit;
  return stack
    .split('\n')
    .slice(1)
    .map((line) =>
      line
        .trim()
        .replace(/^at /, '')
        .replace(/file:\/\/[^\s):]+/g, (url) => fileURLToPath(url)),
    )
    .filter(
      (frame) =>
        !/\bnode:|\/node_modules\/(tsx|piscina)\/|<anonymous>\)?$/.test(frame) &&
        !frame.includes(packageFolder),
    )
    .slice(0, MAX_FRAMES);
}

function textOf(data: unknown): string {
  if (typeof data === 'string') return data.slice(0, MAX_TEXT);
  if (!ArrayBuffer.isView(data)) return '';
  return Buffer.from(data.buffer, data.byteOffset, Math.min(data.byteLength, MAX_TEXT)).toString();
}

/** One append each: threads don't get in each other's lines. */
function write(event: PrintEvent): void {
  depth += 1;
  appendFileSync(traceFile ?? '', `${JSON.stringify({ ...event, text: event.text.slice(0, MAX_TEXT) })}\n`);
  depth -= 1;
}
