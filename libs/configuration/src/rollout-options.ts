// The options of rollouts, the same for `longrun control-plane` and `longrun up`, and what they come to.
import type { Option } from './option.js';
import type { Settings } from './read-configuration.js';

export const ROLLOUT_OPTIONS: readonly Option[] = [
  {
    name: 'min-ready-seconds',
    kind: 'number',
    range: { from: 0, to: 86_400 },
    default: '10',
    help: 'how long a new instance must serve without interruption before an old one makes room for it',
  },
];

/** Milliseconds. */
export const minReadyMsOf = (settings: Settings): number => settings.number('min-ready-seconds') * 1000;

/** As they go on to the control plane. */
export const rolloutArguments = (settings: Settings): readonly string[] =>
  ROLLOUT_OPTIONS.flatMap(({ name }) => [`--${name}`, settings.text(name)]);
