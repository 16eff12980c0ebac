import type { ModuleState, ModuleView } from '../../live/page.ts';

/** A module of which nothing is known yet but where it is. */
export function newModuleView(state: ModuleState, file: string): ModuleView {
  return {
    state,
    generation: 0,
    file,
    name: '',
    version: '',
    methods: [],
    anyStream: false,
    anyHandle: false,
    workers: 0,
    watchedFiles: 0,
    why: '',
    places: [],
  };
}
