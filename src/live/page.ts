import type { ErrorCode } from '../errors.ts';
import type { LiveEvent } from './events.ts';

/** The largest body of a request of the page, in bytes: an input of 16 MiB in base64, and what is around it. */
export const MAX_BODY_BYTES = 24 << 20;
/** The largest input of one open or send, in bytes. */
export const MAX_INPUT_BYTES = 16 << 20;
/** Streams that one call may open at once. */
export const MAX_COUNT = 10_000;
/** Output that is kept of each call, in bytes. What is behind that is counted only. */
export const MAX_OUTPUT_BYTES = 8 << 20;

/** How the payloads of a method look, as the module describes them; empty texts where it doesn't say. */
export interface PayloadView {
  readonly codec: string;
  /** A JSON Schema document. */
  readonly jsonSchema: string;
  readonly single: boolean;
  readonly typeName: string;
}

export type MethodKind = 'stream' | 'handle';

/** One method that the page offers. */
export interface MethodView {
  readonly name: string;
  readonly kind: MethodKind;
  readonly mode: 'sync' | 'async' | '';
  readonly description: string;
  /** Undefined where the module says nothing of it. */
  readonly input: PayloadView | undefined;
  readonly output: PayloadView | undefined;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly concurrency: number;
}

/** A place in the author's files. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
}

/**
 * The module that the page is about.
 *
 * - `starting`, `serving`: a child of `dev`.
 * - `failed`: it could not be loaded; `ended`: it served and is gone. Both wait for a change of a file.
 * - `attached`, `lost`: a real host's module, which can only be looked at.
 * - `serving`, `lost` also of a module on NATS: whether a node of it answers.
 * - `none`: a recording is viewed.
 */
export type ModuleState = 'starting' | 'serving' | 'failed' | 'ended' | 'attached' | 'lost' | 'none';

export interface ModuleView {
  readonly state: ModuleState;
  /** Counts the starts. */
  readonly generation: number;
  /** Where it is: a module file, a socket, or the first words of its subjects on NATS. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly methods: readonly MethodView[];
  /** Whether streams of any method are taken, because the module has one handler for all. */
  readonly anyStream: boolean;
  readonly anyHandle: boolean;
  readonly workers: number;
  readonly watchedFiles: number;
  /** Why it was started again, could not be loaded, or ended. */
  readonly why: string;
  readonly places: readonly SourcePlace[];
}

/** One node of a module on NATS, with the counts of `NodeInfo` in `ixt-sdk/nats`. */
export interface NodeView {
  readonly id: string;
  /** The name of its machine. */
  readonly host: string;
  /** Of the module. */
  readonly version: string;
  readonly startedUnixMs: number;
  readonly capacity: number;
  readonly live: number;
  readonly held: number;
  readonly queued: number;
  readonly sessions: number;
}

/** The page's request for a call of a method. */
export interface OpenRequest {
  readonly method: string;
  readonly kind: MethodKind;
  /** Base64. */
  readonly input: string;
  /** Whether each line of the input is a frame of its own. */
  readonly lines: boolean;
  /** Whether the input ends with this, or more is sent later. A unary request's always does. */
  readonly ends: boolean;
  /** From now on; 0: none. */
  readonly deadlineMs: number;
  /** Bytes that the module may send at first. */
  readonly initialCredit: number;
  /** Whether credit is granted as output is taken; otherwise by `grant` only. */
  readonly grants: boolean;
  readonly count: number;
}

/** One call of the page: a stream, a unary request, or many of the same at once. */
export interface CallView {
  readonly id: number;
  readonly request: Omit<OpenRequest, 'input'>;
  readonly inputBytes: number;
  /** The id of the first stream; empty for a unary request. */
  readonly streamId: string;
  readonly startedUnixMs: number;
  /** Undefined while some are live. */
  readonly ms: number | undefined;
  readonly live: number;
  /** Ends by their code. */
  readonly ended: Readonly<Partial<Record<'close' | ErrorCode, number>>>;
  /** Data that the module has sent, of all. */
  readonly frames: number;
  readonly bytes: number;
  /** Of the first: what is kept of its output, and whether there is more. */
  readonly keptFrames: number;
  readonly isCut: boolean;
  /** Of the first: bytes that the module may still send. */
  readonly credit: number;
  readonly inputEnded: boolean;
  /** The last progress value of the first, as text; empty if there is none. */
  readonly progress: string;
  /** The first error. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined;
}

/** Frames of a call's output: `GET calls/ID/output?from=N`. */
export interface OutputPart {
  readonly frames: readonly { readonly ms: number; readonly base64: string }[];
  /** The number of the frame behind these. */
  readonly next: number;
}

/** A recording that the page can show. */
export interface RecordingView {
  readonly id: string;
  readonly name: string;
  readonly state: 'recording' | 'done';
  readonly bytes: number;
  readonly startedUnixMs: number;
  /** Why it ended by itself; empty if it has not. */
  readonly why: string;
}

/** A stream or request of a recording. */
export interface ExchangeView {
  /** Names it in the recording. */
  readonly key: string;
  readonly isStream: boolean;
  readonly id: string;
  readonly method: string;
  /** Ms since the recording's start. */
  readonly from: number;
  readonly to: number;
  readonly hostFrames: number;
  readonly hostBytes: number;
  readonly moduleFrames: number;
  readonly moduleBytes: number;
  /** `close`, an error code or the kind of the answer; empty if it had not ended. */
  readonly end: string;
}

/** `GET recordings/ID`. */
export interface RecordingSummary {
  readonly name: string;
  readonly command: readonly string[];
  readonly startedUnixMs: number;
  readonly version: string;
  readonly isCut: boolean;
  readonly ms: number;
  readonly messages: number;
  readonly exchanges: readonly ExchangeView[];
  /** Exchanges that are not listed, because they are too many. */
  readonly unlisted: number;
}

/** A message of a recording, decoded. */
export interface MessageView {
  readonly number: number;
  readonly ms: number;
  readonly from: 'host' | 'module';
  /** The exchange's key; empty where it belongs to none. */
  readonly exchange: string;
  readonly kind: string;
  readonly text: string;
  readonly bytes: number;
  /** Of Data and bodies: the payload, cut at 64 KiB. */
  readonly payload: { readonly base64: string; readonly bytes: number } | undefined;
}

/** `GET recordings/ID/messages?from=N&exchange=KEY&search=TEXT`. */
export interface MessagePage {
  readonly messages: readonly MessageView[];
  /** The number to go on from; undefined at the end. */
  readonly next: number | undefined;
}

/** One difference of a replay. */
export interface DifferenceView {
  readonly kind: string;
  readonly place: string;
  readonly recorded: string | undefined;
  readonly replayed: string | undefined;
}

/** `POST recordings/ID/replay`. */
export interface ReplayView {
  readonly differences: readonly DifferenceView[];
  /** The module file that was replayed. */
  readonly file: string;
  readonly stderr: string;
}

/** The command that the page belongs to: `dev` with a file, `--attach` or `--nats`, or `view`. */
export type PageMode = 'dev' | 'attach' | 'nats' | 'view';

/** The news of the page's server, in batches: `GET feed`. */
export type PageMessage =
  /** First, and whenever the connection is new: what follows is all that there is. */
  | {
      readonly kind: 'begin';
      readonly mode: PageMode;
      readonly workingFolder: string;
      readonly version: string;
    }
  | { readonly kind: 'module'; readonly module: ModuleView }
  | { readonly kind: 'nodes'; readonly nodes: readonly NodeView[] }
  | { readonly kind: 'call'; readonly call: CallView }
  | { readonly kind: 'stderr'; readonly text: string }
  | { readonly kind: 'recording'; readonly recording: RecordingView };

/** `GET live`: the events of the running process, as its socket gives them. */
export type LiveBatch = readonly LiveEvent[];
