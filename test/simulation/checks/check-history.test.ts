import { describe, expect, test } from 'vitest';
import type { Fault } from '../plan/fault.js';
import type { Plan } from '../plan/plan.js';
import { History } from '../workload/history.js';
import { checkHistory } from './check-history.js';
import { sampleDrain, sampleHistory, samplePlan, sampleRead, sampleSend } from './sample-history.js';

/** The invariants that a history breaks, each once. */
function broken(history: History, plan: Plan = samplePlan): string[] {
  return [...new Set(checkHistory(history, plan).map(({ invariant }) => invariant))].sort();
}

function historyOf(change: (history: History) => void): History {
  const history = sampleHistory();
  change(history);
  return history;
}

test('a good history breaks nothing', () => {
  expect(checkHistory(sampleHistory(), samplePlan)).toEqual([]);
});

describe('C1: what was acknowledged stays', () => {
  test('an acknowledged record that is in no drain is lost', () => {
    const history = historyOf(({ sends }) => sends.push(sampleSend('d', 3)));
    expect(broken(history)).toEqual(['C1']);
  });

  test('a record of unknown fate may be missing', () => {
    const history = historyOf(({ sends }) =>
      sends.push(
        sampleSend('d', -1, { outcome: 'unknown', invokedMs: 3000, deadlineMs: 4000, endedMs: 3900, order: 3 }),
      ),
    );
    expect(broken(history)).toEqual([]);
  });

  test('acks 1 promises nothing about the drain', () => {
    const history = historyOf(({ sends }) => sends.push(sampleSend('d', 3, { acks: 1, idempotent: false })));
    expect(broken(history)).toEqual([]);
  });

  test('every drain counts, not just the last', () => {
    const history = historyOf(({ drains }) => drains.unshift(sampleDrain(['a', 'b'], { label: 'earlier' })));
    expect(broken(history)).toEqual(['C1', 'C9']);
  });

  test('records that somebody asked to delete may be gone', () => {
    const history = new History();
    history.sends.push(sampleSend('a', 0, { topic: 'trimmed' }), sampleSend('b', 1, { topic: 'trimmed' }));
    history.drains.push(sampleDrain(['b'], { topic: 'trimmed', startOffset: 1 }));
    expect(broken(history)).toEqual(['C1']);
    history.deletions.push({
      topic: 'trimmed',
      partition: 0,
      beforeOffset: 1,
      invokedMs: 0,
      endedMs: 1,
      isOk: true,
      logStartOffset: 1,
    });
    expect(broken(history)).toEqual([]);
  });

  test('more than was asked for may not be deleted', () => {
    const history = new History();
    history.sends.push(sampleSend('a', 0, { topic: 'trimmed' }), sampleSend('b', 1, { topic: 'trimmed' }));
    history.drains.push(sampleDrain([], { topic: 'trimmed', startOffset: 2, endOffset: 2 }));
    history.deletions.push({
      topic: 'trimmed',
      partition: 0,
      beforeOffset: 1,
      invokedMs: 0,
      endedMs: 1,
      isOk: true,
      logStartOffset: 1,
    });
    expect(broken(history)).toEqual(['C1']);
  });

  test('a topic that is only replicated may lose what was not synced when the power goes', () => {
    const { config } = samplePlan;
    const [steady] = config.topics;
    const topics = [{ ...steady!, configs: { durability: 'replicated' } }];
    const history = historyOf(({ sends }) => sends.push(sampleSend('d', 3)));
    expect(broken(history, { ...samplePlan, config: { ...config, topics } })).toEqual(['C1']);
    expect(broken(history, { ...samplePlan, config: { ...config, topics, ending: 'lost' } })).toEqual([]);
    const failpoint: Fault = {
      atMs: 0,
      victim: { role: 'node', index: 0 },
      kind: 'failpoint',
      call: 'open',
      suffix: '',
      after: 0,
      ending: 'power-cut',
      fate: 'lost',
      downMs: 1,
    };
    const planWith = (fault: Fault): Plan => ({ ...samplePlan, config: { ...config, topics }, faults: [fault] });
    expect(broken(history, planWith(failpoint))).toEqual([]);
    expect(broken(history, planWith({ ...failpoint, ending: 'kill' }))).toEqual(['C1']);
  });
});

test('C2: a record that nobody sent came from nowhere', () => {
  const history = historyOf(({ reads }) =>
    reads.push(sampleRead('x', 3, { consumer: 'consumer-1.1', topic: 'churned' })),
  );
  expect(broken(history)).toEqual(['C2']);
});

test('C2: a record in another partition than it was sent to came from nowhere', () => {
  const history = historyOf(({ drains }) => drains.push(sampleDrain(['a'], { partition: 1 })));
  expect(broken(history)).toContain('C2');
});

test('C2: a record of a deleted topic does not come back with the name', () => {
  const history = new History();
  history.sends.push(sampleSend('a', 0, { topic: 'churned' }));
  history.drains.push(sampleDrain(['a'], { topic: 'churned' }));
  expect(broken(history)).toEqual([]);
  history.topicEnds.push({ topic: 'churned', invokedMs: 2000, endedMs: 2100 });
  expect(broken(history)).toEqual(['C2']);
});

test('C3: a record that was refused is in no log', () => {
  const history = historyOf(({ sends, drains }) => {
    sends.push(sampleSend('d', 3, { outcome: 'failed', offset: -1 }));
    drains.splice(0, 1, sampleDrain(['a', 'b', 'c', 'd']));
  });
  expect(broken(history)).toEqual(['C3']);
});

test('C4: one offset stands for one value in all that anybody was told', () => {
  const history = historyOf(({ sends }) => sends.push(sampleSend('d', 2, { producer: 'producer-1.1', acks: 'all' })));
  expect(broken(history)).toContain('C4');
});

test('C5: an idempotent producer has no record twice', () => {
  const twice = (idempotent: boolean): History => {
    const history = new History();
    history.sends.push(sampleSend('a', 0, { idempotent }), sampleSend('b', 1, { idempotent }));
    history.drains.push(sampleDrain(['a', 'b', 'a']));
    return history;
  };
  expect(broken(twice(true))).toContain('C5');
  expect(broken(twice(false))).toEqual([]);
});

test('C6: the records of a producer lie in the order of sending, acknowledged or not', () => {
  const history = new History();
  history.sends.push(
    sampleSend('a', -1, { order: 0, invokedMs: 0, deadlineMs: 900, endedMs: 500, outcome: 'unknown' }),
    sampleSend('b', 0, { order: 1 }),
  );
  history.drains.push(sampleDrain(['b', 'a']));
  expect(broken(history)).toEqual(['C6']);
});

describe('C7: real time', () => {
  test('what was sent after an acknowledgement lies behind it', () => {
    const history = new History();
    history.sends.push(
      sampleSend('a', 1, { invokedMs: 0, endedMs: 100 }),
      sampleSend('b', 0, { invokedMs: 200, endedMs: 300, producer: 'producer-1.1' }),
    );
    history.drains.push(sampleDrain(['b', 'a']));
    expect(broken(history)).toEqual(['C7']);
  });

  test('what was sent at the same time may lie either way', () => {
    const history = new History();
    history.sends.push(
      sampleSend('a', 1, { invokedMs: 0, endedMs: 250 }),
      sampleSend('b', 0, { invokedMs: 200, endedMs: 300, producer: 'producer-1.1' }),
    );
    history.drains.push(sampleDrain(['b', 'a']));
    expect(broken(history)).toEqual([]);
  });

  test('the end that is asked for after an acknowledgement is beyond it', () => {
    const asked = { client: 'admin', topic: 'steady', partition: 0, invokedMs: 5000, endedMs: 5001 };
    expect(broken(historyOf(({ latest }) => latest.push({ ...asked, offset: 3 })))).toEqual([]);
    expect(broken(historyOf(({ latest }) => latest.push({ ...asked, offset: 2 })))).toEqual(['C7']);
  });
});

describe('C8: a consumer goes from record to record', () => {
  test('it may not go back', () => {
    const history = historyOf(({ reads }) => reads.push(sampleRead('b', 1)));
    expect(broken(history)).toEqual(['C8']);
  });

  test('it may not leave one out', () => {
    const history = historyOf(({ reads }) => reads.splice(1, 1));
    expect(broken(history)).toEqual(['C8']);
  });

  test('it begins with the first record', () => {
    const history = historyOf(({ reads }) => reads.shift());
    expect(broken(history)).toEqual(['C8']);
  });

  test('it may pass over what was deleted', () => {
    const history = historyOf(({ reads, deletions }) => {
      reads.splice(1, 1);
      const ended = { endedMs: 1, isOk: true, logStartOffset: 2 };
      deletions.push({ topic: 'steady', partition: 0, beforeOffset: 2, invokedMs: 0, ...ended });
    });
    expect(broken(history)).toEqual([]);
  });
});

test('C9: a record that a consumer got is still there later', () => {
  const history = historyOf(({ reads, sends }) => {
    sends.push(sampleSend('d', 3, { outcome: 'unknown', offset: -1, order: 3 }));
    reads.push(sampleRead('d', 3));
  });
  expect(broken(history)).toEqual(['C9']);
});

test('C11: the end of a partition does not go back for a client that asks twice', () => {
  const history = historyOf(({ latest }) => {
    const asked = { client: 'admin', topic: 'steady', partition: 0 };
    latest.push({ ...asked, offset: 9, invokedMs: 9000, endedMs: 9001 });
    latest.push({ ...asked, offset: 8, invokedMs: 9002, endedMs: 9003 });
  });
  expect(broken(history)).toEqual(['C11']);
});

test('C12: the offset for a time is that of the first record at or after it', () => {
  const lookup = { label: 'in the end', topic: 'steady', partition: 0 };
  const told = (timestampMs: number, offset: number): History =>
    historyOf(({ lookups }) => lookups.push({ ...lookup, timestampMs, offset }));
  expect(broken(told(1000, 1))).toEqual([]);
  expect(broken(told(999, 1))).toEqual([]);
  expect(broken(told(2001, -1))).toEqual([]);
  expect(broken(told(999, 2))).toEqual(['C12']);
  expect(broken(told(0, -1))).toEqual(['C12']);
});

test('A1: a drain has every offset from its start to its end', () => {
  const [first, , last] = sampleDrain(['a', 'b', 'c']).records;
  const history = historyOf(({ sends, reads, drains }) => {
    sends.splice(1, 1);
    reads.splice(0);
    drains.splice(0, 1, sampleDrain(['a', 'b', 'c'], { records: [first!, last!] }));
  });
  expect(broken(history)).toEqual(['A1']);
});

describe('H1: outcomes come in time', () => {
  test('a send', () => {
    expect(broken(historyOf(({ sends }) => (sends[0]!.endedMs = 901)))).toEqual(['H1']);
    expect(
      broken(historyOf(({ sends }) => sends.push(sampleSend('d', -1, { outcome: 'pending', endedMs: Infinity })))),
    ).toEqual(['H1']);
  });

  test('a call', () => {
    const call = { client: 'admin', text: 'list topics', invokedMs: 0, deadlineMs: 100, error: undefined };
    expect(broken(historyOf(({ calls }) => calls.push({ ...call, endedMs: 100 })))).toEqual([]);
    expect(broken(historyOf(({ calls }) => calls.push({ ...call, endedMs: 101 })))).toEqual(['H1']);
  });
});

describe('G2: a consumer does not stop by itself', () => {
  const failure = { consumer: 'consumer-0.1', failedMs: 1, message: 'no' };

  test('because of damaged bytes', () => {
    const history = historyOf(({ readFailures }) =>
      readFailures.push({ ...failure, topic: 'churned', code: 'CORRUPT_MESSAGE' }),
    );
    expect(broken(history)).toEqual(['G2']);
  });

  test('unless its topic was deleted', () => {
    const code = 'UNKNOWN_TOPIC_OR_PARTITION';
    expect(broken(historyOf(({ readFailures }) => readFailures.push({ ...failure, topic: 'churned', code })))).toEqual(
      [],
    );
    expect(broken(historyOf(({ readFailures }) => readFailures.push({ ...failure, topic: 'steady', code })))).toEqual([
      'G2',
    ]);
  });
});
