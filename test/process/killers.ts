import { encodeEnvelope } from '../../src/wire/envelope.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import {
  bytesPointer,
  byteWords,
  farPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  textWords,
  type Word,
} from '../support/wire-words.ts';

/** Messages that end a reader which takes their word: by memory that nothing can catch, or by time. */
export interface Killer {
  readonly name: string;
  /** What refuses it: the connection ends with 76, or the one stream with an error. */
  readonly ends: 'connection' | 'stream';
  readonly bytes: (id: StreamId) => Uint8Array;
}

const FRAME_TYPE: Word = [9, 0];

function envelope(name: string, ...segments: Word[][]): Killer {
  return { name, ends: 'connection', bytes: () => message(...segments) };
}

/** A frame of arm `open` whose context has this metadata pointer, and words behind. */
function metadata(name: string, pointer: Word, ...behind: Word[]): Killer {
  const bytes = (id: StreamId): Uint8Array => {
    const word = (at: number): number => Number.parseInt(id.slice(at, at + 8), 16);
    const frame: Word[] = [structPointer(0, 3, 1), [word(8), word(0)], [word(24), word(16)], NULL];
    const open: Word[] = [structPointer(0, 1, 1), NULL, structPointer(0, 1, 7), NULL];
    const context: Word[] = [NULL, NULL, NULL, NULL, NULL, NULL, pointer, ...behind];
    return encodeEnvelope('streamFrame', id, message([...frame, ...open, ...context]));
  };
  return { name, ends: 'stream', bytes };
}

/** `count` pointers to one text of `length` bytes. */
function aliased(count: number, length: number): Word[] {
  const text = textWords('x'.repeat(length - 1));
  return [...Array.from({ length: count }, (_, i) => bytesPointer(count - 1 - i, length)), ...text];
}

export const KILLERS: readonly Killer[] = [
  {
    name: 'eight bytes that declare 2^32 segments',
    ends: 'connection',
    bytes: () => new Uint8Array([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
  },
  {
    name: 'eight bytes that declare a segment of 32 GiB',
    ends: 'connection',
    bytes: () => new Uint8Array([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
  },
  envelope('48 bytes whose payload is a far pointer to a far pointer', [
    structPointer(0, 1, 2),
    FRAME_TYPE,
    NULL,
    farPointer(0, 4),
    farPointer(0, 4),
  ]),
  envelope('a payload that says 512 MiB', [
    structPointer(0, 1, 2),
    FRAME_TYPE,
    NULL,
    [1, 0xffff_fffa],
    ...byteWords([0]),
  ]),
  metadata('a list of structs with a lying count', listPointer(0, 7, 2), tag(0x1fff_ffff, 0, 2), NULL, NULL),
  metadata('8 million entries without a byte', listPointer(0, 7, 0), tag(8_000_000, 0, 0)),
  metadata('2^29 elements of nothing', listPointer(0, 0, 0x1fff_ffff)),
  metadata('0.84 MB that stand for 10 GB of keys', listPointer(0, 6, 100_000), ...aliased(100_000, 40_000)),
];
