import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseLabelSelector } from './label-selector.js';

const labels = { env: 'prod', tier: 'front', 'a b': 'x,y', empty: '' };
const selects = (text: string): boolean | string => {
  const selector = parseLabelSelector(text);
  return selector.kind === 'ok' ? selector.matches(labels) : selector.reason;
};

describe('the label selector', () => {
  it.each([
    ['', true],
    ['   ', true],
    ['env', true],
    ['none', false],
    ['env==prod', true],
    [' env == prod , tier ', true],
    ['env==test', false],
    ['env!=test', true],
    ['env!=prod', false],
    ['none!=x', false],
    ['env in (test, prod)', true],
    ['env in(prod)', true],
    ['env notin (test)', true],
    ['none notin (test)', false],
    ['env,tier==back', false],
    ['a\\ b==x\\,y', true],
    ['toString', false],
    ['in in (in)', false],
  ])('%j selects: %s', (text, expected) => expect(selects(text)).toBe(expected));

  it.each([
    ['((', 'expected the name of a label at character 1'],
    ['a in (b', "expected ',' or ')' at character 8"],
    ['a in ()', 'expected a value at character 7'],
    ['a=b', 'expected a comma or the end at character 2'],
    ['a,', 'expected the name of a label at character 3'],
    ['a b', "expected '==', '!=', 'in' or 'notin' at character 4"],
    ['a==', 'expected a value at character 4'],
  ])('%j is unreadable: %s', (text, reason) => expect(selects(text)).toBe(reason));

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => ['ok', 'unreadable'].includes(parseLabelSelector(text).kind)),
    );
  });

  it('reads long lists in one go', () => {
    expect(selects(`env in (${'x,'.repeat(50_000)}prod)`)).toBe(true);
  });
});
