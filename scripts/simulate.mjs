// `npm run simulate [-- OPTIONS]`: builds what is stale and runs the simulator (libs/simulation). `-- --help` lists the options.
import { prepare } from './prepare.mjs';

await prepare();
const { simulate } = await import('../dist/libs/simulation/src/command/simulate.js');
process.exitCode = await simulate(process.argv.slice(2));
