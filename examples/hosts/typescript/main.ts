/** Uses a conformance module in every way that a host can: `main.ts COMMAND ARGUMENTS…` runs that command as the module. */
import { ErrorCode } from '../../../schema/generated/ipc.ts';
import { Module } from './module.ts';
import { ModuleError, type Stream } from './stream.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const module = new Module(process.argv.slice(2), (service, _method, body) => {
  if (service !== 'upper') throw new ModuleError(ErrorCode.METHOD_NOT_FOUND, `no service ${service}`);
  return encoder.encode(decoder.decode(body).toUpperCase());
});
console.log('initialized:', await module.initialize());
console.log('handled:', decoder.decode(await module.handle('echo', encoder.encode('a question'))));

// 4 MB from the module, a window at a time.
let expected = 0;
for await (const chunk of module.open('source', { metadata: { count: '4000', size: '1000' } })) {
  if (uint64Of(chunk) !== expected) throw new Error('the chunks are out of order');
  expected += 1;
}
console.log('received:', expected, 'chunks');

// 4 MB to the module: send waits for credit.
const sink = module.open('sink');
for (let count = 0; count < 40; count++) await sink.send(new Uint8Array(100_000));
sink.close();
console.log('sent:', uint64Of(await answerOf(sink)), 'bytes');

const cancelled = module.open('spin', { metadata: { ms: '60000' } });
cancelled.cancel('no longer needed');
console.log('cancelled:', await failureOf(cancelled));

const late = module.open('spin', { metadata: { ms: '60000' }, deadlineMs: 100 });
console.log('too late:', await failureOf(late));

const asking = module.open('service', { metadata: { service: 'upper', method: 'of' } });
await asking.send(encoder.encode('text'));
asking.close();
const refused = module.open('service', { metadata: { service: 'lower', method: 'of' } });
refused.close();
console.log(`asked: ${decoder.decode(await answerOf(asking))}; ${await failureOf(refused)}`);

const running = module.open('spin', { metadata: { ms: '300' } });
const exitCode = await module.shutdown(5_000);
console.log(`drained: ${(await answerOf(running)).length} bytes, exit code ${exitCode}`);

/** The answer of a stream that has one chunk. */
async function answerOf(stream: Stream): Promise<Uint8Array> {
  let answer = new Uint8Array(0);
  for await (const chunk of stream) answer = Uint8Array.from(chunk);
  return answer;
}

/** Waits for a stream that fails, and says how. */
async function failureOf(stream: Stream): Promise<string> {
  try {
    return `none, but ${(await answerOf(stream)).length} bytes`;
  } catch (error) {
    if (error instanceof ModuleError) return `code ${error.code}, ${error.message}`;
    throw error;
  }
}

function uint64Of(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
}
