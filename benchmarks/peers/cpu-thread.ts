/** A plain thread that computes what it is sent. */
import { parentPort } from 'node:worker_threads';
import { compute, type CpuPart } from './cpu-work.ts';

parentPort?.on('message', (parts: CpuPart[]) => parentPort?.postMessage(parts.map(compute)));
