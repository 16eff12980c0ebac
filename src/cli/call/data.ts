import type { Initialized } from '../../host/index.ts';
import type { MethodInfo } from '../../wire/method-info.ts';
import { EXIT } from '../../main/options.ts';
import { textOf } from '../../base/thrown.ts';
import { CliError } from '../terminal/failure.ts';
import { escapeControls } from '../../base/stderr.ts';

/** The method that is called. */
interface MethodSpec {
  readonly method: string;
  readonly isUnary: boolean;
}

/** The parts of a call that say how its `--data` is sent. */
interface DataSpec extends MethodSpec {
  readonly data: string | undefined;
}

type Described = Pick<Initialized, 'methodInfo'>;

/**
 * The chunks of `--data`, in the codec of the method: JSON is checked here, ndjson gets its line end, all else is sent as it is.
 *
 * @returns `undefined` where nothing was given
 * @throws CliError for what is no JSON where the method takes it, or a codec that has no text
 */
export function encodeData(
  { data, ...spec }: DataSpec,
  described: Described,
): readonly Uint8Array[] | undefined {
  if (data === undefined) return undefined;
  const { method } = spec;
  const codec = infoOf(spec, described)?.input.codec;
  switch (codec) {
    case 'json':
      return [Buffer.from(checked(data, method))];
    case 'ndjson':
      return [
        Buffer.from(
          `${data
            .trimEnd()
            .split('\n')
            .map((line) => checked(line, method))
            .join('\n')}\n`,
        ),
      ];
    case undefined:
    case 'bytes':
    case 'text':
      return [Buffer.from(data)];
    default:
      throw new CliError(
        EXIT.usage,
        `the method '${escapeControls(method)}' takes ${escapeControls(codec)}, which --data can't make`,
        'Give the encoded bytes in a file, by --in.',
      );
  }
}

/**
 * How an answer is written out. One value is written as it came, so that a file has its bytes and no more. Of several JSON values each
 * gets a line, because nothing else would tell where one ends. The other codecs are written as they came: ndjson ends its lines itself,
 * and a frame of text or bytes may end anywhere.
 *
 * @param calls how many calls are made, whose answers follow each other
 */
export function answerWriter(
  spec: MethodSpec,
  described: Described,
  calls: number,
): (frame: Uint8Array) => Uint8Array {
  const output = infoOf(spec, described)?.output;
  if (output?.codec !== 'json' || (output.single && calls === 1)) return (frame) => frame;
  return (frame) => (frame.at(-1) === LINE_END ? frame : Buffer.concat([frame, Buffer.of(LINE_END)]));
}

const LINE_END = 0x0a;

function infoOf({ method, isUnary }: MethodSpec, { methodInfo }: Described): MethodInfo | undefined {
  const kind = isUnary ? 'handle' : 'stream';
  return methodInfo.find((info) => info.name === method && info.kind === kind);
}

function checked(text: string, method: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `the method '${escapeControls(method)}' takes JSON, and --data is none: ${textOf(error)}`,
      `Text has quotes of its own in JSON: --data '"text"'.`,
    );
  }
}
