import { test } from 'node:test';
import { startNode, startServer } from '../nats/world.ts';
import { awaitState, awaitText, call, serve, show } from './helpers.ts';

test('the nodes of a module on NATS appear, take calls, and one that is killed disappears', async (t) => {
  const server = await startServer(t);
  const served = await serve(t, ['dev', 'conformance', '--nats', server.url]);
  const { page } = await show(served);
  const state = page.getByRole('banner').getByRole('status');
  await awaitText(state, 'not reachable');
  await awaitText(page.getByRole('alert'), 'No node of conformance answers on NATS.');

  const doomed = await startNode(t, server);
  const spare = await startNode(t, server);
  const nodes = page.getByRole('region', { name: 'Nodes' });
  const rowOf = (id: string) => nodes.getByRole('row', { name: new RegExp(`^${id} .* 0 of 8`) });
  await rowOf(doomed.id).waitFor();
  await rowOf(spare.id).waitFor();
  await awaitText(state, 'serving');
  await call(page, 'echo');
  await awaitState(page, 'done');

  doomed.child.kill('SIGKILL');
  await rowOf(doomed.id).waitFor({ state: 'detached' });
  await rowOf(spare.id).waitFor();
});
