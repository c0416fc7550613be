// Table of contents: what tests share.
export { arbitraryAppBody } from './arbitraries/index.js';
export {
  aHealthCheck,
  aLaunchSpec,
  anAgentInfo,
  anAgentNode,
  anAppSpec,
  anInstance,
  aPortDefinition,
  aReadinessCheck,
  aService,
  aStatus,
  aTable,
  aTarget,
  aVersion,
} from './builders/index.js';
export type { TargetAt } from './builders/index.js';
export { compileProgram } from './compile-program.js';
export type { ProgramOptions } from './compile-program.js';
export {
  canStartDockerd,
  findOrStartDocker,
  freeRange,
  importBusyboxImage,
  PrivateDockerd,
} from './docker/index.js';
export type { MissingDocker, TestDocker, TestImage } from './docker/index.js';
export { FakeRuntime } from './fake-runtime.js';
export { ask, listen, tcpServer } from './loopback.js';
export type { Answered, Ask, TcpServer } from './loopback.js';
export { freePort, freePorts } from './ports.js';
export { selfSigned } from './self-signed.js';
export type { SelfSigned } from './self-signed.js';
export { tempDatabase } from './temp-database.js';
export type { TempDatabase } from './temp-database.js';
export { until } from './until.js';
export type { UntilOptions } from './until.js';
export { canFakeTime, WallClock } from './wall-clock.js';
