import { ModuleError } from '../errors.ts';
import { decoded, OnlyValue } from './checked.ts';
import { tooLargeFor, type AnyCodec } from './codec.ts';

/** The payload of a value that the caller gave. @throws ModuleError `invalidArgument` for a value that can't be sent */
export function encodeInput(codec: AnyCodec, value: unknown): Uint8Array {
  let payload: Uint8Array;
  try {
    payload = codec.encode(value);
  } catch (cause) {
    throw new ModuleError('invalidArgument', `The value can't be sent: ${(cause as Error).message}.`, {
      cause,
    });
  }
  const problem = tooLargeFor(codec, payload);
  if (problem !== undefined) throw new ModuleError('invalidArgument', `The value can't be sent: ${problem}.`);
  return payload;
}

/** The only value of the body of an answer. @throws ModuleError `handlerFailed` for one that can't be read */
export function onlyAnswer(body: Uint8Array, codec: AnyCodec): unknown {
  const only = new OnlyValue(codec, 'handlerFailed', 'the answer');
  const decoder = codec.decoder();
  for (const value of decoded('handlerFailed', 'the answer', () => [...decoder.push(body), ...decoder.end()]))
    only.add(value);
  return only.take();
}
