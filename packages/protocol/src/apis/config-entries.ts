import { z } from 'zod';
import { maxConfigs, name, text } from '../fields.js';

/** Settings in effect and where each came from, as CreateTopics and DescribeConfigs report them. */
export function configEntries(description: string) {
  return z
    .array(
      z.object({
        key: name('Name of the setting.'),
        value: text('Its value as text.'),
        source: z
          .enum(['topic', 'node', 'default'])
          .describe('Who set it: the topic, the node’s configuration, or nobody.'),
      }),
    )
    .max(maxConfigs)
    .describe(description);
}
