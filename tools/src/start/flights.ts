/**
 * Real data: US flights of 2001 from the `vega-datasets` package (US Bureau of Transportation Statistics), in order of
 * departure. Read from the package in place.
 */
import { openSync, readSync, closeSync, fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

export interface Flight {
  /** Position in the data set, from 0: what the check at the end counts by. */
  readonly n: number;
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

interface Row {
  readonly date: Date;
  readonly delay: bigint | null;
  readonly distance: bigint | null;
  readonly origin: string;
  readonly destination: string;
}

export const flightsMax = 3_000_000;
const chunkRows = 50_000;

/** The first `count` flights, in chunks. */
export async function* readFlights(count: number): AsyncGenerator<Flight[]> {
  const file = openFile(join(datasetDirectory(), 'data', 'flights-3m.parquet'));
  try {
    for (let start = 0; start < count; start += chunkRows) {
      const rowEnd = Math.min(count, start + chunkRows);
      const rows = (await parquetReadObjects({
        file: file.slices,
        compressors,
        rowStart: start,
        rowEnd,
      })) as unknown as Row[];
      yield rows.map((row, index) => ({
        n: start + index,
        date: row.date.toISOString(),
        delay: Number(row.delay ?? 0n),
        distance: Number(row.distance ?? 0n),
        origin: row.origin,
        destination: row.destination,
      }));
    }
  } finally {
    file.close();
  }
}

function datasetDirectory(): string {
  // The package's entry is build/index.js.
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  return join(dirname(entry), '..');
}

function openFile(path: string) {
  const descriptor = openSync(path, 'r');
  const byteLength = fstatSync(descriptor).size;
  return {
    slices: {
      byteLength,
      slice: (start: number, end = byteLength): ArrayBuffer => {
        const bytes = new ArrayBuffer(end - start);
        readSync(descriptor, new Uint8Array(bytes), 0, end - start, start);
        return bytes;
      },
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}
