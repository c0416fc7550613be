// Table of contents: configuration from flags, environment and longrun.yaml.
export { describeOptions } from './describe-options.js';
export { ConfigurationError } from './option.js';
export type { Option, OptionKind, PortSpan } from './option.js';
export { readConfiguration, Settings, variableOf } from './read-configuration.js';
export type { Sources } from './read-configuration.js';
