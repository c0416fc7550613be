// A chain of reasons as an indented list: what is now on top, each cause below what it caused, the root last.
import type { InstanceWhyAnswer } from '#libs/api-client';

const INDENT = '  ';

export function whyLines({ instanceId, appId, now, chain }: InstanceWhyAnswer): string {
  const width = Math.max(0, ...chain.map(({ at }) => at?.length ?? 0));
  const links = chain.map(({ at, text }, depth) => {
    const because = depth ? `${INDENT.repeat(depth)}because ` : '';
    return `${(at ?? '').padEnd(width)}  ${because}${oneLine(text)}`;
  });
  return [`${instanceId} of ${appId}: ${now}`, '', ...links].join('\n');
}

/** Texts may hold the end of a task's stderr. */
const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' | ');
