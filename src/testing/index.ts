/** Runs a module in memory, or one handler by itself, for tests. It needs no particular test runner, because it throws what is wrong. */
export { merge, rechunk, type ChunkSizes } from './chunks.ts';
export { mockStream, type LoggedLine, type MockStream, type MockStreamOptions } from './mock-stream.ts';
export type { MethodOf } from '../host/client/client-types.ts';
export { testModule } from './load-kit.ts';
export type { TestModule, TestModuleOptions } from './test-module.ts';
export type { StreamOutcome, TestStream } from './test-stream.ts';
