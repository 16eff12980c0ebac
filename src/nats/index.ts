/** One module on many machines: nodes that serve it on NATS, and a host that uses them as one module. */
export { connectModule, NatsModule, type ConnectModuleOptions, type NodeStreamOptions } from './client.ts';
export { joinModule, ModuleNode, type JoinOptions, type NodeEnd } from './node.ts';
export type { NatsOptions } from './connection.ts';
export type { NodeFigures, NodeInfo } from './discovery.ts';
export type { SessionTimes } from './session-times.ts';
export type { NodeId } from './subjects.ts';
export { ModuleError, type ErrorCode } from '../errors.ts';
export type { ModuleHost } from '../host/module-host.ts';
export type { OnService, ServiceCall, ServiceHandler, ServiceTable } from '../host/service-table.ts';
