// `npm start [-- FILE… options]`: on a bare machine with Node this installs and builds what is missing, then runs `longrun up`.
import { prepare } from './prepare.mjs';

const parent = process.ppid;
await prepare();
// npm ends on SIGTERM without telling us; `longrun up` watches for that, but installing and building cannot
if (process.ppid !== parent) process.exit(1);
process.argv.splice(2, 0, 'up');
await import('../bin/longrun.mjs');
