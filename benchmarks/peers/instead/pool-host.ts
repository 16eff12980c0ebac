/** A host that runs Piscina in its own process: says when its pool has answered a call, and runs a handler that kills it. */
import { Pool } from './pool.ts';

const pool = new Pool();
process.on('message', () => void pool.crash('kill'));
process.on('disconnect', () => process.exit());
await pool.work(0);
process.send?.('answered');
