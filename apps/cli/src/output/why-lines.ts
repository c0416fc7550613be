// A chain of reasons as an indented list: what is now on top, each cause below what it caused, the root last.
import type { InstanceWhyAnswer } from '#libs/api-client';
import { WIDTH, wrapped } from './wrap.js';

const INDENT = '  ';
/** Columns of a text, however deep in the chain it is. */
const TEXT_MIN = 40;

export function whyLines({ instanceId, appId, now, chain }: InstanceWhyAnswer): string {
  const width = Math.max(0, ...chain.map(({ at }) => at?.length ?? 0));
  const links = chain.flatMap(({ at, text }, depth) => {
    const start = `${(at ?? '').padEnd(width)}  ${INDENT.repeat(depth)}`;
    // wrapped without its start, which may be of spaces only
    const indent = ' '.repeat(start.length);
    const [first = '', ...more] = wrapped(
      `${depth ? 'because ' : ''}${oneLine(text)}`,
      INDENT,
      Math.max(WIDTH - start.length, TEXT_MIN),
    );
    return [`${start}${first}`, ...more.map((line) => `${indent}${line}`)];
  });
  return [...wrapped(`${instanceId} of ${appId}: ${now}`, INDENT), '', ...links].join('\n');
}

/** Texts may hold the end of a task's stderr. */
const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' | ');
