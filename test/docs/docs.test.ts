/** Documentation that lies is a bug: generated pages are current, and every path a page names is there. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { referencePages } from '../../tools/src/docs/reference-pages.js';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

test.each([...referencePages()])('docs/%s is what npm run docs writes', (name, text) => {
  expect(read(`docs/${name}`)).toBe(text);
});

describe('paths in pages', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(new URL('docs', root))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  test.each(pages)('%s names files that exist', (page) => {
    const paths = [...read(page).matchAll(/`((?:packages|tools|bench|test|docs)\/[\w./-]+)`/g)].map(
      ([, path]) => path ?? '',
    );
    expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  test.each(pages)('%s links to pages that exist', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(new URL(link, new URL(page, root))))).toEqual([]);
  });

  test('the walk of one record in the README goes through real files of every package on its way', () => {
    const walk = read('README.md').split('## Follow one record')[1] ?? '';
    const packages = [...walk.matchAll(/`packages\/([a-z-]+)\/src\/[\w./-]+\.ts`/g)].map(([, name]) => name);
    expect(new Set(packages)).toEqual(new Set(['producer', 'record', 'protocol', 'broker', 'storage', 'consumer']));
  });
});

test('every package has a page of its own', () => {
  for (const name of readdirSync(new URL('packages', root))) {
    const page = `packages/${name}/README.md`;
    expect(existsSync(new URL(page, root)), page).toBe(true);
    expect(read(page).split('\n').length, page).toBeLessThanOrEqual(80);
  }
});
