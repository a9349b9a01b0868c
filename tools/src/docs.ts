/**
 * `npm run docs`: writes the reference pages that are generated from the tables of the code. A test fails when a page
 * is not what this would write.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { referencePages } from './docs/reference-pages.js';

const docs = new URL('../../docs/', import.meta.url);
for (const [name, text] of referencePages()) {
  writeFileSync(new URL(name, docs), text);
  process.stdout.write(`${fileURLToPath(new URL(name, docs))}\n`);
}
