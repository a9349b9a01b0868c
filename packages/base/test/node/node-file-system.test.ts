import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeFileSystem } from '../../src/node/index.js';
import { fileSystemConformance } from '@millrace/testkit';

fileSystemConformance('Node', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-files-'));
  return { files: new NodeFileSystem(), directory, dispose: () => rmSync(directory, { recursive: true }) };
});
