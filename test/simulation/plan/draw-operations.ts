import type { Choice } from './choice.js';
import type { Operation } from './operation.js';
import type { PlanConfig, TopicPlan } from './plan.js';
import type { PlanSize } from './plan-size.js';

type Drawn = Operation extends infer Each ? (Each extends Operation ? Omit<Each, 'id' | 'atMs'> : never) : never;

/** Most are sends; each other kind is there in some runs only. */
export function drawOperations(config: PlanConfig, choice: Choice, size: PlanSize): Operation[] {
  const extras = (['restart-producer', 'restart-consumer', 'list-latest', 'grow-topic'] as const).filter(() =>
    choice.chance(0.5),
  );
  const count = choice.magnitude(size.operations.from, size.operations.to);
  const operations: Operation[] = [];
  for (let index = 0; index < count; index += 1) {
    const atMs = choice.between(0, config.safetyMs);
    const isExtra = choice.chance(0.15);
    const drawn = isExtra ? drawExtra(config, extras, choice) : drawSend(config, choice);
    operations.push({ ...drawn, id: index + 1, atMs });
  }
  return operations.sort((a, b) => a.atMs - b.atMs || a.id - b.id);
}

function drawSend(config: PlanConfig, choice: Choice): Drawn {
  const topic = choice.of(config.topics);
  const isBurst = choice.chance(0.3);
  return {
    kind: 'send',
    producer: choice.between(0, config.producers.length - 1),
    topic: topic.name,
    partition: choice.chance(0.8) ? choice.between(0, topic.partitions - 1) : undefined,
    count: isBurst ? choice.magnitude(8, 50) : choice.between(1, 8),
    sizeBytes: choice.of([0, 0, 20, 100, 900]),
    everyMs: choice.of([0, 0, 1, 10, 50]),
    call: choice.of(['send', 'send', 'enqueue', 'send-batch'] as const),
  };
}

type Extra = 'restart-producer' | 'restart-consumer' | 'list-latest' | 'grow-topic';

function drawExtra(config: PlanConfig, extras: readonly Extra[], choice: Choice): Drawn {
  const topic = choice.of(config.topics);
  const partition = choice.between(0, topic.partitions - 1);
  if (topic.role === 'churned' && choice.chance(0.7)) {
    return { kind: 'recreate-topic', topic: topic.name, pauseMs: choice.of([0, 0, 10, 300]) };
  }
  if (topic.role === 'trimmed' && choice.chance(0.7)) {
    return { kind: 'delete-records', topic: topic.name, partition, share: choice.of([0.2, 0.5, 0.9, 1]) };
  }
  if (extras.length === 0) return drawSend(config, choice);
  const kind = choice.of(extras);
  switch (kind) {
    case 'restart-producer':
      return { kind, producer: choice.between(0, config.producers.length - 1), isGraceful: choice.chance(0.5) };
    case 'restart-consumer':
      return { kind, consumer: choice.between(0, config.consumers.length - 1), isGraceful: choice.chance(0.5) };
    case 'list-latest':
      return { kind, topic: topic.name, partition };
    case 'grow-topic':
      return growOf(topic, choice);
  }
}

function growOf(topic: TopicPlan, choice: Choice): Drawn {
  return { kind: 'grow-topic', topic: topic.name, partitions: topic.partitions + choice.between(1, 2) };
}
