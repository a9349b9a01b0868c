/** The assignors that this broker has, by name. */
import type { Assignor } from './assignor.js';
import { rangeAssignor } from './range-assignor.js';
import { uniformAssignor } from './uniform-assignor.js';

export type Assignors = ReadonlyMap<string, Assignor>;

export const assignors: Assignors = new Map([uniformAssignor, rangeAssignor].map((one) => [one.name, one]));

/** Used where no member asks for another. */
export const defaultAssignor = uniformAssignor.name;
