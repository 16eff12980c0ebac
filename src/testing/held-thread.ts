import { Worker } from 'node:worker_threads';
import { escapeControls } from '../base/stderr.ts';

/** How long a handler may hold the test's own thread before a line says so, in ms. */
const HELD_MS = 5000;

/**
 * Runs on a thread of its own, because the test's thread does nothing else while a handler holds it. A string needs no file, which a
 * test that was bundled would lack.
 */
const ALARM = `
const { writeSync } = require('node:fs');
const { parentPort } = require('node:worker_threads');
let timer;
parentPort.on('message', (line) => {
  clearTimeout(timer);
  if (line === '') return;
  timer = setTimeout(() => {
    try {
      writeSync(2, line);
    } catch {}
  }, ${HELD_MS});
});
`;

/** `undefined`: none has been needed so far. `null`: this process may not start a thread. */
let alarm: Worker | undefined | null;
let isHeld = false;

/**
 * Is to be called as a synchronous handler begins on the test's own thread. If {@link threadReleased} doesn't follow within five
 * seconds, a line on standard error says why the test stands still and what to do. The first call starts a thread, which never
 * holds the process.
 */
export function threadHeld(method: string): void {
  // Where it can't be started it isn't tried again.
  if (alarm === undefined) alarm = startAlarm();
  isHeld = true;
  alarm?.postMessage(
    `ixt-sdk/testing: the synchronous handler of '${escapeControls(method)}' has run for ${HELD_MS / 1000} s on the test’s own ` +
      'thread. Until it returns the test stands still, and neither a cancel nor a deadline can reach it. Give testModule ' +
      'the `file` of the module: its handlers then run on threads of their own, which can be ended.\n',
  );
}

/** Is to be called as the handler has returned; does nothing where there was none. */
export function threadReleased(): void {
  if (!isHeld) return;
  isHeld = false;
  alarm?.postMessage('');
}

function startAlarm(): Worker | null {
  try {
    // What the test's own threads preload, the alarm doesn't need; its loading might even wait for the thread that is held.
    const worker = new Worker(ALARM, { eval: true, execArgv: [], env: {} });
    worker.unref();
    worker.on('error', () => (alarm = null));
    return worker;
  } catch {
    return null;
  }
}
