import type { Initialized } from '../../host/index.ts';
import { EXIT } from '../../main/options.ts';
import { textOf } from '../../base/thrown.ts';
import { CliError } from '../terminal/failure.ts';
import { escapeControls } from '../../base/stderr.ts';

/** The parts of a call that say how its `--data` is sent. */
interface DataSpec {
  readonly data: string | undefined;
  readonly method: string;
  readonly isUnary: boolean;
}

/**
 * The chunks of `--data`, in the codec of the method: JSON is checked here, ndjson gets its line end, all else is sent as it is.
 *
 * @returns `undefined` where nothing was given
 * @throws CliError for what is no JSON where the method takes it, or a codec that has no text
 */
export function encodeData(
  { data, method, isUnary }: DataSpec,
  { methodInfo }: Pick<Initialized, 'methodInfo'>,
): readonly Uint8Array[] | undefined {
  if (data === undefined) return undefined;
  const kind = isUnary ? 'handle' : 'stream';
  const codec = methodInfo.find((info) => info.name === method && info.kind === kind)?.input.codec;
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
