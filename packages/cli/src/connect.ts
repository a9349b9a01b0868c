import type { Admin } from '@millrace/admin';
import type { CommonOptions } from './options.js';

/** An admin client with the command's options; `await using` closes it. */
export async function openAdmin(options: CommonOptions): Promise<Admin> {
  // Loaded when a command needs it: a server starts without the clients.
  const { Admin } = await import('@millrace/admin');
  return new Admin({ bootstrap: options.bootstrap, requestTimeoutMs: options.timeoutMs });
}
