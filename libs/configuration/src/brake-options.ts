// The options of the mass-kill brake, the same for `longrun control-plane` and `longrun up`, and what they come to.
import type { Option } from './option.js';
import type { Settings } from './read-configuration.js';

export const BRAKE_OPTIONS: readonly Option[] = [
  {
    name: 'brake-instances',
    kind: 'number',
    range: { from: 0, to: 1_000_000, whole: true },
    default: '4',
    help: 'mass-kill brake: so many instances at least turn unhealthy together; 0 switches it off, every failed check kills',
  },
  {
    name: 'brake-share',
    kind: 'number',
    range: { from: 0.01, to: 1 },
    default: '0.5',
    help: 'mass-kill brake: share of the healthy ones that turns unhealthy, of an app or of all apps, 0.01 to 1',
  },
  {
    name: 'brake-window-seconds',
    kind: 'number',
    range: { from: 1, to: 3600 },
    default: '60',
    help: 'mass-kill brake: turned unhealthy within this = together; and how long it stays on when too few are left',
  },
];

export interface BrakeConfiguration {
  /** 0: off. */
  readonly minimumInstances: number;
  readonly share: number;
  readonly windowMs: number;
}

export const brakeOf = (settings: Settings): BrakeConfiguration => ({
  minimumInstances: settings.number('brake-instances'),
  share: settings.number('brake-share'),
  windowMs: settings.number('brake-window-seconds') * 1000,
});

/** As they go on to the control plane. */
export const brakeArguments = (settings: Settings): readonly string[] =>
  BRAKE_OPTIONS.flatMap(({ name }) => [`--${name}`, settings.text(name)]);
