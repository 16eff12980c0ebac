/** The most bytes and segments that a message may have. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const MAX_SEGMENTS = 511;

/** Cuts bytes into framed messages, each an array of its own. @throws Error for a message over the limits, or cut off */
export async function* messagesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = Buffer.concat([held, chunk]);
    for (let total = messageBytes(held); total <= held.length; total = messageBytes(held)) {
      yield Uint8Array.from(held.subarray(0, total));
      held = held.subarray(total);
    }
  }
  if (held.length > 0) throw new Error('the module has ended inside a message');
}

/** The size of the message at the start of `bytes`; without bound while its segment table is not there. */
function messageBytes(bytes: Buffer): number {
  if (bytes.length < 8) return Infinity;
  const segments = bytes.readUInt32LE(0) + 1;
  if (segments > MAX_SEGMENTS) throw new Error(`a message of ${segments} segments`);
  let total = 8 * Math.ceil((segments + 1) / 2);
  if (bytes.length < total) return Infinity;
  for (let segment = 1; segment <= segments; segment++) total += 8 * bytes.readUInt32LE(4 * segment);
  if (total > MAX_MESSAGE_BYTES) throw new Error(`a message of ${total} bytes`);
  return total;
}
