/**
 * A plain process that hashes its standard input: after each so many bytes, as its argument says, their sha256 digest goes to standard
 * output.
 */
import { createHash } from 'node:crypto';

const perDigest = Number(process.argv[2]);
let hash = createHash('sha256');
let left = perDigest;
// The digest of nothing says that this process is up.
process.stdout.write(createHash('sha256').digest());
process.stdin.on('data', (chunk: Buffer) => {
  hash.update(chunk);
  left -= chunk.length;
  if (left > 0) return;
  process.stdout.write(hash.digest());
  hash = createHash('sha256');
  left = perDigest;
});
