/** How bytes can be shown. */
export type OutputKind = 'text' | 'json' | 'hex' | 'image';

/** The beginnings of the images that browsers draw. SVG is none of them: it is a document. */
const IMAGES: readonly (readonly [type: string, at: number, hex: string])[] = [
  ['image/png', 0, '89504e470d0a1a0a'],
  ['image/jpeg', 0, 'ffd8ff'],
  ['image/gif', 0, '47494638'],
  ['image/webp', 8, '57454250'],
  ['image/bmp', 0, '424d'],
  ['image/avif', 4, '6674797061766966'],
];

/** The type of the image that the bytes are; undefined for what is none. */
export function imageType(bytes: Uint8Array): string | undefined {
  const found = IMAGES.find(([, at, hex]) => {
    const start = bytes.subarray(at, at + hex.length / 2);
    return [...start].map((byte) => byte.toString(16).padStart(2, '0')).join('') === hex;
  });
  // Two letters alone are a text as well.
  return found?.[0] === 'image/bmp' && isText(bytes) ? undefined : found?.[0];
}

const strict = new TextDecoder('utf-8', { fatal: true });

/** Whether the bytes are UTF-8 without control characters, looking at the first 4 KiB. */
export function isText(bytes: Uint8Array): boolean {
  try {
    // A character that the cut went through is no sign of binary content.
    const text = strict.decode(bytes.subarray(0, 4096), { stream: bytes.length > 4096 });
    // eslint-disable-next-line no-control-regex -- control characters are what binary content shows by
    return !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text);
  } catch {
    return false;
  } finally {
    strictReset();
  }
}

/** Ends what `stream` has begun in the decoder. */
function strictReset(): void {
  try {
    strict.decode();
  } catch {
    // Half a character was left, which is what this is for.
  }
}

/** Values of JSON: one in each frame, one in each line, or one in all. Undefined where it is no JSON. */
export function jsonValues(frames: readonly Uint8Array[], most: number): unknown[] | undefined {
  const decoder = new TextDecoder();
  const texts = frames.map((frame) => decoder.decode(frame));
  return (
    parsedAll([texts.join('')], most) ??
    parsedAll(texts, most) ??
    parsedAll(
      texts
        .join('')
        .split('\n')
        .filter((line) => line.trim() !== ''),
      most,
    )
  );
}

function parsedAll(texts: readonly string[], most: number): unknown[] | undefined {
  if (texts.length === 0) return undefined;
  try {
    return texts.slice(0, most).map((text) => JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** Lines of 16 bytes: their place, hex, and what is readable. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0'));
    const left = hex.slice(0, 8).join(' ');
    const right = hex.slice(8).join(' ');
    const text = [...row].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·'));
    lines.push(
      `${at.toString(16).padStart(6, '0')}  ${left.padEnd(23)}  ${right.padEnd(23)}  ${text.join('')}`,
    );
  }
  return lines.join('\n');
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
