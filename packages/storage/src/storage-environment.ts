import type { Environment } from '@millrace/base';

/** The part of the environment that storage reaches: it neither talks to the network nor draws random numbers. */
export type StorageEnvironment = Pick<Environment, 'clock' | 'files' | 'logger' | 'metrics'>;
