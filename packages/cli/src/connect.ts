import { Admin } from '@millrace/admin';
import type { CommonOptions } from './options.js';

/** An admin client with the command's options; `await using` closes it. */
export function openAdmin(options: CommonOptions): Admin {
  return new Admin({ bootstrap: options.bootstrap, requestTimeoutMs: options.timeoutMs });
}
