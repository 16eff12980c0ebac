import type { LogLevel, StreamLog } from '../stream/server-stream.ts';
import { tryWriteStderr } from '../stderr.ts';
import type { Task } from '../thread-messages.ts';

/**
 * Logs of one job: a JSON line each on standard error, with the ids that lead back to the call. JSON escapes control
 * characters; a line that standard error can't take is dropped.
 */
export function streamLog(task: Task): StreamLog {
  const write =
    (level: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      const line = {
        ...fields,
        time: new Date().toISOString(),
        level,
        message,
        method: task.context.method,
        ...(task.kind === 'stream' ? { stream: task.id } : {}),
        ...(task.context.invocationId === '' ? {} : { invocationId: task.context.invocationId }),
        ...(task.context.traceparent === '' ? {} : { trace: task.context.traceparent.split('-')[1] }),
      };
      tryWriteStderr(`${safeJson(line)}\n`);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function safeJson(line: Record<string, unknown>): string {
  try {
    return JSON.stringify(line, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
  } catch {
    // A cycle, or a toJSON that throws: the message matters more than its fields.
    return JSON.stringify({
      time: line['time'],
      level: line['level'],
      message: line['message'],
      method: line['method'],
    });
  }
}
