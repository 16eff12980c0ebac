import type { ServerStream } from './server-stream.ts';

/** The input as a Web Stream: one chunk a pull, so that credit follows what the consumer takes. */
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
    // Nothing is read ahead: a chunk counts as taken when the consumer asked for it.
    { highWaterMark: 0 },
  );
}

/** The output as a Web Stream: a write settles when the frame is on its way. */
export function writableOf(stream: ServerStream): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (chunk) => stream.send(chunk),
  });
}
