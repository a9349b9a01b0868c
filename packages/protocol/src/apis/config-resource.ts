import { z } from 'zod';
import { name } from '../fields.js';

/** What settings belong to: a kind of thing and the name of one. */
export const configResource = {
  type: z.enum(['topic']).describe('Kind of resource.'),
  name: name('Name of the resource.'),
};
