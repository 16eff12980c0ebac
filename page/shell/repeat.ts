import type { CallView } from '../../src/live/page.ts';
import { server } from '../base/server.ts';

/** Makes a call once more, with the input that it began with. @returns the id of the new one */
export async function repeat(call: CallView): Promise<number> {
  const { id } = await server.again(call.id);
  return id;
}
