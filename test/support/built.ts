import { buildPackage } from './build.ts';

/** The package as it is published, built from the sources as they are now: what this test file's children run. */
export const built = await buildPackage();
