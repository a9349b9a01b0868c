import { fileSystemConformance, SimulatedDisk } from '../../src/index.js';

fileSystemConformance('the simulated disk', () => {
  const files = new SimulatedDisk().files();
  files.makeDirectory('/data');
  return { files, directory: '/data' };
});
