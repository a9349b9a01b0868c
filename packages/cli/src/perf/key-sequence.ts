/**
 * The keys of a load, prepared before the clock starts and used in turn. With a skew they follow Zipf's law: the k-th key
 * comes in proportion to 1 / k^skew.
 *
 * The places on the law's curve are multiples of the golden ratio, which cover it evenly: shares come out right already
 * over a short part of the sequence, and each run has the same keys in the same order.
 */
const preparedLength = 1 << 16;
const goldenRatio = 0.618_033_988_749_894_9;

export function keySequence(keys: number, skew: number): readonly Buffer[] {
  const cumulative = new Float64Array(keys);
  let sum = 0;
  for (let index = 0; index < keys; index += 1) cumulative[index] = sum += (index + 1) ** -skew;
  const names = Array.from({ length: keys }, (_, index) => Buffer.from(`key-${index}`));
  return Array.from({ length: preparedLength }, (_, index) => {
    const place = ((index * goldenRatio) % 1) * sum;
    return names[firstAbove(cumulative, place)] ?? Buffer.alloc(0);
  });
}

function firstAbove(cumulative: Float64Array, place: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] ?? 0) > place) high = middle;
    else low = middle + 1;
  }
  return low;
}
