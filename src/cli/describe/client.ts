import type { Initialized } from '../../host/index.ts';
import type { MethodInfo, PayloadInfo } from '../../wire/method-info.ts';

/** Codecs that the package exports under their own name. */
const CODECS: ReadonlySet<string> = new Set(['bytes', 'text', 'json', 'ndjson']);
/** Codecs whose values have a type that a JSON Schema says. */
const TYPED: ReadonlySet<string> = new Set(['json', 'ndjson']);

/**
 * The shapes of a module's methods as TypeScript, for a host that doesn't share code with the module.
 *
 * A codec that the package doesn't have becomes `bytes`, with a comment that says which it was.
 */
export function renderClient({ moduleName, moduleVersion, methodInfo }: Initialized): string {
  const used = new Set<string>();
  const shapes = methodInfo.map((method) => shapeOf(method, used));
  return [
    `// Made by \`ixt-module describe --client\` from ${oneLine(`${moduleName} ${moduleVersion}`)}.`,
    `import { ${[...used].sort().join(', ')} } from 'ixt-sdk';`,
    '',
    'export const shapes = {',
    ...shapes,
    '};',
    '',
  ].join('\n');
}

function shapeOf(method: MethodInfo, used: Set<string>): string {
  const define = method.kind === 'handle' ? 'defineRequest' : 'defineMethod';
  used.add(define);
  const { description, input, output, progress } = method;
  const lines = [
    description === '' ? '' : `description: ${JSON.stringify(description)},`,
    payload('input', input, method, used),
    payload('output', output, method, used),
    progress.codec === '' ? '' : `progress: ${codecOf(progress, used)},`,
  ];
  const body = lines.filter((line) => line !== '').map((line) => `    ${line}`);
  return [`  ${JSON.stringify(method.name)}: ${define}({`, ...body, '  }),'].join('\n');
}

function payload(name: string, info: PayloadInfo, { kind }: MethodInfo, used: Set<string>): string {
  const codec = codecOf(info, used);
  // In the shape of a request a codec by itself means one value.
  const wrap = info.single && kind === 'stream';
  if (wrap) used.add('one');
  return `${name}: ${wrap ? `one(${codec})` : codec},`;
}

function codecOf({ codec, jsonSchema, typeName }: PayloadInfo, used: Set<string>): string {
  if (!CODECS.has(codec)) {
    used.add('bytes');
    return `bytes() /* ${oneLine(`${codec} ${typeName}`.trim()).replaceAll('*/', '* /')} */`;
  }
  used.add(codec);
  return TYPED.has(codec) ? `${codec}<${typeOf(jsonSchema)}>()` : `${codec}()`;
}

function typeOf(jsonSchema: string): string {
  try {
    return jsonSchema === '' ? 'unknown' : tsType(JSON.parse(jsonSchema) as JsonSchema);
  } catch {
    return 'unknown';
  }
}

/** The parts of a JSON Schema that say a type. */
interface JsonSchema {
  readonly type?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
}

/** A JSON Schema as a type: `unknown` for what TypeScript can't say, or this doesn't know. */
function tsType(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) return parts.map(tsType).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'number':
    case 'integer':
      return 'number';
    case 'array':
      return schema.items === undefined ? 'unknown[]' : `Array<${tsType(schema.items)}>`;
    case 'object':
      return objectType(schema);
    default:
      return 'unknown';
  }
}

function objectType({ properties = {}, required = [], additionalProperties }: JsonSchema): string {
  const fields = Object.entries(properties).map(
    ([name, schema]) => `${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${tsType(schema)}`,
  );
  if (fields.length > 0) return `{ ${fields.join('; ')} }`;
  return typeof additionalProperties === 'object'
    ? `Record<string, ${tsType(additionalProperties)}>`
    : 'Record<string, unknown>';
}

/** Text for a comment. U+2028 and U+2029 end a line of TypeScript, and JSON leaves them as they are. */
function oneLine(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(/[\u2028\u2029]/g, ' ');
}
