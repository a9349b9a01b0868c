import { type Clock, MillraceError } from '@millrace/base';

/** Stops waiting after the time that the client gave; the change may still be committed later. */
export function inTime<Reply>(clock: Clock, timeoutMs: number, reply: Promise<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(timeoutMs, () => {
      reject(
        new MillraceError(
          'REQUEST_TIMED_OUT',
          `The change was not committed within ${timeoutMs} ms. It may still be: look before trying again.`,
          { retriable: true },
        ),
      );
    });
    void reply.then(resolve, reject).finally(() => {
      timer.cancel();
    });
  });
}
