import { hostname } from 'node:os';
import type { Bus, Listening } from './bus.ts';
import { parseObject } from './grant.ts';
import { parseNodeId, QUEUE_GROUP, type NodeId, type Subjects } from './subjects.ts';

/** How busy a node is; all are counts. */
export interface NodeFigures {
  /** Streams and requests that it may have at once. */
  readonly capacity: number;
  /** Those that it has. */
  readonly live: number;
  /** Places that are promised, or claimed by what has not begun. */
  readonly held: number;
  /** Of the live ones, those beyond the module's own places: they wait for a worker. */
  readonly queued: number;
  /** Clients that have something open there, or had it lately. */
  readonly sessions: number;
}

/** One node that serves a module. */
export interface NodeInfo extends NodeFigures {
  readonly id: NodeId;
  /** The module's version, as it says it. */
  readonly version: string;
  /** The name of its machine. */
  readonly host: string;
  readonly startedAt: Date;
}

/** A node's answer on `$SRV`. */
export interface ServiceAnswers {
  readonly node: NodeId;
  readonly version: string;
  readonly subjects: Subjects;
  figures(): NodeFigures;
  /** Streams and requests that it took since it has started. */
  taken(): number;
}

/**
 * Answers `$SRV.PING`, `INFO` and `STATS` for all services, for this module and for this node: the service protocol of NATS
 * (ADR-32), so that its own tools see the nodes.
 */
export function answerDiscovery(bus: Bus, service: ServiceAnswers): Listening[] {
  const { node, subjects } = service;
  const common = {
    name: subjects.module,
    id: node,
    version: service.version,
    metadata: { host: hostname(), pid: String(process.pid) },
  };
  const started = new Date().toISOString();
  const endpoint = { name: 'want', subject: subjects.want, queue_group: QUEUE_GROUP };
  const answers = {
    PING: () => ({ type: 'io.nats.micro.v1.ping_response', ...common }),
    INFO: () => ({
      type: 'io.nats.micro.v1.info_response',
      ...common,
      description: `streams of the module ${subjects.module}, by ixt-module join`,
      endpoints: [endpoint],
    }),
    STATS: () => ({
      type: 'io.nats.micro.v1.stats_response',
      ...common,
      started,
      endpoints: [
        {
          ...endpoint,
          num_requests: service.taken(),
          num_errors: 0,
          last_error: '',
          processing_time: 0,
          average_processing_time: 0,
          data: service.figures(),
        },
      ],
    }),
  };
  return Object.entries(answers).flatMap(([verb, answer]) =>
    ['', `.${subjects.module}`, `.${subjects.module}.${node}`].map((scope) =>
      bus.listen(`$SRV.${verb}${scope}`, ({ reply }) => {
        if (reply !== '') bus.publish(reply, JSON.stringify(answer()));
      }),
    ),
  );
}

/** The subject on which every node of a module says how it is. */
export function statsSubject(subjects: Subjects): string {
  return `$SRV.STATS.${subjects.module}`;
}

/** The subject on which every node of a module says that it is there. */
export function pingSubject(subjects: Subjects): string {
  return `$SRV.PING.${subjects.module}`;
}

/** The node that has answered a ping; undefined where it was something else. */
export function parsePing(data: Uint8Array): NodeId | undefined {
  return parseNodeId(parseObject(data)?.['id']);
}

/** The answer of one node; `undefined` if it is of some other service. */
export function parseStats(data: Uint8Array): NodeInfo | undefined {
  const fields = parseObject(data);
  const id = parseNodeId(fields?.['id']);
  const endpoints = fields?.['endpoints'];
  const endpoint: unknown = Array.isArray(endpoints) ? endpoints[0] : undefined;
  const figures = recordOf(recordOf(endpoint)['data']);
  if (fields === undefined || id === undefined || typeof figures['capacity'] !== 'number') return undefined;
  const count = (name: string): number => (typeof figures[name] === 'number' ? figures[name] : 0);
  return {
    id,
    version: textOf(fields['version']),
    host: textOf(recordOf(fields['metadata'])['host']),
    startedAt: new Date(textOf(fields['started'])),
    capacity: count('capacity'),
    live: count('live'),
    held: count('held'),
    queued: count('queued'),
    sessions: count('sessions'),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
