/** Settings of the controller, read once when the node starts. */
import { defineSettings, type SettingValues } from '@millrace/base';

export const controllerSettings = defineSettings({
  'auto.create.topics.enable': {
    type: 'boolean',
    default: true,
    scope: 'node',
    restart: true,
    text: 'Whether a topic is created when a client first asks for it. Turn it off in a cluster of several nodes.',
  },
  'broker.session.timeout.ms': {
    type: 'integer',
    default: 9000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'A broker that is silent for so long is fenced: it leads nothing until it is heard again.',
  },
  'default.replication.factor': {
    type: 'integer',
    default: 0,
    min: 0,
    max: 64,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Copies of each partition of a new topic that does not say; 0: as many as there are brokers, up to 3.',
  },
  'max.partitions.per.cluster': {
    type: 'integer',
    default: 100_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'No topic is created or grown beyond so many partitions of all topics together.',
  },
  'max.partitions.per.request': {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'How many partitions one request may create.',
  },
  'num.partitions': {
    type: 'integer',
    default: 1,
    min: 1,
    max: 100_000,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Partitions of a new topic that does not say.',
  },
});

export type ControllerSettingValues = SettingValues<typeof controllerSettings>;
