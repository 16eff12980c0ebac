import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_CODES, type ErrorCode } from '../../../src/errors.ts';
import {
  ABSENT,
  isLive,
  onHostEvent,
  onModuleEvent,
  OPEN,
  QUEUED,
  type Effect,
  type HostEvent,
  type ModuleEvent,
  type StreamState,
} from '../../../src/main/streams/stream-state.ts';
import {
  cellOf,
  ORACLE_CELLS,
  ORACLE_HOST_EVENTS,
  ORACLE_MODULE_EVENTS,
  ORACLE_STATES,
  type Cell,
  type OracleState,
} from '../../support/stream-oracle.ts';

/** The states of the table as the code spells them; ENDING once for each cause. */
function statesOf(state: OracleState): StreamState[] {
  switch (state) {
    case 'ABSENT':
      return [{ kind: 'absent' }];
    case 'QUEUED':
      return [{ kind: 'queued', halfClosed: false }];
    case 'QUEUED_HALF':
      return [{ kind: 'queued', halfClosed: true }];
    case 'OPEN':
      return [{ kind: 'open' }];
    case 'HALF':
      return [{ kind: 'half' }];
    case 'ENDING':
      return ERROR_CODES.map((cause) => ({ kind: 'ending', cause }));
    case 'LINGER':
      return [{ kind: 'linger' }];
  }
}

function nextOf(cell: Cell, from: StreamState): StreamState {
  const to = cell.next;
  // A decided cause stays what it is.
  if (to === 'ENDING')
    return from.kind === 'ending' ? from : { kind: 'ending', cause: cell.code as ErrorCode };
  const [state] = statesOf(to);
  assert.ok(state);
  return state;
}

function effectOf(cell: Cell, from: StreamState): Effect {
  const cause = cell.code === 'cause' ? (from as StreamState & { kind: 'ending' }).cause : cell.code;
  switch (cell.action) {
    case 'count':
      return { do: 'countLate' };
    case 'ignore':
    case '-':
    case 'start':
    case 'latch':
    case 'free':
      return { do: 'nothing' };
    case 'admit':
      return { do: 'admit' };
    case 'hold':
    case 'deliver':
      return { do: 'deliverData' };
    case 'eof':
      return { do: 'deliverEnd' };
    case 'add':
      return { do: 'addCredit' };
    case 'kill':
      return { do: 'endWorker' };
    case 'stray':
      return { do: 'answerStray', cause: cause as ErrorCode };
    case 'stop':
      return { do: 'stop', cause: cause as ErrorCode };
    case 'end':
    case 'linger':
      return { do: 'terminate', cause: cause as ErrorCode };
  }
}

test('every host frame in every state does what the table says', () => {
  for (const state of ORACLE_STATES) {
    for (const from of statesOf(state)) {
      for (const event of ORACLE_HOST_EVENTS) {
        const cell = cellOf(state, event);
        const expected = { next: nextOf(cell, from), effect: effectOf(cell, from) };
        assert.deepEqual(onHostEvent(from, event satisfies HostEvent), expected, cell.name);
      }
    }
  }
});

test('every event of the module in every state does what the table says', () => {
  for (const state of ORACLE_STATES) {
    for (const from of statesOf(state)) {
      for (const event of ORACLE_MODULE_EVENTS) {
        const cell = cellOf(state, event);
        const expected = { next: nextOf(cell, from), effect: effectOf(cell, from) };
        assert.deepEqual(onModuleEvent(from, event satisfies ModuleEvent), expected, cell.name);
      }
    }
  }
});

test('the table has a cell for every state and event', () => {
  assert.equal(
    ORACLE_CELLS.length,
    ORACLE_STATES.length * (ORACLE_HOST_EVENTS.length + ORACLE_MODULE_EVENTS.length),
  );
});

test('only an absent and a lingering stream leave their id free', () => {
  for (const state of ORACLE_STATES) {
    for (const from of statesOf(state)) {
      assert.equal(isLive(from), state !== 'ABSENT' && state !== 'LINGER', state);
    }
  }
});

test('a Data frame costs no allocation in the states that take it', () => {
  const queued = onHostEvent(QUEUED, 'data').next;
  assert.equal(onHostEvent(QUEUED, 'data'), onHostEvent(queued, 'data'));
  assert.equal(onHostEvent(OPEN, 'data'), onHostEvent(OPEN, 'data'));
  assert.equal(onHostEvent(ABSENT, 'data'), onHostEvent(ABSENT, 'credit'));
  const half = onHostEvent(OPEN, 'close').next;
  assert.notEqual(onHostEvent(half, 'data').effect.do, 'deliverData');
});

test('a decided cause survives every later event until the stream has ended', () => {
  for (const cause of ERROR_CODES) {
    const ending: StreamState = { kind: 'ending', cause };
    for (const event of ORACLE_HOST_EVENTS) assert.equal(onHostEvent(ending, event).next, ending);
    for (const event of ['deadline', 'connectionEnds', 'graceOver', 'dispatched'] as const) {
      assert.equal(onModuleEvent(ending, event).next, ending, event);
    }
  }
});
