import type { DroppedLogs } from '../../shared-memory/slot-words.ts';
import type { LogLevel, StreamLog } from '../../handle/server-stream.ts';
import { escapeControls, MAX_LINE_BYTES, tryWriteStderr } from '../../base/stderr.ts';
import { cutUtf8 } from '../../base/text.ts';
import type { Task } from '../../threads/messages.ts';
import { textOf } from '../../base/thrown.ts';

/** What is kept of a line's texts when it is too long, in bytes: it fits even if each becomes an escape of six. */
const CUT_MESSAGE_BYTES = 2048;
const CUT_NAME_BYTES = 128;

/**
 * Logs of one job: a JSON line each on standard error, with the ids that lead back to the call. Control characters are
 * escaped, a line that is too long loses its fields, and one that standard error can't take is dropped and counted. Whatever a
 * handler gives, a call never throws.
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
  // A cycle, a getter or toJSON that throws, too much of it: the message matters more than its fields.
  const cut: Record<string, string> = {};
  for (const [name, text] of Object.entries(line)) {
    cut[name] = cutUtf8(textOf(text), name === 'message' ? CUT_MESSAGE_BYTES : CUT_NAME_BYTES);
  }
  return escapeControls(JSON.stringify({ ...cut, cut: true }));
}

/** @returns `undefined` for what JSON can't say, or what throws where it is read */
function jsonOf(line: Record<string, unknown>, fields: Record<string, unknown>): string | undefined {
  try {
    const json = JSON.stringify({ ...fields, ...line }, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    // JSON itself escapes those below U+0020 only; what is left of them stands in strings, where an escape is the same.
    return escapeControls(json);
  } catch {
    return undefined;
  }
}
