/** The client API in one import: `import { Producer, Consumer, Admin } from 'millrace'`. */
export { Admin } from '@millrace/admin';
export { MillraceError } from '@millrace/base';
export {
  Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  EffectConsumer,
  type EffectStore,
} from '@millrace/consumer';
export { Producer, type ProducerOptions, type ProducerRecord, Transaction } from '@millrace/producer';
