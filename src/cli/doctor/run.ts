import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { spawnModule, type ModuleProcess } from '../../host/index.ts';
import { LAUNCHER_DESCRIPTORS, runnerCommand } from '../../host/runner-command.ts';
import { programFile } from '../../base/package-files.ts';
import { openInput, readChunks } from '../call/files.ts';
import { checkLauncher, checkNode, checkPackage, checkTypeScript, checkWorkers } from './environment.ts';
import { judgePrints, parseTrace, renderFindings, type Finding } from './findings.ts';
import { callOnce } from '../call/one-call.ts';
import { count, plural } from '../terminal/format.ts';
import { textOf } from '../../base/thrown.ts';
import { checkModuleFile } from '../open-module.ts';

export interface DoctorOptions {
  readonly file: string;
  /** A stream to open while prints are watched; `undefined` if only loading is watched. */
  readonly method: string | undefined;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  readonly input: string | undefined;
  readonly isJson: boolean;
}

/** Time that the module may take to start and to answer while it is watched, in ms. After that it is killed. */
const LOAD_MS = 20_000;
/** Time that the watched call may take, in ms. */
const CALL_MS = 60_000;

/** @returns the exit code: 1 where something keeps the module from working */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const file = resolve(options.file);
  await checkModuleFile(options.file);
  const findings = [
    checkNode(),
    checkLauncher(),
    checkWorkers(),
    ...checkTypeScript(file),
    ...checkPackage(file),
  ];
  const sound = await checkLife(file);
  findings.push(...sound);
  // Also for a module that does not load: what it printed on the way may say why.
  const isSound = sound.every(({ level }) => level !== 'problem');
  findings.push(...(await watchPrints(options, isSound)));
  process.stdout.write(`${options.isJson ? JSON.stringify({ file, findings }) : renderFindings(findings)}\n`);
  return findings.some(({ level }) => level === 'problem') ? 1 : 0;
}

/** Starts the module as a host does, and lets it end. */
async function checkLife(file: string): Promise<Finding[]> {
  const started = performance.now();
  const module = spawnModule({ file, workers: 1 });
  try {
    const { moduleName, moduleVersion, capabilities, methods } = await module.initialize();
    const ms = Math.round(performance.now() - started);
    const named = methods.length > 0 ? `, streams ${methods.join(', ')}` : '';
    const what = capabilities.join(', ') || 'no handler';
    const text = `${moduleName} ${moduleVersion} is ready ${count(ms)} ms after its start: ${what}${named}`;
    const offers: Finding =
      capabilities.length > 0
        ? { level: 'ok', check: 'load', text }
        : {
            level: 'warning',
            check: 'load',
            text,
            mend: 'Give defineModule an onServerStream, onHandle or onKvChange.',
          };
    return [offers, await checkEnd(module)];
  } catch (error) {
    const { stderr } = await module.close();
    // What the module printed itself may stand around it.
    const said = /^ixt-module: (.*)$/m.exec(stderr)?.[1];
    return [{ level: 'problem', check: 'load', text: said ?? textOf(error) }];
  }
}

async function checkEnd(module: ModuleProcess): Promise<Finding> {
  const { code, signal, stderr } = await module.close();
  if (code === 0)
    return { level: 'ok', check: 'end', text: 'it ends with exit code 0 when its host is done' };
  const how = code === null ? `is ended by ${signal}` : `ends with exit code ${code}`;
  return {
    level: 'problem',
    check: 'end',
    text: `it ${how} when its host is done: ${stderr.trim().split('\n').at(-1) ?? ''}`,
    mend: 'Look at onClose, and at what the module leaves running.',
  };
}

/** Loads the module, and calls one method, in a child where every print is seen. @param isSound it loads when it is not watched */
async function watchPrints(options: DoctorOptions, isSound: boolean): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ixt-doctor-'));
  const [trace, printed] = [join(folder, 'trace'), join(folder, 'descriptor-1')];
  await writeFile(trace, '');
  await writeFile(printed, '');
  const module = spawnModule({
    command: watchedCommand(resolve(options.file)),
    env: {
      IXT_DOCTOR_TRACE: trace,
      IXT_DOCTOR_STDOUT: printed,
      // What this package is made of, compiled or not: its own frames are nobody's fault.
      IXT_DOCTOR_PACKAGE: programFile('src/'),
    },
  });
  const findings: Finding[] = [];
  let isWatched = false;
  try {
    await initializeWithin(module);
    isWatched = true;
    if (options.method !== undefined) findings.push(await callWatched(module, options, options.method));
    await module.close();
  } catch (error) {
    if (isSound) findings.push(unwatched(error));
  } finally {
    module.kill();
    await module.exited;
  }
  const prints = judgePrints(parseTrace(await readFile(trace, 'utf8')), await readFile(printed));
  // That nothing was seen says nothing where nobody could look.
  findings.push(...prints.filter(({ level }) => level !== 'ok' || isWatched));
  await rm(folder, { recursive: true });
  if (options.method === undefined && isWatched) {
    findings.push({
      level: 'ok',
      check: 'prints',
      text: 'only loading was watched; --method NAME watches a handler, too',
    });
  }
  return findings;
}

/** A module that works, and yet not while it is watched. */
function unwatched(error: unknown): Finding {
  return {
    level: 'warning',
    check: 'prints',
    text: `it does not load while it is watched, so not every print may be found: ${textOf(error)}`,
  };
}

/** Watching must not hang where the watched module does. */
async function initializeWithin(module: ModuleProcess): Promise<void> {
  const timer = setTimeout(() => module.kill(), LOAD_MS);
  await module.initialize().finally(() => clearTimeout(timer));
}

async function callWatched(module: ModuleProcess, options: DoctorOptions, method: string): Promise<Finding> {
  const spec = {
    method,
    metadata: options.metadata,
    isUnary: false,
    deadlineMs: CALL_MS,
    cancelAfterMs: undefined,
    credit: undefined,
  };
  const tally = { done: 0, framesOut: 0, bytesOut: 0, framesIn: 0, bytesIn: 0 };
  const input = options.input === undefined ? [] : await readChunks(await openInput(options.input));
  try {
    await callOnce(module, spec, input, () => Promise.resolve(), tally, new AbortController().signal);
    return {
      level: 'ok',
      check: 'call',
      text: `the method ${method} answers with ${plural(tally.framesIn, 'frame')}`,
    };
  } catch (error) {
    const { code = 'error' } = error as { code?: string };
    return {
      level: 'warning',
      check: 'call',
      text: `the method ${method} fails: ${code}: ${textOf(error)}`,
    };
  }
}

/** The runner as the launcher starts it, but with descriptor 1 on a file of its own, and the tracer loaded first. */
function watchedCommand(file: string): [string, ...string[]] {
  const runner = runnerCommand();
  const main = runner.pop() ?? '';
  return [
    '/bin/sh',
    '-c',
    'exec 3<&0 4>&1 </dev/null 1>>"$IXT_DOCTOR_STDOUT"; exec "$@"',
    'sh',
    ...runner,
    ...[
      '--import',
      tracerUrl(),
      main,
      'serve',
      file,
      '--workers',
      '1',
      '--descriptors',
      LAUNCHER_DESCRIPTORS,
    ],
  ];
}

/**
 * The file by which `--import` loads the tracer in each thread. If the sources run, it must bring its own loader, because threads
 * have none.
 */
function tracerUrl(): string {
  const tracer = pathToFileURL(programFile('src/cli/doctor/print-trace.ts')).href;
  if (!tracer.endsWith('.ts')) return tracer;
  const tsx = import.meta.resolve('tsx/esm/api');
  const script = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(tracer)});`;
  return `data:text/javascript,${encodeURIComponent(script)}`;
}
