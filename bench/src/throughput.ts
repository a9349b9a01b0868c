/** Produce and consume throughput beside the raw pipeline with the same number of bytes, in interleaved rounds. */
import { perf, startMillrace } from './millrace-node.js';
import { measureRawPipeline } from './raw-pipeline.js';
import { type Spread, spread } from './statistics.js';

/** What the producer does by default, so that the raw pipeline does the same. */
const batchBytes = 256 * 1024;
const inFlight = 5;

export interface ThroughputFigures {
  readonly recordBytes: number;
  readonly produceRecordsPerSecond: Spread;
  readonly produceMbPerSecond: Spread;
  readonly produceToRaw: Spread;
  readonly consumeRecordsPerSecond: Spread;
  readonly consumeMbPerSecond: Spread;
  readonly consumeToRaw: Spread;
  readonly rawProduceMbPerSecond: Spread;
  readonly rawConsumeMbPerSecond: Spread;
}

export async function measureThroughput(
  recordBytes: number,
  totalBytes: number,
  rounds: number,
): Promise<ThroughputFigures> {
  const records = Math.round(totalBytes / recordBytes);
  const raws = [];
  const produced = [];
  const consumed = [];
  for (let round = 0; round < rounds; round += 1) {
    raws.push(await measureRawPipeline({ totalBytes, batchBytes, inFlight }));
    await using node = await startMillrace();
    const common = {
      topic: 'throughput',
      'record-bytes': recordBytes,
      records,
      'warmup-records': Math.round(records / 10),
    };
    produced.push(await perf('produce', node.bootstrap, common));
    consumed.push(
      await perf('consume', node.bootstrap, {
        topic: 'throughput',
        records,
        'warmup-records': Math.round(records / 10),
      }),
    );
  }
  const ratio = (figures: readonly { mbPerSecond: number }[], raw: readonly number[]): Spread =>
    spread(figures.map(({ mbPerSecond }, round) => mbPerSecond / (raw[round] ?? NaN)));
  const rawProduce = raws.map((raw) => raw.produceMbPerSecond);
  const rawConsume = raws.map((raw) => raw.consumeMbPerSecond);
  return {
    recordBytes,
    produceRecordsPerSecond: spread(produced.map((figures) => figures.recordsPerSecond)),
    produceMbPerSecond: spread(produced.map((figures) => figures.mbPerSecond)),
    produceToRaw: ratio(produced, rawProduce),
    consumeRecordsPerSecond: spread(consumed.map((figures) => figures.recordsPerSecond)),
    consumeMbPerSecond: spread(consumed.map((figures) => figures.mbPerSecond)),
    consumeToRaw: ratio(consumed, rawConsume),
    rawProduceMbPerSecond: spread(rawProduce),
    rawConsumeMbPerSecond: spread(rawConsume),
  };
}
