// `npm start [-- FILE… options]`: on a bare machine with Node this installs and builds what is missing, then runs `longrun up`.
import { readFileSync } from 'node:fs';
import { prepare } from './prepare.mjs';

// npm ends on SIGTERM without telling us; from its own start on `longrun up` watches for that
const starter = npm();
const watch = setInterval(() => npm() === starter || process.kill(process.pid, 'SIGTERM'), 500);
await prepare();
clearInterval(watch);
if (npm() !== starter) process.exit(1);
process.argv.splice(2, 0, 'up');
await import('../bin/longrun.mjs');

/** The process that started us, or the one before when there is a shell in between: npm, after `npm start`. */
function npm() {
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
  const [name, rest] = [
    stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    stat.slice(stat.lastIndexOf(')') + 2),
  ];
  return /^(ba|da|a)?sh$/.test(name) ? Number(rest.split(' ')[1]) : process.ppid;
}
