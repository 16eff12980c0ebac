import type { DroppedLogs } from '../../shared-memory/slot-signals.ts';
import type { LogLevel, StreamLog } from '../../handle/server-stream.ts';
import { escapeControls, MAX_LINE_BYTES, tryWriteStderr } from '../../base/stderr.ts';
import { cutUtf8 } from '../../base/text.ts';
import type { Task } from '../../threads/messages.ts';
import { textOf } from '../../base/thrown.ts';

/** Bytes that are kept of each text if a line is too long. The line then fits even if each byte becomes an escape of six bytes. */
const CUT_MESSAGE_BYTES = 2048;
const CUT_NAME_BYTES = 128;

/**
 * The log of one job. Each call writes one JSON line on standard error, with the ids that lead back to the call. Control characters
 * are escaped. A line that is too long loses its fields, and a line that standard error can't take is dropped and counted. A call
 * never throws, whatever a handler gives.
 */
export function streamLog(task: Task, dropped: Pick<DroppedLogs, 'add'>, write = tryWriteStderr): StreamLog {
  const at =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (!write(`${lineOf(task, level, message, fields)}\n`)) dropped.add();
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function lineOf(task: Task, level: LogLevel, message: string, fields: Record<string, unknown>): string {
  const { method, invocationId, traceparent } = task.context;
  const trace = traceparent.split('-')[1];
  const line = {
    time: new Date().toISOString(),
    level,
    message,
    method,
    ...(task.kind === 'stream' ? { stream: task.id } : {}),
    ...(invocationId === '' ? {} : { invocationId }),
    ...(trace === undefined ? {} : { trace }),
  };
  const whole = jsonOf(line, fields);
  if (whole !== undefined && Buffer.byteLength(whole) < MAX_LINE_BYTES) return whole;
  // The fields are left out, because they have a cycle, have a getter or toJSON that throws, or are too long, and the message
  // matters more.
  const cut: Record<string, string> = {};
  for (const [name, text] of Object.entries(line)) {
    cut[name] = cutUtf8(textOf(text), name === 'message' ? CUT_MESSAGE_BYTES : CUT_NAME_BYTES);
  }
  return escapeControls(JSON.stringify({ ...cut, cut: true }));
}

/** @returns `undefined` if JSON can't express the line, or if reading a field throws */
function jsonOf(line: Record<string, unknown>, fields: Record<string, unknown>): string | undefined {
  try {
    const json = JSON.stringify({ ...fields, ...line }, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    // JSON itself escapes only control characters below U+0020. The others are inside strings, where an escape means the same.
    return escapeControls(json);
  } catch {
    return undefined;
  }
}
