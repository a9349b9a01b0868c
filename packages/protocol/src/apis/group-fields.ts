/** What several APIs of consumer groups say in the same words. */
import { z } from 'zod';
import { maxIdLength, maxNameLength, naturalOrNone } from '../fields.js';

/** Characters of an instance id or a rack: they are kept with every record of a member. */
const maxLabelLength = 256;

export function groupField(description = 'Id of the group.') {
  return z.string().max(maxNameLength).describe(description);
}

export function memberIdField(description: string) {
  return z.string().max(maxIdLength).describe(description);
}

export function memberEpochField(description: string) {
  return naturalOrNone(description);
}

/** A name that an operator gives a member or a place. */
export function labelField(description: string) {
  return z.string().max(maxLabelLength).describe(description);
}

export function groupStateField() {
  return z
    .enum(['empty', 'assigning', 'reconciling', 'stable', 'dead'])
    .describe(
      'empty: no members; assigning: a new assignment is due; reconciling: partitions are being handed over; stable: ' +
        'every member has what it should; dead: there is no such group any more.',
    );
}
