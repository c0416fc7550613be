// Table of contents: tasks on the Docker Engine.
export { DockerRuntime } from './docker-runtime.js';
export type { DockerRuntimeOptions } from './docker-runtime.js';
export { supportedParameters } from './docker-parameters.js';
