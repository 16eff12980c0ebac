/** Cap'n Proto structs as the values of typed methods, by capnp-es. */
export { capnp, type CapnpInit } from './codec.ts';
