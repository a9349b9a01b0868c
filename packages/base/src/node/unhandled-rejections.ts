/**
 * Sends every promise rejection that nobody handles to `listener`, and only there, until the returned function is
 * called. Without it Node ends the process (or the test runner reports an error without the seed that caused it).
 */
export function interceptUnhandledRejections(listener: (reason: unknown) => void): () => void {
  const previous = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', listener);
  return () => {
    process.off('unhandledRejection', listener);
    for (const earlier of previous) process.on('unhandledRejection', earlier);
  };
}
