// What Piscina loads in each worker thread; everything is in src/worker.
import { startWorker } from '../src/worker/worker.ts';

export default startWorker();
