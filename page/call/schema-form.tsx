import Form from '@rjsf/mantine';
import type { RJSFSchema } from '@rjsf/utils';
import { schemaValidator } from './schema-validator.ts';

interface SchemaFormProps {
  readonly schema: RJSFSchema;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

/** The fields of one value, made from its schema. The button that sends it is the call's. */
export default function SchemaForm({ schema, value, onChange }: SchemaFormProps) {
  return (
    <Form
      className="schema-form"
      tagName="div"
      schema={schema}
      validator={schemaValidator}
      formData={value}
      onChange={({ formData }: { formData?: unknown }) => onChange(formData)}
      uiSchema={{ 'ui:submitButtonOptions': { norender: true } }}
      liveValidate
      showErrorList={false}
    />
  );
}
