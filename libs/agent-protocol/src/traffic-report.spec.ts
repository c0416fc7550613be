import { expect, test } from '@jest/globals';
import { LATENCY_BUCKETS, latencyBound, latencyBucket, latencyQuantile } from './traffic-report.js';

test('every latency has its bucket, in order and without a gap, at most an eighth wide', () => {
  let before = -1;
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket += 1) {
    const bound = latencyBound(bucket);
    const below = bucket === 0 ? 0 : latencyBound(bucket - 1);
    expect(bound).toBeGreaterThan(below);
    expect(latencyBucket((bound + below) / 2)).toBe(bucket);
    if (bucket >= 8) expect((bound - below) / below).toBeLessThanOrEqual(0.125 + 1e-9);
    before = bucket;
  }
  expect(before).toBe(LATENCY_BUCKETS - 1);
});

test.each([0, -1, Number.NaN])('%p is in the first', (ms) => expect(latencyBucket(ms)).toBe(0));
test.each([2_147_483, 1e12, Infinity])('%p is in the last', (ms) =>
  expect(latencyBucket(ms)).toBe(LATENCY_BUCKETS - 1),
);

test('quantiles are within an eighth of the exact ones', () => {
  const counts = new Float64Array(LATENCY_BUCKETS);
  for (let ms = 1; ms <= 1_000; ms += 1) counts[latencyBucket(ms)] = (counts[latencyBucket(ms)] ?? 0) + 1;
  for (const [share, exact] of [
    [0.5, 500],
    [0.95, 950],
    [0.99, 990],
  ] as const) {
    const found = latencyQuantile(counts, share) ?? 0;
    expect(Math.abs(found - exact) / exact).toBeLessThan(0.125);
  }
  expect(latencyQuantile(new Float64Array(3), 0.5)).toBeUndefined();
});
