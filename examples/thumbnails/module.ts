/** Thumbnails of pictures, by sharp. */
import { bytes, defineMethod, defineModule, ModuleError, one } from 'ixt-sdk';
import sharp from 'sharp';

/** Module and hosts share this; there is no handler in it. */
export const shapes = {
  thumbnail: defineMethod({
    description: 'The picture as a PNG of `width` pixels (metadata)',
    input: one(bytes()),
    output: one(bytes()),
    maxInputBytes: 64 << 20,
    timeoutMs: 30_000,
  }),
};

// Workers run side by side, so sharp needs no threads of its own for one picture.
sharp.concurrency(1);

export default defineModule({
  name: 'thumbnails',
  version: '1.0.0',
  onServerStream: {
    thumbnail: shapes.thumbnail.handler(async (picture, stream) => {
      const width = Number(new Map(stream.context.metadata).get('width'));
      if (!Number.isInteger(width) || width < 1 || width > 10_000)
        throw new ModuleError('invalidArgument', 'width must be a whole number from 1 to 10000');
      try {
        return await sharp(picture).resize({ width, withoutEnlargement: true }).png().toBuffer();
      } catch (error) {
        throw new ModuleError('invalidArgument', (error as Error).message);
      }
    }),
  },
});
