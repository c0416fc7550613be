// `npm start [-- FILE… options]`: on a bare machine with Node this installs and builds what is missing, then runs `longrun up`.
import { prepare } from './prepare.mjs';

prepare();
process.argv.splice(2, 0, 'up');
await import('../bin/longrun.mjs');
