/** One line of the module's standard error: what somebody printed, or a log line of the runner. */
export interface LogLine {
  readonly level: 'error' | 'warn' | 'info' | 'print';
  readonly text: string;
  /** Of a log line: the method of its stream. */
  readonly method: string;
}

/** Takes the runner's log lines, which are JSON, apart; their stacks get their lines back. */
export function logLine(line: string): LogLine {
  const printed: LogLine = { level: 'print', text: line, method: '' };
  if (!line.startsWith('{')) return printed;
  try {
    const { level, message, method, error } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof level !== 'string' || typeof message !== 'string') return printed;
    const stack =
      typeof error === 'object' && error !== null ? (error as { readonly stack?: unknown }).stack : undefined;
    return {
      level: level === 'error' || level === 'warn' ? level : 'info',
      text: typeof stack === 'string' ? stack : message,
      method: typeof method === 'string' ? method : '',
    };
  } catch {
    return printed;
  }
}
