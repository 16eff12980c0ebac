import type { ErrorCode } from '../../errors.ts';

/**
 * The life of one stream as main sees it.
 *
 *                  dispatched                    close
 *     ABSENT ─open─► QUEUED ─────► OPEN ───────────────► HALF
 *        ▲             │            │ cancel, error,      │
 *        │             │            │ violation, deadline │
 *        │             │            ▼                     ▼
 *        │             │          ENDING(cause) ◄─────────┘
 *        │             │            │ terminal on its way
 *        │  terminal   │            ▼
 *        ├─────────────┘          LINGER      (also from OPEN and HALF, when the handler is done)
 *        └──────────────────────────┘ handler settled or its thread exited
 *
 * ABSENT and LINGER are the same to the host: the id is free. In LINGER the stream still counts against the limits,
 * since its handler has not really ended. Pure: who sends, waits and kills follows from the returned effect.
 */
export type StreamState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'queued'; readonly halfClosed: boolean }
  | { readonly kind: 'open' }
  | { readonly kind: 'half' }
  | { readonly kind: 'ending'; readonly cause: ErrorCode }
  | { readonly kind: 'linger' };

/** A frame of the host's, classified after all checks. */
export type HostEvent =
  | 'open'
  | 'data'
  /** Data at a balance of 0 or below, or longer than the largest payload. */
  | 'dataBeyondCredit'
  | 'credit'
  /** A grant that would take the balance past 2^31-1. */
  | 'creditBeyondBound'
  | 'close'
  | 'cancel'
  | 'error'
  /** Undecodable, an unknown arm, or the id differs from the envelope's. */
  | 'malformed';

export type ModuleEvent =
  | 'dispatched'
  /** The worker's own close or error frame is committed: the handler returned or threw. */
  | 'terminalCommitted'
  /** The handler has really ended, its thread goes on. */
  | 'settled'
  | 'workerExited'
  | 'graceOver'
  /** The worker can't write any more, and its thread may live on for a while. */
  | 'revoked'
  | 'deadline'
  /** The host has sent more input than the method takes. */
  | 'inputBeyondLimit'
  /** The connection ends: shutdown's drain time is over, or stdin has ended. */
  | 'connectionEnds';

/** The action that a transition asks its caller to take. */
export type Effect =
  | { readonly do: 'nothing' }
  /** A frame for an id that is not live: normal, since it crossed the terminal frame; counted. */
  | { readonly do: 'countLate' }
  /** Run the checks of an Open; they lead to a queued stream or to exactly one error. */
  | { readonly do: 'admit' }
  | { readonly do: 'deliverData' }
  | { readonly do: 'deliverEnd' }
  | { readonly do: 'addCredit' }
  /** The id is not live: one error for it all the same. */
  | { readonly do: 'answerStray'; readonly cause: ErrorCode }
  /** Tell the handler and start the grace time. */
  | { readonly do: 'stop'; readonly cause: ErrorCode }
  /** Send the terminal frame now; a queued stream also leaves its queue. */
  | { readonly do: 'terminate'; readonly cause: ErrorCode }
  /** Take the worker's right to write; `revoked` follows. */
  | { readonly do: 'endWorker' };

export interface Step {
  readonly next: StreamState;
  readonly effect: Effect;
}

export const ABSENT: StreamState = { kind: 'absent' };
export const QUEUED: StreamState = { kind: 'queued', halfClosed: false };
export const OPEN: StreamState = { kind: 'open' };
const QUEUED_HALF: StreamState = { kind: 'queued', halfClosed: true };
const HALF: StreamState = { kind: 'half' };
const LINGER: StreamState = { kind: 'linger' };

const nothing: Effect = { do: 'nothing' };
const countLate: Effect = { do: 'countLate' };
const deliverData: Effect = { do: 'deliverData' };

/** The steps that every Data frame takes are made once: no allocation a frame. */
const dataStep: ReadonlyMap<StreamState, Step> = new Map(
  [QUEUED, OPEN].map((state) => [state, { next: state, effect: deliverData }]),
);
const absentStep: Step = { next: ABSENT, effect: countLate };
const lingerStep: Step = { next: LINGER, effect: countLate };

/** The one function that owns every change of a stream's state on a host's frame. */
export function onHostEvent(state: StreamState, event: HostEvent): Step {
  switch (state.kind) {
    case 'absent':
    case 'linger':
      if (event === 'open') return { next: state, effect: { do: 'admit' } };
      if (event === 'malformed') {
        return { next: state, effect: { do: 'answerStray', cause: 'protocolViolation' } };
      }
      return state.kind === 'absent' ? absentStep : lingerStep;
    case 'queued':
      return onHostEventWhileQueued(state, event);
    case 'open':
    case 'half':
      return onHostEventWhileRunning(state, event);
    case 'ending':
      return { next: state, effect: nothing };
  }
}

function onHostEventWhileQueued(state: StreamState & { kind: 'queued' }, event: HostEvent): Step {
  switch (event) {
    case 'data':
      if (state.halfClosed) return terminated('protocolViolation');
      return dataStep.get(state) ?? { next: state, effect: deliverData };
    case 'close':
      if (state.halfClosed) return terminated('protocolViolation');
      return { next: QUEUED_HALF, effect: { do: 'deliverEnd' } };
    case 'credit':
      return { next: state, effect: { do: 'addCredit' } };
    case 'dataBeyondCredit':
      return terminated(state.halfClosed ? 'protocolViolation' : 'flowControlViolation');
    case 'creditBeyondBound':
      return terminated('flowControlViolation');
    case 'cancel':
    case 'error':
      return terminated('cancelled');
    case 'open':
    case 'malformed':
      return terminated('protocolViolation');
  }
}

function onHostEventWhileRunning(state: StreamState & { kind: 'open' | 'half' }, event: HostEvent): Step {
  switch (event) {
    case 'data':
      if (state.kind === 'half') return stopped('protocolViolation');
      return dataStep.get(state) ?? { next: state, effect: deliverData };
    case 'close':
      if (state.kind === 'half') return stopped('protocolViolation');
      return { next: HALF, effect: { do: 'deliverEnd' } };
    case 'credit':
      return { next: state, effect: { do: 'addCredit' } };
    case 'dataBeyondCredit':
      return stopped(state.kind === 'half' ? 'protocolViolation' : 'flowControlViolation');
    case 'creditBeyondBound':
      return stopped('flowControlViolation');
    case 'cancel':
    case 'error':
      return stopped('cancelled');
    case 'open':
    case 'malformed':
      return stopped('protocolViolation');
  }
}

/** The one function that owns every change of a stream's state on something that happened in the module. */
export function onModuleEvent(state: StreamState, event: ModuleEvent): Step {
  switch (event) {
    case 'dispatched':
      return state.kind === 'queued'
        ? { next: state.halfClosed ? HALF : OPEN, effect: nothing }
        : unchanged(state);
    case 'terminalCommitted':
      return isRunning(state) ? { next: LINGER, effect: nothing } : unchanged(state);
    case 'settled':
      // A handler that settled without a terminal frame: the worker's code is wrong, the host must not wait.
      return ended(state, 'internal');
    case 'workerExited':
      return ended(state, 'workerCrashed');
    case 'graceOver':
      return state.kind === 'ending' ? { next: state, effect: { do: 'endWorker' } } : unchanged(state);
    case 'revoked':
      return revoked(state);
    case 'deadline':
      return interrupted(state, 'deadlineExceeded');
    case 'inputBeyondLimit':
      return interrupted(state, 'resourceExhausted');
    case 'connectionEnds':
      return interrupted(state, 'cancelled');
  }
}

/** The handler is gone; what is missing is at most the terminal frame. */
function ended(state: StreamState, causeIfNone: ErrorCode): Step {
  switch (state.kind) {
    case 'absent':
    case 'queued':
      return unchanged(state);
    case 'open':
    case 'half':
      return terminated(causeIfNone);
    case 'ending':
      return terminated(state.cause);
    case 'linger':
      return { next: ABSENT, effect: nothing };
  }
}

/** Nothing can follow on the wire but main's own terminal frame; the thread still holds the stream's place. */
function revoked(state: StreamState): Step {
  switch (state.kind) {
    case 'open':
    case 'half':
      return { next: LINGER, effect: { do: 'terminate', cause: 'workerCrashed' } };
    case 'ending':
      return { next: LINGER, effect: { do: 'terminate', cause: state.cause } };
    case 'absent':
    case 'queued':
    case 'linger':
      return unchanged(state);
  }
}

function interrupted(state: StreamState, cause: ErrorCode): Step {
  switch (state.kind) {
    case 'queued':
      return terminated(cause);
    case 'open':
    case 'half':
      return stopped(cause);
    case 'absent':
    case 'ending':
    case 'linger':
      return unchanged(state);
  }
}

function isRunning(state: StreamState): boolean {
  return state.kind === 'open' || state.kind === 'half' || state.kind === 'ending';
}

function unchanged(state: StreamState): Step {
  return { next: state, effect: nothing };
}

/** Whether the host may use the id again. */
export function isLive(state: StreamState): boolean {
  return state.kind !== 'absent' && state.kind !== 'linger';
}

function stopped(cause: ErrorCode): Step {
  return { next: { kind: 'ending', cause }, effect: { do: 'stop', cause } };
}

function terminated(cause: ErrorCode): Step {
  return { next: ABSENT, effect: { do: 'terminate', cause } };
}
