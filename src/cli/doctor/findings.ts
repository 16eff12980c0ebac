import { preview } from '../recording/render.ts';
import { count, plural, wrapped } from '../terminal/format.ts';
import { PRINT_WAYS, type PrintEvent, type PrintWay } from './print-event.ts';

/** One result of the doctor's checks. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  /** The thing that was checked: `node`, `launcher`, `prints`, … */
  readonly check: string;
  readonly text: string;
  /** Where: stack frames, the innermost first. */
  readonly stack?: readonly string[];
  readonly mend?: string;
}

/** For each kind of print: its effect, and the code to write instead. */
const ADVICE: Readonly<Record<PrintWay, { readonly fate: string; readonly mend: string }>> = {
  console: {
    fate: 'it lands on standard error, with the launcher or without',
    mend: 'Say it with stream.log.info(…), or console.error where standard error is meant.',
  },
  'process.stdout': {
    fate: 'it lands on standard error, with the launcher or without',
    mend: 'For the caller: yield the bytes. For a log: stream.log.info(…) or process.stderr.write(…).',
  },
  'fs.writeSync': {
    fate: 'only the launcher keeps it off the protocol',
    mend: 'Write to descriptor 2, or use stream.log.info(…).',
  },
  'fs.write': {
    fate: 'only the launcher keeps it off the protocol',
    mend: 'Write to descriptor 2, or use stream.log.info(…).',
  },
  '/dev/stdout': {
    fate: 'only the launcher keeps it off the protocol, and where standard error is a socket it can’t be opened',
    mend: 'Open /dev/stderr, or write to descriptor 2.',
  },
  native: {
    fate: 'only the launcher keeps it off the protocol',
    mend: 'Let the native code print to stderr, or switch its output off (look for its verbose or log option).',
  },
  'child process': {
    fate: 'only the launcher keeps it off the protocol',
    mend: "Give the child stdio: ['ignore', 'pipe', 'inherit'] and read what it prints, or ['ignore', 2, 2].",
  },
};

/** Reads a trace file; a line that was cut is left out. */
export function parseTrace(text: string): PrintEvent[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as PrintEvent];
    } catch {
      return [];
    }
  });
}

/**
 * Combines the trace with the bytes that were found on descriptor 1.
 *
 * @param printed everything that came on descriptor 1
 */
export function judgePrints(events: readonly PrintEvent[], printed: Uint8Array): Finding[] {
  const findings: Finding[] = [];
  const explained = new Uint8Array(printed.length);
  const places = new Map<string, { readonly event: PrintEvent; times: number }>();
  for (const event of events) {
    const { from = 0, to = 0 } = event;
    explained.fill(1, from, to);
    // That an addon was loaded, or a child has begun, is no print yet.
    if ((event.way === 'native' || event.way === 'child process') && to <= from) continue;
    const place = [event.way, event.call, event.text, ...event.stack].join('\n');
    const known = places.get(place);
    if (known === undefined) places.set(place, { event, times: 1 });
    else known.times += 1;
  }
  for (const { event, times } of places.values()) findings.push(printFinding(event, times, printed));
  const rest = printed.filter((_byte, at) => explained[at] === 0);
  if (rest.length > 0) findings.push(unexplained(rest, events));
  return findings.length > 0 ? findings : [nothingPrinted()];
}

function printFinding(event: PrintEvent, times: number, printed: Uint8Array): Finding {
  const { way, call, text, stack, from, to } = event;
  const { fate, mend } = ADVICE[way];
  const isIndirect = way === 'native' || way === 'child process';
  const said = isIndirect ? printed.subarray(from, to) : Buffer.from(text);
  const by = isIndirect ? ` (${text})` : '';
  const often = times === 1 ? '' : `, ${plural(times, 'time')}`;
  return {
    level: 'warning',
    check: 'prints',
    text: `${way}: ${call}${by} ${call.startsWith('fs.open') ? 'opens' : 'prints'} ${preview(said)}${often}: ${fate}`,
    stack: stack.length > 0 ? stack : ['no place: it was called by Node itself, as from a stream or a timer'],
    mend,
  };
}

/** Bytes that no call of JavaScript accounts for. */
function unexplained(rest: Uint8Array, events: readonly PrintEvent[]): Finding {
  const suspects = new Set<string>();
  for (const { way, text, stack } of events) {
    const [place = 'no place known'] = stack;
    if (way === 'native') suspects.add(`the addon ${text}, loaded at ${place}`);
    if (way === 'child process') suspects.add(`the child ${text}, started at ${place}`);
    if (way === '/dev/stdout') suspects.add(`who writes to the ${text} opened at ${place}`);
  }
  return {
    level: 'warning',
    check: 'prints',
    text:
      `native: ${preview(rest)} came on descriptor 1 outside every call that can be watched (a C buffer that is ` +
      `written out late, a native thread, a child): ${ADVICE.native.fate}; Node can't tell the place`,
    stack: suspects.size > 0 ? [...suspects].map((who) => `perhaps ${who}`) : ['native code of Node itself'],
    mend: ADVICE.native.mend,
  };
}

function nothingPrinted(): Finding {
  return {
    level: 'ok',
    check: 'prints',
    text: `nothing was printed to standard output, in any of the ways ${PRINT_WAYS.join(', ')}`,
  };
}

/** The findings for a person, and their sum. */
export function renderFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ level, text, stack = [], mend }) => [
    ...wrapped(`${level.padEnd(8)} ${text}`, 9),
    ...stack.flatMap((frame) => wrapped(`           at ${frame}`.replace('at perhaps', 'perhaps'), 14)),
    ...(mend === undefined ? [] : mend.split('\n').flatMap((line) => wrapped(`         → ${line}`, 11))),
  ]);
  const sum = (level: Finding['level']): number => findings.filter((found) => found.level === level).length;
  return `${lines.join('\n')}\n\nproblems: ${count(sum('problem'))}, warnings: ${count(sum('warning'))}`;
}
