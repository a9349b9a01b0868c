import { serveParent } from './worker.js';

await serveParent();
