import { z } from 'zod';
import { errorField, messageField } from './fields.js';

/** The body of an error reply, the same for every API and for ever. */
export const wireErrorSchema = z.object({ error: errorField(), message: messageField() });
