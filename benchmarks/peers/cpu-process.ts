/** A plain process that computes what it is sent. */
import { compute, type CpuPart } from './cpu-work.ts';

process.on('message', (parts: CpuPart[]) => process.send?.(parts.map(compute)));
process.on('disconnect', () => process.exit());
process.send?.('ready');
