import type { ConformCase } from '../case.ts';
import { BYTE_CASES } from './bytes.ts';
import { CANCEL_CASES } from './cancels.ts';
import { CREDIT_CASES } from './credit.ts';
import { ENDING_CASES } from './endings.ts';
import { FURTHER_CASES } from './further-methods.ts';
import { KEY_VALUE_CASES } from './key-values.ts';
import { REQUEST_CASES } from './requests.ts';
import { SERVICE_CASES } from './services.ts';
import { STREAM_CASES } from './streams.ts';

/** All that the contract asks of a module and that can be seen from outside, in the order in which it is asked. */
export const CONFORM_CASES: readonly ConformCase[] = [
  ...STREAM_CASES,
  ...REQUEST_CASES,
  ...CREDIT_CASES,
  ...CANCEL_CASES,
  ...SERVICE_CASES,
  ...KEY_VALUE_CASES,
  ...BYTE_CASES,
  ...FURTHER_CASES,
  ...ENDING_CASES,
];
