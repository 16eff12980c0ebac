import type { Initialized } from '../../host/index.ts';
import type { MethodView, ModuleView, PayloadView } from '../../live/page.ts';

const UNDESCRIBED: Omit<MethodView, 'name'> = {
  kind: 'stream',
  mode: '',
  description: '',
  input: undefined,
  output: undefined,
  timeoutMs: 0,
  concurrency: 0,
};

/** What a module says of itself, as the page shows it. */
export type Described = Pick<
  ModuleView,
  'name' | 'version' | 'workers' | 'methods' | 'anyStream' | 'anyHandle'
>;

export function describedBy(info: Initialized): Described {
  const { moduleName: name, moduleVersion: version, workers, capabilities } = info;
  const methods = methodsOf(info);
  const isNamed = methods.some(({ kind }) => kind === 'stream');
  const anyStream = capabilities.includes('serverStream') && !isNamed;
  return { name, version, workers, methods, anyStream, anyHandle: capabilities.includes('handle') };
}

/**
 * The methods of a module as the page lists them: the streams that it names, then the unary methods that it describes. Those of
 * which it says nothing get free text and bytes.
 */
function methodsOf({ methods, methodInfo }: Initialized): MethodView[] {
  const described = methodInfo.map(
    ({ name, kind, mode, description, input, output, timeoutMs, concurrency }) => ({
      name,
      kind,
      mode,
      description,
      input: payloadOf(input),
      output: payloadOf(output),
      timeoutMs,
      concurrency,
    }),
  );
  const streams = methods.map(
    (name) =>
      described.find((each) => each.kind === 'stream' && each.name === name) ?? { ...UNDESCRIBED, name },
  );
  return [...streams, ...described.filter(({ kind }) => kind === 'handle')];
}

function payloadOf({ codec, jsonSchema, single, typeName }: PayloadView): PayloadView | undefined {
  return codec === '' ? undefined : { codec, jsonSchema, single, typeName };
}
