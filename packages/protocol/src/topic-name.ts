const maxTopicNameLength = 249;
const legal = /^[A-Za-z0-9._-]+$/;

/**
 * Kafka's rule for topic names: `[A-Za-z0-9._-]{1,249}`, not `.` or `..`. Returns what is wrong with a name, or
 * undefined. The length leaves room for a partition number and a suffix in a file name of 255 bytes.
 */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'a topic name cannot be empty';
  if (name.length > maxTopicNameLength) {
    return `a topic name has at most ${maxTopicNameLength} characters, this one has ${name.length}`;
  }
  if (name === '.' || name === '..') return 'a topic cannot be named "." or ".."';
  if (!legal.test(name)) {
    return `the topic name ${JSON.stringify(name)} has characters other than letters, digits, ".", "_" and "-"`;
  }
  return undefined;
}
