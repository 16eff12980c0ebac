// What Piscina loads in each worker thread of the compiled package. It tries `require` first, and where a thread is ended
// while an ES module is being required, Node aborts the whole process; an import just ends with its thread.
module.exports = import('./stream-worker.ts').then(({ default: run }) => run);
