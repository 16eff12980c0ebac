import type { StandardSchema } from './standard-schema.ts';

/** The side of a schema: the values that it is given, or those that it gives back after its checks and changes. */
export type SchemaSide = 'input' | 'output';

/**
 * The JSON Schema (draft 2020-12) of one side of a schema, as text.
 *
 * @returns `undefined` if the validator has no Standard JSON Schema, or can't express this schema
 */
export function jsonSchemaOf(schema: StandardSchema | undefined, side: SchemaSide): string | undefined {
  const converter = schema?.['~standard'].jsonSchema;
  if (converter === undefined) return undefined;
  try {
    return JSON.stringify(converter[side]({ target: 'draft-2020-12' }));
  } catch {
    // The standard says that a validator throws for a schema that JSON Schema can't express, such as one with a transform.
    return undefined;
  }
}
