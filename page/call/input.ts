import { MAX_INPUT_BYTES } from '../../src/live/page.ts';

/** How an input is given. */
export type InputKind = 'form' | 'text' | 'hex' | 'file';

/** An input as it is being written. */
export interface Input {
  readonly kind: InputKind;
  /** Of a form: the value that its fields make. */
  readonly value: unknown;
  readonly text: string;
  readonly hex: string;
  readonly file: { readonly name: string; readonly bytes: Uint8Array } | undefined;
  /** Of a text: each line is a frame. */
  readonly lines: boolean;
}

export const EMPTY_INPUT: Input = {
  kind: 'text',
  value: undefined,
  text: '',
  hex: '',
  file: undefined,
  lines: false,
};

/** @throws Error with what is wrong, for a person */
export function bytesOf(input: Input): Uint8Array {
  const bytes = rawBytes(input);
  if (bytes.length > MAX_INPUT_BYTES) throw new Error(`An input has at most ${MAX_INPUT_BYTES >> 20} MiB.`);
  return bytes;
}

function rawBytes({ kind, value, text, hex, file }: Input): Uint8Array {
  switch (kind) {
    case 'form':
      return value === undefined ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(value));
    case 'text':
      return new TextEncoder().encode(text);
    case 'hex':
      return bytesOfHex(hex);
    case 'file':
      return file?.bytes ?? new Uint8Array(0);
  }
}

/** @param hex digits in pairs; spaces, line ends and `0x` are left out @throws Error */
export function bytesOfHex(hex: string): Uint8Array {
  const digits = hex.replace(/0x|[\s,:]/gi, '');
  if (!/^[\da-f]*$/i.test(digits)) throw new Error('Hex has the digits 0 to 9 and a to f.');
  if (digits.length % 2 === 1) throw new Error('Each byte has two hex digits; one is missing.');
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}
