/** The generated pages of docs/, by file name: settings, errors, and the APIs of the protocol. */
import { settingsMarkdown } from '@millrace/base';
import { topicSettings } from '@millrace/controller/image';
import { apis, errorTable } from '@millrace/protocol';
import { nodeSettingTable } from '@millrace/server';

const generated = 'Generated from the code by `npm run docs`; do not edit.';

export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['configuration.md', configurationPage()],
    ['errors.md', errorsPage()],
    ['protocol.md', protocolPage()],
  ]);
}

function configurationPage(): string {
  const topicKeys = new Set(Object.keys(topicSettings));
  const nodeOnly = Object.fromEntries(Object.entries(nodeSettingTable).filter(([key]) => !topicKeys.has(key)));
  return `# Settings

${generated}

A node reads \`millrace.yaml\`, then environment variables (\`retention.ms\` is \`MILLRACE_RETENTION_MS\`), then \`--set key=value\`
and its other flags: later wins. An unknown key or a bad value stops the start with the key, the place, the value and what
is allowed.

## Topics
Set with \`millrace topic create --config\` and \`millrace topic alter --config\`. In a node's configuration the same keys give the
default for topics that do not set them.

${settingsMarkdown(topicSettings)}
## Nodes
${settingsMarkdown(nodeOnly)}`;
}

function errorsPage(): string {
  const rows = errorTable.map(
    ({ number, name, retriable, text }) => `| ${number} | \`${name}\` | ${retriable ? 'yes' : 'no'} | ${text} |`,
  );
  return `# Errors

${generated}

Numbers below 1000 are Kafka's, with Kafka's meaning. "Retriable" means that the same request may succeed later without any
change by the caller; the clients retry those by themselves within their time limits.

| number | name | retriable | meaning |
|---:|---|---|---|
${rows.join('\n')}
`;
}

function protocolPage(): string {
  const sections = [...apis.values()]
    .sort((a, b) => a.key - b.key)
    .map(({ key, name, text, listener, versions }) => {
      const history = versions.map(({ version, why }) => `- version ${version}: ${why}`).join('\n');
      return `## ${key} ${name} (${listener} listener)\n${text}\n\n${history}\n`;
    });
  return `# Protocol

${generated}

TCP, big endian. A frame is a length (u32, of what follows), a header of 12 bytes, a body in MessagePack, and raw payload to the
frame's end: the record batches, untouched.

\`\`\`
 length u32 | correlation id u32 | api key u16 | api version u8 | flags u8 | body length u32 | body ... | payload ...
\`\`\`

Flags: bit 0 reply, bit 1 error reply (its body is \`{ error, message }\`). The first frame of a connection is \`Hello\`; before it a
frame may have at most 64 KiB. Requests are pipelined and answered by correlation id, in any order. The schemas are in
\`packages/protocol/src/apis\`, one file each.

${sections.join('\n')}`;
}
