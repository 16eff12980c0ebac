// The same from CommonJS, by import() as every Node has it.
async function use(): Promise<string> {
  const { ModuleError } = await import('ixt-sdk');
  const { spawnModule } = await import('ixt-sdk/host');
  const module = spawnModule({ file: './m.js' });
  await module.close();
  return new ModuleError('internal', 'x').code;
}

export = { use };
