// Table of contents: configuration from flags, environment and longrun.yaml.
export { hostPort, isWildcard } from './addresses.js';
export { BRAKE_OPTIONS, brakeArguments, brakeOf } from './brake-options.js';
export type { BrakeConfiguration } from './brake-options.js';
export { controlPlanesOf } from './control-planes.js';
export { describeOptions } from './describe-options.js';
export { HTTPS_PORT, listenersOf } from './listeners.js';
export type { Listener, ServingPlaces } from './listeners.js';
export { ConfigurationError } from './option.js';
export type { NumberRange, Option, OptionKind, PortSpan } from './option.js';
export { minReadyMsOf, ROLLOUT_OPTIONS, rolloutArguments } from './rollout-options.js';
export { SERVING_OPTIONS, servingArguments } from './serving-options.js';
export { readConfiguration, Settings, variableOf } from './read-configuration.js';
export type { Sources } from './read-configuration.js';
export { tokenFileOf } from './token-file.js';
