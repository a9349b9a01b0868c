import { MetadataImage, metadataDelta } from '@millrace/controller/image';
import { expect, test } from 'vitest';
import { MachineRunner } from '../machine-runner.js';

test('names what was created, changed and deleted between two images', () => {
  const runner = new MachineRunner();
  runner.formCluster();
  runner.startBroker(1);
  for (const name of ['kept', 'grown', 'tuned', 'dropped']) runner.createTopic(name, 2);
  const before = runner.image;
  runner.createTopic('new');
  runner.run({
    kind: 'create-partitions',
    request: { topics: [{ name: 'grown', partitions: 4 }], validateOnly: false },
  });
  runner.run({
    kind: 'alter-configs',
    request: {
      resources: [{ type: 'topic', name: 'tuned', changes: [{ key: 'retention.ms', value: '5' }] }],
      validateOnly: false,
    },
  });
  runner.run({ kind: 'delete-topics', request: { topics: [{ name: 'dropped', topicId: null }] } });
  const delta = metadataDelta(before, runner.image);
  expect([delta.from, delta.to]).toEqual([before.position, runner.image.position]);
  expect(delta.topicsCreated.map(({ name }) => name)).toEqual(['new']);
  expect(delta.topicsDeleted.map(({ name }) => name)).toEqual(['dropped']);
  expect(
    delta.topicsChanged.map(({ after, partitions, configsChanged }) => [after.name, partitions, configsChanged]),
  ).toEqual([
    ['grown', [2, 3], false],
    ['tuned', [], true],
  ]);
  expect(delta.brokersChanged).toEqual([]);
});

test('from nothing, it is everything', () => {
  const runner = new MachineRunner();
  runner.formCluster();
  runner.startBroker(1);
  runner.createTopic('b');
  runner.createTopic('a');
  const delta = metadataDelta(MetadataImage.empty, runner.image);
  expect(delta.topicsCreated.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(delta.brokersChanged.map(({ before, after }) => [before, after?.nodeId])).toEqual([[undefined, 1]]);
});

test('a topic deleted and created again under the same name is one deleted and another created', () => {
  const runner = new MachineRunner();
  runner.formCluster();
  runner.startBroker(1);
  const first = runner.createTopic('orders').topicId;
  const before = runner.image;
  runner.run({ kind: 'delete-topics', request: { topics: [{ name: 'orders', topicId: null }] } });
  const second = runner.createTopic('orders').topicId;
  const delta = metadataDelta(before, runner.image);
  expect([
    delta.topicsDeleted.map((topic) => topic.topicId),
    delta.topicsCreated.map((topic) => topic.topicId),
  ]).toEqual([[first], [second]]);
});
