import { grantFits } from '../../wire/credit.ts';
import type { HostEvent } from './stream-state.ts';
import { FRAME_ARM, type Frame } from '../../wire/frame.ts';
import type { StreamEntry } from './stream-entry.ts';

/** Classifies a frame for the state machine. It checks the balances, so call it before any state changes. */
export function classify(frame: Frame, entry: StreamEntry): HostEvent {
  switch (frame.arm) {
    case FRAME_ARM.data:
      // Only a stream that may receive counts what it receives.
      if (entry.state.kind !== 'open' && entry.state.kind !== 'queued') return 'data';
      return entry.window.accept(frame.dataEnd - frame.dataStart, entry.granted)
        ? 'data'
        : 'dataBeyondCredit';
    case FRAME_ARM.credit:
      return grantFits(entry.credit, frame.credit) ? 'credit' : 'creditBeyondBound';
    case FRAME_ARM.close:
      return 'close';
    case FRAME_ARM.cancel:
      return 'cancel';
    case FRAME_ARM.error:
      return 'error';
    default:
      return 'open';
  }
}

/** Why a stream ends on such an event, for a person. @throws MalformedError for a reason that can’t be read */
export function reasonFor(event: HostEvent, frame: Frame): string {
  switch (event) {
    case 'open':
      return 'the host opened a stream with an id that is live';
    case 'data':
    case 'close':
      return `the host sent ${event} after it had closed its side`;
    case 'dataBeyondCredit':
      return `the host sent ${frame.dataEnd - frame.dataStart} bytes of data beyond its credit or the largest payload`;
    case 'credit':
    case 'creditBeyondBound':
      return `the host granted ${frame.credit} bytes, past the bound of 2^31-1`;
    case 'cancel':
      return cancelText(frame.cancelReason());
    case 'error':
      return cancelText(frame.error().message);
    case 'malformed':
      return 'malformed';
  }
}

function cancelText(reason: string): string {
  return reason === '' ? 'cancelled by the host' : `cancelled by the host: ${reason}`;
}
