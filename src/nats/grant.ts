import { INITIAL_CREDIT, MAX_CREDIT } from '../wire/flow-limits.ts';
import { parseNodeId, type NodeId } from './subjects.ts';

/** A node's answer to an ask: a place that it keeps for a while. */
export interface Grant {
  readonly node: NodeId;
  /** The text that claims the place. */
  readonly place: string;
  /** The node's time of day, in ms since the epoch. */
  readonly now: number;
  /** The first window of the module's streams, in bytes. */
  readonly window: number;
}

/** A node without room, which was asked by name. */
export const FULL = JSON.stringify({ full: true });

export function encodeGrant(grant: Grant): string {
  return JSON.stringify({ ...grant, endpoints: ['nats'] });
}

/** The grant in an answer; `full`, or undefined for what is neither. */
export function parseGrant(data: Uint8Array): Grant | 'full' | undefined {
  const fields = parseObject(data);
  if (fields?.['full'] === true) return 'full';
  const node = parseNodeId(fields?.['node']);
  const { place, now, window } = fields ?? {};
  if (node === undefined || typeof place !== 'string' || !/^[0-9a-f]{32}$/.test(place)) return undefined;
  return {
    node,
    place,
    now: typeof now === 'number' ? now : NaN,
    window:
      typeof window === 'number' && window >= INITIAL_CREDIT && window <= MAX_CREDIT
        ? window
        : INITIAL_CREDIT,
  };
}

/** The fields of a JSON object; undefined for anything else. */
export function parseObject(data: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
