import type { Initialized } from '../../host/index.ts';
import { escapeControls } from '../../base/stderr.ts';
import type { MethodInfo, PayloadInfo } from '../../wire/method-info.ts';
import { bytes, count, wrapped } from '../terminal/format.ts';

/** A description of the module's name, capabilities and methods, for a person. */
export function renderDescription(info: Initialized): string {
  const { moduleName, moduleVersion, capabilities, methods, methodInfo } = info;
  const { protocolVersion, initialCredit } = info;
  const has = (capability: string): boolean => capabilities.includes(capability);
  const streams = !has('serverStream')
    ? 'none'
    : methods.length === 0
      ? 'one handler for every method'
      : methods.map(escapeControls).join(', ');
  const requests = methodInfo.filter(({ kind }) => kind === 'handle').map(({ name }) => escapeControls(name));
  const unary = !has('handle') ? 'no' : requests.length === 0 ? 'yes' : requests.join(', ');
  return [
    `${escapeControls(moduleName)} ${escapeControls(moduleVersion)}`,
    ...wrapped(`  streams            ${streams}`, 21),
    ...wrapped(`  unary requests     ${unary}`, 21),
    `  key-value changes  ${has('kvChange') ? 'yes' : 'no'}`,
    `  protocol           ${protocolVersion}, first window ${bytes(initialCredit)}`,
    ...(methodInfo.length === 0 ? [] : ['', ...methodLines(methodInfo)]),
  ].join('\n');
}

/** The description as JSON, with the JSON Schemas as objects. */
export function describeAsJson(info: Initialized): string {
  return JSON.stringify(info, (key, value: unknown) => {
    if (key !== 'jsonSchema' || typeof value !== 'string') return value;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      return undefined;
    }
  });
}

/** Where the columns begin: a method's name, how it runs, what it takes and gives, its limits. */
function methodLines(methods: readonly MethodInfo[]): string[] {
  const rows = methods.map((method) => [
    escapeControls(method.name),
    method.kind === 'handle' ? 'request' : method.mode,
    payloadText(method.input),
    payloadText(method.output),
    limitsText(method),
  ]);
  const head = ['method', 'runs', 'takes', 'gives', 'limits'];
  const widths = head.map((text, column) =>
    Math.min(30, Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    ...wrapped(`  ${line(head)}`, 4),
    ...methods.flatMap(({ description }, at) => [
      ...wrapped(`  ${line(rows[at] ?? [])}`, 4),
      ...(description === '' ? [] : wrapped(`    ${escapeControls(description)}`, 4)),
    ]),
  ];
}

/** `one json`, `ndjson`, `one capnp Point`. */
function payloadText({ codec, single, typeName }: PayloadInfo): string {
  return [single ? 'one' : '', escapeControls(codec), escapeControls(typeName)]
    .filter((text) => text !== '')
    .join(' ');
}

function limitsText({ timeoutMs, concurrency }: MethodInfo): string {
  const limits = [
    timeoutMs === 0 ? '' : `${count(timeoutMs)} ms`,
    concurrency === 0 ? '' : `${count(concurrency)} at a time`,
  ];
  return limits.filter((text) => text !== '').join(', ');
}
