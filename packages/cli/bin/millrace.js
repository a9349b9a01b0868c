#!/usr/bin/env node
import { bundleIsFresh } from './bundle-is-fresh.js';

const { main } = bundleIsFresh() ? await import('../bundle/main.js') : await import('../dist/main.js');
process.exitCode = await main(process.argv.slice(2));
