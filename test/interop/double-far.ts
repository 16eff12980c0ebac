/**
 * The same message, with the root pointer and all pointers of the root struct turned into double-far ones. They are legal, but
 * C++ makes them in rare cases only, so the tool can't be told to.
 *
 * @param message of one segment
 */
export function toDoubleFar(message: Uint8Array): Uint8Array {
  const source = new DataView(message.buffer, message.byteOffset, message.byteLength);
  // Segment 0: the root pointer. 1: the landing pads, a far pointer and a tag each. 2: the old segment from its second word on.
  const content = new DataView(new Uint8Array(message.subarray(16)).buffer);
  const pads: number[] = [];

  /** A double-far pointer to a pad that leads to the word `target` of the content and says what the near pointer said. */
  const farFor = (target: number, nearLow: number, nearHigh: number): [low: number, high: number] => {
    const pad = pads.length / 2;
    pads.push((target << 3) | 2, 2, nearLow & 3, nearHigh);
    return [(pad << 3) | 6, 1];
  };

  const rootLow = source.getUint32(8, true);
  const rootHigh = source.getUint32(12, true);
  const root = farFor(rootLow >> 2, rootLow, rootHigh);
  const firstPointer = (rootLow >> 2) + (rootHigh & 0xffff);
  for (let word = firstPointer; word < firstPointer + (rootHigh >>> 16); word += 1) {
    const low = content.getUint32(word * 8, true);
    const high = content.getUint32(word * 8 + 4, true);
    if (low === 0 && high === 0) continue;
    const far = farFor(word + 1 + (low >> 2), low, high);
    content.setUint32(word * 8, far[0], true);
    content.setUint32(word * 8 + 4, far[1], true);
  }
  const table = Uint32Array.of(2, 1, pads.length / 2, content.byteLength / 8);
  return Buffer.concat([table, Uint32Array.from(root), Uint32Array.from(pads), content].map(bytesOf));
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
