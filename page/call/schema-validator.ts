import { Validator, type Schema } from '@cfworker/json-schema';
import {
  toErrorSchema,
  type RJSFSchema,
  type RJSFValidationError,
  type ValidationData,
  type ValidatorType,
} from '@rjsf/utils';

/**
 * Checks a form's value by a validator that interprets the schema. The usual one compiles it to code, which the page's policy
 * forbids, since a schema is as foreign as a payload.
 */
export const schemaValidator: ValidatorType<unknown> = {
  validateFormData(value, schema): ValidationData<unknown> {
    const errors = errorsOf(value, schema);
    return { errors, errorSchema: toErrorSchema<unknown>(errors) };
  },
  isValid(schema, value, root) {
    const definitions = { definitions: root.definitions, $defs: root.$defs };
    return errorsOf(value, { ...definitions, ...schema }).length === 0;
  },
  rawValidation<Result>(schema: RJSFSchema, value: unknown) {
    return { errors: errorsOf(value, schema) as Result[] };
  },
};

function errorsOf(value: unknown, schema: RJSFSchema): RJSFValidationError[] {
  try {
    const { errors } = new Validator(schema as Schema, '2020-12', false).validate(value);
    return errors
      .filter(({ keyword }) => !['properties', 'items', '$ref', 'allOf'].includes(keyword))
      .map(({ error, instanceLocation, keyword }) => ({
        name: keyword,
        message: error,
        property: instanceLocation.replace(/^#/, '').replaceAll('/', '.'),
        stack: error,
      }));
  } catch {
    // A schema that can't be understood forbids nothing: the module judges the value.
    return [];
  }
}
