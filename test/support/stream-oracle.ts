import type { ErrorCode } from '../../src/errors.ts';

/**
 * The callee's stream states as a table, written from the protocol's page and from nothing in src/: the second opinion
 * that the state machine and the router are held against.
 *
 * A cell says what happens:
 *   count            nothing, but it is counted: the frame crossed a terminal frame
 *   ignore, -        nothing
 *   admit            the checks of an Open follow
 *   stray C          one error C for the id, no state
 *   end C            one error C, the id is free: ABSENT
 *   stop C           the handler is told C: ENDING
 *   hold, deliver    the payload waits for a worker, or goes to it
 *   eof S            the end of input is noted or delivered: state S
 *   add              the credit is added
 *   start S          a worker has it: state S
 *   latch            the handler's own terminal frame is out: LINGER
 *   linger C         one error C, the thread isn't gone yet: LINGER
 *   kill             the worker is to be ended
 *   free             the handler is gone, its place too: ABSENT
 * and `cause` in place of a code is the one that was decided first.
 */
const TABLE = `
| event             | ABSENT                  | QUEUED                   | QUEUED_HALF            | OPEN                      | HALF                    | ENDING       | LINGER                  |
| open              | admit                   | end protocolViolation    | end protocolViolation  | stop protocolViolation    | stop protocolViolation  | ignore       | admit                   |
| data              | count                   | hold                     | end protocolViolation  | deliver                   | stop protocolViolation  | ignore       | count                   |
| dataBeyondCredit  | count                   | end flowControlViolation | end protocolViolation  | stop flowControlViolation | stop protocolViolation  | ignore       | count                   |
| credit            | count                   | add                      | add                    | add                       | add                     | ignore       | count                   |
| creditBeyondBound | count                   | end flowControlViolation | end flowControlViolation | stop flowControlViolation | stop flowControlViolation | ignore   | count                   |
| close             | count                   | eof QUEUED_HALF          | end protocolViolation  | eof HALF                  | stop protocolViolation  | ignore       | count                   |
| cancel            | count                   | end cancelled            | end cancelled          | stop cancelled            | stop cancelled          | ignore       | count                   |
| error             | count                   | end cancelled            | end cancelled          | stop cancelled            | stop cancelled          | ignore       | count                   |
| malformed         | stray protocolViolation | end protocolViolation    | end protocolViolation  | stop protocolViolation    | stop protocolViolation  | ignore       | stray protocolViolation |
| dispatched        | -                       | start OPEN               | start HALF             | -                         | -                       | -            | -                       |
| terminalCommitted | -                       | -                        | -                      | latch                     | latch                   | latch        | -                       |
| settled           | -                       | -                        | -                      | end internal              | end internal            | end cause    | free                    |
| workerExited      | -                       | -                        | -                      | end workerCrashed         | end workerCrashed       | end cause    | free                    |
| revoked           | -                       | -                        | -                      | linger workerCrashed      | linger workerCrashed    | linger cause | -                       |
| graceOver         | -                       | -                        | -                      | -                         | -                       | kill         | -                       |
| deadline          | -                       | end deadlineExceeded     | end deadlineExceeded   | stop deadlineExceeded     | stop deadlineExceeded   | -            | -                       |
| inputBeyondLimit  | -                       | end resourceExhausted    | end resourceExhausted  | stop resourceExhausted    | stop resourceExhausted  | -            | -                       |
| connectionEnds    | -                       | end cancelled            | end cancelled          | stop cancelled            | stop cancelled          | -            | -                       |
`;

export const ORACLE_STATES = ['ABSENT', 'QUEUED', 'QUEUED_HALF', 'OPEN', 'HALF', 'ENDING', 'LINGER'] as const;
export type OracleState = (typeof ORACLE_STATES)[number];

export const ORACLE_HOST_EVENTS = [
  'open',
  'data',
  'dataBeyondCredit',
  'credit',
  'creditBeyondBound',
  'close',
  'cancel',
  'error',
  'malformed',
] as const;
export const ORACLE_MODULE_EVENTS = [
  'dispatched',
  'terminalCommitted',
  'settled',
  'workerExited',
  'revoked',
  'graceOver',
  'deadline',
  'inputBeyondLimit',
  'connectionEnds',
] as const;
export type OracleEvent = (typeof ORACLE_HOST_EVENTS)[number] | (typeof ORACLE_MODULE_EVENTS)[number];

const ACTIONS = [
  ...(['count', 'ignore', '-', 'admit', 'stray', 'end', 'stop', 'hold', 'deliver', 'eof', 'add'] as const),
  ...(['start', 'latch', 'linger', 'kill', 'free'] as const),
];
export type OracleAction = (typeof ACTIONS)[number];

export interface Cell {
  /** Where in the table it stands. */
  readonly name: string;
  readonly action: OracleAction;
  /** The state after it. */
  readonly next: OracleState;
  /** Of `stray`, `end`, `stop` and `linger`; `cause` is the stored one. */
  readonly code: ErrorCode | 'cause' | undefined;
}

const cells = parse();

/** All cells of the table. */
export const ORACLE_CELLS: readonly Cell[] = [...cells.values()];

/** What the table says. */
export function cellOf(state: OracleState, event: OracleEvent): Cell {
  const cell = cells.get(`${event} in ${state}`);
  if (cell === undefined) throw new Error(`the table has no cell for ${event} in ${state}`);
  return cell;
}

function parse(): Map<string, Cell> {
  const rows = TABLE.trim()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((text) => text.trim()),
    );
  const [header = [], ...body] = rows;
  const parsed = new Map<string, Cell>();
  for (const [event = '', ...row] of body) {
    for (const [column, text] of row.entries()) {
      const state = header[column + 1] as OracleState;
      const [word = '', argument] = text.split(' ');
      const action = ACTIONS.find((known) => known === word);
      if (action === undefined) throw new Error(`the table says '${text}' for ${event} in ${state}`);
      const name = `${event} in ${state}`;
      parsed.set(name, { name, action, ...outcome(action, argument, state) });
    }
  }
  return parsed;
}

function outcome(
  action: OracleAction,
  argument: string | undefined,
  state: OracleState,
): Pick<Cell, 'next' | 'code'> {
  switch (action) {
    case 'end':
      return { next: 'ABSENT', code: argument as ErrorCode | 'cause' };
    case 'stop':
      return { next: 'ENDING', code: argument as ErrorCode };
    case 'linger':
      return { next: 'LINGER', code: argument as ErrorCode | 'cause' };
    case 'stray':
      return { next: state, code: argument as ErrorCode };
    case 'eof':
    case 'start':
      return { next: argument as OracleState, code: undefined };
    case 'latch':
      return { next: 'LINGER', code: undefined };
    case 'free':
      return { next: 'ABSENT', code: undefined };
    case 'count':
    case 'ignore':
    case '-':
    case 'admit':
    case 'hold':
    case 'deliver':
    case 'add':
    case 'kill':
      return { next: state, code: undefined };
  }
}
