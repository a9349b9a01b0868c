import { MillraceError } from '@millrace/base';
import type { Api, OffsetCommitRequest } from '@millrace/protocol';
import { expect, test, vi } from 'vitest';
import { OffsetCommitter, type CommitEntry, type OffsetCommitterOptions } from '../../src/group/offset-committer.js';
import { PartitionState } from '../../src/partition-state.js';

type Link = OffsetCommitterOptions['link'];

/** A coordinator that answers when the test says so. */
class Coordinator {
  readonly sent: { readonly offset: number | undefined; readonly allowRewind: boolean }[] = [];
  readonly #answers: { readonly accept: () => void; readonly fail: () => void }[] = [];

  readonly link: Link = {
    callWithRetries: <RequestBody, ResponseBody>(
      _api: Api<RequestBody, ResponseBody>,
      makeBody: () => RequestBody,
    ): Promise<ResponseBody> => {
      const { partitions, allowRewind } = makeBody() as OffsetCommitRequest;
      this.sent.push({ offset: partitions[0]?.offset, allowRewind });
      return new Promise((resolve, reject) => {
        const reply = { partitions: [{ topicId: 'T', partition: 0, error: 0, message: null }] };
        this.#answers.push({
          accept: () => resolve(reply as ResponseBody),
          fail: () => reject(new MillraceError('REQUEST_TIMED_OUT', 'no answer', { retriable: true })),
        });
      });
    },
  };

  accept(): void {
    this.#answers.shift()?.accept();
  }

  fail(): void {
    this.#answers.shift()?.fail();
  }
}

function setUp(): { coordinator: Coordinator; committer: OffsetCommitter; state: PartitionState } {
  const coordinator = new Coordinator();
  const committer = new OffsetCommitter({
    link: coordinator.link,
    group: 'g',
    identity: () => ({ memberId: 'm', memberEpoch: 1, instanceId: null }),
    topicIdOf: () => 'T',
    timeoutMs: 1000,
    signal: new AbortController().signal,
  });
  return { coordinator, committer, state: new PartitionState('t', 0, 'beginning') };
}

const ahead = (state: PartitionState, offset: number): CommitEntry => ({
  state,
  generation: state.generation,
  offset,
  metadata: null,
  allowRewind: false,
});

test('what is being committed ahead is taken back, though its answer is not there yet', async () => {
  const { coordinator, committer, state } = setUp();
  committer.note(state, 76);
  const first = committer.commit([ahead(state, 77)]);
  const entry = committer.entryBackTo(state, 76);
  expect(entry).toMatchObject({ offset: 76, allowRewind: true });
  const second = committer.commit(entry === undefined ? [] : [entry]);
  await Promise.resolve();
  coordinator.accept();
  await first;
  await vi.waitFor(() => expect(coordinator.sent).toHaveLength(2));
  coordinator.accept();
  await second;
  expect(coordinator.sent).toEqual([
    { offset: 77, allowRewind: false },
    { offset: 76, allowRewind: true },
  ]);
  expect(committer.entryBackTo(state, 76)).toBeUndefined();
});

test('what may have been committed ahead, for nobody answered, is taken back', async () => {
  const { coordinator, committer, state } = setUp();
  const failed = committer.commit([ahead(state, 5)]);
  await Promise.resolve();
  coordinator.fail();
  await expect(failed).rejects.toThrow('no answer');
  expect(committer.entryBackTo(state, 0)).toMatchObject({ offset: 0, allowRewind: true });
  const later = committer.commit([ahead(state, 5)]);
  await Promise.resolve();
  coordinator.accept();
  await later;
  expect(committer.entryBackTo(state, 5)).toBeUndefined();
});

test('where nothing was committed ahead, nothing is taken back', () => {
  const { committer, state } = setUp();
  expect(committer.entryBackTo(state, undefined)).toBeUndefined();
  expect(committer.entryBackTo(state, 3)).toMatchObject({ offset: 3, allowRewind: false });
  committer.note(state, 3);
  expect(committer.entryBackTo(state, 3)).toBeUndefined();
  expect(committer.entry(state, 2)).toBeUndefined();
});
