import type { ServerStream } from './server-stream.ts';

/** The input as a Web Stream. Each pull takes one chunk, so that credit is granted only for chunks that the consumer takes. */
export function readableOf(stream: ServerStream): ReadableStream<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
    },
    // No chunk is read ahead, because a chunk that is read counts as taken.
    { highWaterMark: 0 },
  );
}

/** The output as a Web Stream. A write settles when its frame is on its way. */
export function writableOf(stream: ServerStream): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (chunk) => stream.send(chunk),
  });
}
