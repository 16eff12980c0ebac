import { decoded, OnlyValue } from '../../methods/checked.ts';
import type { AnyCodec } from '../../methods/codec.ts';
import type { HostStream } from '../streams/host-stream.ts';

/** The values that a stream's payloads hold, one by one. Leaving the loop cancels the stream. */
export async function* outputValues(
  stream: AsyncIterable<Uint8Array>,
  codec: AnyCodec,
): AsyncGenerator<unknown, undefined, undefined> {
  const decoder = codec.decoder();
  let count = 0;
  for await (const payload of stream) {
    const values = step(valueName(count), () => decoder.push(payload)[Symbol.iterator]());
    for (
      let next = step(valueName(count), () => values.next());
      next.done !== true;
      next = step(valueName(count), () => values.next())
    )
      yield (count++, next.value);
  }
  for (const value of step(valueName(count), () => [...decoder.end()])) yield value;
  return undefined;
}

/** The only value of a stream's output. Whatever is wrong with it cancels the stream. */
export async function onlyOutput(stream: HostStream, codec: AnyCodec): Promise<unknown> {
  const only = new OnlyValue(codec, 'handlerFailed', 'the output');
  const decoder = codec.decoder();
  try {
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
      const { value: payload } = next;
      for (const value of step('the output', () => [...decoder.push(payload)])) only.add(value);
    }
    for (const value of step('the output', () => [...decoder.end()])) only.add(value);
    return only.take();
  } catch (error) {
    // It does nothing to a stream that has ended by itself.
    void stream.return();
    throw error;
  }
}

function valueName(index: number): string {
  return `value ${index} of the output`;
}

function step<T>(name: string, decode: () => T): T {
  return decoded('handlerFailed', name, decode);
}
