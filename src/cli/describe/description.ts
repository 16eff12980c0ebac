import type { Initialized } from '../../host/index.ts';
import { escapeControls } from '../../base/stderr.ts';
import { bytes, wrapped } from '../terminal/format.ts';

/** A description of the module's name, capabilities and methods, for a person. */
export function renderDescription(info: Initialized): string {
  const { moduleName, moduleVersion, capabilities, methods, protocolVersion, initialCredit } = info;
  const has = (capability: string): boolean => capabilities.includes(capability);
  const streams = !has('serverStream')
    ? 'none'
    : methods.length === 0
      ? 'one handler for every method'
      : methods.map(escapeControls).join(', ');
  return [
    `${escapeControls(moduleName)} ${escapeControls(moduleVersion)}`,
    ...wrapped(`  streams            ${streams}`, 21),
    `  unary requests     ${has('handle') ? 'yes' : 'no'}`,
    `  key-value changes  ${has('kvChange') ? 'yes' : 'no'}`,
    `  protocol           ${protocolVersion}, first window ${bytes(initialCredit)}`,
  ].join('\n');
}
