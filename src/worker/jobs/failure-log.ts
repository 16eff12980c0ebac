import type { DroppedLogs } from '../../shared-memory/slot-signals.ts';
import { isModuleError } from '../../errors.ts';
import { LineBudget } from '../../base/line-budget.ts';
import { escapeControls, tryWriteStderr } from '../../base/stderr.ts';
import { cutUtf8 } from '../../base/text.ts';
import { isErrorLike, textOf } from '../../base/thrown.ts';
import type { Task } from '../../threads/messages.ts';
import { streamLog } from './stream-log.ts';

/**
 * Limits for each text of a line, in bytes and with its escapes. They are such that the error and {@link MAX_CAUSES} causes fit a
 * line together, whatever they contain.
 */
const CLASS_BYTES = 128;
const MESSAGE_BYTES = 512;
const STACK_BYTES = 2048;
const MAX_CAUSES = 3;

/** The fields of a line for one thrown value. */
interface ThrownFields {
  /** The name of its class, or its type (for example `string`) if it is no object. */
  readonly class: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ThrownFields;
}

/**
 * Tells the author where a handler's exception was thrown, because the wire hides that from the host. It writes one JSON line for
 * each on standard error, like those of the handler's own log, with `error: { class, message, stack, cause }`. The lines a second
 * and thread are limited; the next line that is written says in `notLogged` how many were not.
 */
export class FailureLog {
  readonly #budget: LineBudget;
  readonly #dropped: Pick<DroppedLogs, 'add'>;
  readonly #write: typeof tryWriteStderr;

  /** @param linesPerSecond 0 for none at all */
  constructor(
    linesPerSecond: number,
    dropped: Pick<DroppedLogs, 'add'>,
    write = tryWriteStderr,
    now?: () => number,
  ) {
    this.#budget = new LineBudget(linesPerSecond, now);
    this.#dropped = dropped;
    this.#write = write;
  }

  /** The handler of `task` has thrown. Never throws, whatever the thrown value is. */
  tell(task: Task, thrown: unknown): void {
    if (isAnAnswer(thrown)) return;
    const notLogged = this.#budget.take();
    if (notLogged === undefined) return;
    const error = fieldsOf(thrown, MAX_CAUSES);
    const log = streamLog(task, this.#dropped, this.#write);
    log.error(`the handler failed: ${error.message}`, { error, ...(notLogged === 0 ? {} : { notLogged }) });
  }
}

/**
 * Whether a thrown value is an answer to the host. A ModuleError is, and so is no failure of the author's code, unless it wraps a
 * failure or its code means one.
 */
function isAnAnswer(thrown: unknown): boolean {
  try {
    if (!isModuleError(thrown)) return false;
    return thrown.cause === undefined && thrown.code !== 'internal' && thrown.code !== 'handlerFailed';
  } catch {
    // A getter throws. A value that can't be read is logged as a failure.
    return false;
  }
}

/** @param causes number of causes that are logged below this one; it is limited because causes may form a circle */
function fieldsOf(thrown: unknown, causes: number): ThrownFields {
  const className = fitting(classOf(thrown), CLASS_BYTES);
  const message = fitting(textOf(thrown), MESSAGE_BYTES);
  const stack = stackOf(thrown);
  const cause = causeOf(thrown);
  return {
    class: className,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined || causes === 0 ? {} : { cause: fieldsOf(cause, causes - 1) }),
  };
}

function classOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return thrown === null ? 'null' : typeof thrown;
  try {
    const { constructor, name } = thrown as { constructor?: unknown; name?: unknown };
    const className = typeof constructor === 'function' ? constructor.name : '';
    if (className !== '' && className !== 'Object') return textOf(className);
    return typeof name === 'string' && name !== '' ? name : 'Object';
  } catch {
    return 'Object';
  }
}

/** The stack. A long message at its beginning is cut, so that the places in the code still fit. */
function stackOf(thrown: unknown): string | undefined {
  try {
    if (!isErrorLike(thrown) || typeof thrown.stack !== 'string') return undefined;
    const { stack } = thrown;
    const places = stack.search(/\n +at /);
    if (places < MESSAGE_BYTES) return fitting(stack, STACK_BYTES);
    return fitting(fitting(stack, MESSAGE_BYTES) + stack.slice(places), STACK_BYTES);
  } catch {
    return undefined;
  }
}

function causeOf(thrown: unknown): unknown {
  try {
    return isErrorLike(thrown) ? (thrown as { readonly cause?: unknown }).cause : undefined;
  } catch {
    return undefined;
  }
}

/** The beginning of `text` that takes at most `maxBytes` bytes of a line. */
function fitting(text: string, maxBytes: number): string {
  const cut = cutUtf8(text.slice(0, maxBytes), maxBytes);
  const inLine = Buffer.byteLength(escapeControls(JSON.stringify(cut)));
  // An escape has at most six bytes.
  return inLine <= maxBytes ? cut : cutUtf8(cut, Math.floor(maxBytes / 6));
}
