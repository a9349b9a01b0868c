import { networkConformance, Simulation } from '../../src/index.js';

let seed = 0;
networkConformance('the simulation', () => {
  seed += 1;
  const simulation = new Simulation({ seed });
  return {
    network: simulation.environment('only').network,
    host: 'only',
    settle: (promise) => simulation.complete(promise),
  };
});
