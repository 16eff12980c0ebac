/** The ways to print to standard output. */
export const PRINT_WAYS = [
  'console',
  'process.stdout',
  'fs.writeSync',
  'fs.write',
  '/dev/stdout',
  'native',
  'child process',
] as const;
export type PrintWay = (typeof PRINT_WAYS)[number];

/** One line of the trace file: somebody printed, or may have. */
export interface PrintEvent {
  readonly way: PrintWay;
  /** The function that was called: `console.log`, `fs.writeSync`, an addon's function. */
  readonly call: string;
  /**
   * The beginning of the printed text, or something else that identifies the print: the command of a child, the file of an addon.
   */
  readonly text: string;
  /** The stack's frames outside Node and this package, the innermost first: `name (path:line:column)`. */
  readonly stack: readonly string[];
  /** Which bytes of descriptor 1 came during the call; undefined for what doesn't go there, or goes there later. */
  readonly from?: number;
  readonly to?: number;
}
