// What HAProxy says against a configuration: who is to blame, and that no secret is repeated.
import { describe, expect, it } from '@jest/globals';
import { complaintsIn, refusalsIn, saysGone, wordsOf } from './haproxy-answers.js';

const REFUSAL = `[NOTICE]   (7) : haproxy version is 2.6.12
[WARNING]  (7) : config : parsing [/x/haproxy.cfg:12] : overwriting 'timeout server' which was already specified
[ALERT]    (7) : config : parsing [/x/haproxy.cfg:40] : 'retry-on': unknown keyword '429'.
[ALERT]    (7) : config : parsing [/x/haproxy.cfg:41] : 'user' : no password 'hunter2' in userlist
[ALERT]    (7) : config : Error(s) found in configuration file : /x/haproxy.cfg
[ALERT]    (7) : config : Fatal errors found in configuration.`;

describe('complaints of HAProxy', () => {
  it('blames lines that it refuses, not those that it warns of', () => {
    expect(complaintsIn(REFUSAL)).toEqual([
      { line: 40, words: "'retry-on': unknown keyword '429'." },
      { line: 41, words: 'a user list is not understood' },
    ]);
  });

  it('says of a refusal what is known of it, and no secrets', () => {
    expect(wordsOf(REFUSAL)).toBe(
      "line 40: 'retry-on': unknown keyword '429'.; line 41: a user list is not understood",
    );
    expect(wordsOf('[ALERT] (7) : Cannot raise FD limit to 25243, limit is 20000.')).toMatch(/FD limit/);
    expect(wordsOf('[ALERT] (7) : password hunter2')).toBe('it does not say why');
  });

  it('tells what is gone from what failed', () => {
    const [first, second] = refusalsIn('\nNo such server.\n\nInvalid weight.\n');
    expect([first, second].map((each) => saysGone(each ?? ''))).toEqual([true, false]);
  });
});
