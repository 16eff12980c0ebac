import type { RJSFSchema } from '@rjsf/utils';
import type { PayloadView } from '../../src/live/page.ts';

/** A schema that is longer is not made into a form, in UTF-16 units: a page with ten thousand fields helps nobody. */
const MAX_SCHEMA = 64 << 10;

/** The schema that a form is made of; undefined where the payload has none, or one that can't be used. */
export function formSchema(payload: PayloadView | undefined): RJSFSchema | undefined {
  if (payload === undefined || payload.jsonSchema === '' || payload.jsonSchema.length > MAX_SCHEMA) {
    return undefined;
  }
  try {
    const schema = JSON.parse(payload.jsonSchema) as unknown;
    return typeof schema === 'object' && schema !== null ? schema : undefined;
  } catch {
    return undefined;
  }
}
