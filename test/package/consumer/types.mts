// What an author and a host see of the types, from ES modules.
import { defineMethod, defineModule, json, ModuleError, type ErrorCode } from 'ixt-sdk';
import { spawnModule, withMethods, type HostStream } from 'ixt-sdk/host';
import { testModule } from 'ixt-sdk/testing';
// Nothing is used of them here: their declarations are checked.
import type {} from 'ixt-sdk/diagnostics';
import type {} from 'ixt-sdk/wire';

const module = defineModule({
  name: 'm',
  version: '1.0.0',
  onServerStream: {
    double: defineMethod({ input: json<number>(), output: json<number>() }).handler(function* (numbers) {
      for (const number of numbers) yield number * 2;
    }),
    *echo(stream) {
      for (const chunk of stream) yield chunk;
    },
  },
});

export async function use(): Promise<number[]> {
  const t = await testModule(module);
  const stream = t.open('double');
  await stream.send(1);
  const code: ErrorCode = new ModuleError('internal', '').code;
  const child = spawnModule({ file: './m.js' });
  const raw: HostStream = child.openStream('echo');
  raw.cancel(code);
  const double = defineMethod({ input: json<number>(), output: json<number>() });
  const client = withMethods(child, { double });
  await client.double.open().send(2);
  for await (const number of client.double([1, 2])) number satisfies number;
  return await stream.collect();
}
