// The paths that a task sends back (label location-prefix), as the built-in engine rewrites them: before the path of a Location or
// Content-Location that points at the host that was asked, unless the prefix stands there already. A relative one is relative to what the
// client sees already, and `//other/x` is another host.
import type { RouteService } from '#libs/routing';
import { quote, quoteFormat } from './config-text.js';

/** Of HTTP; nothing without the label. */
export function locationRules({ policy }: RouteService): string[] {
  const prefix = policy?.locationPrefix;
  if (prefix === undefined) return [];
  return [
    "http-request set-var(txn.asked_host) req.hdr(host),regsub(':[0-9]+$',),lower",
    ...rewriteRules('location', 'txn.l', prefix),
    ...rewriteRules('content-location', 'txn.c', prefix),
  ];
}

/** `name`: of the variables, one per header, for a header that is not there leaves a variable as it is. */
function rewriteRules(header: string, name: string, prefix: string): string[] {
  const value = `var(${name})`;
  const [rest, host, path] = [`${name}_rest`, `${name}_host`, `${name}_path`];
  const isAbsolute = `{ ${value} -m reg -i ^https?:// }`;
  const isOther = `{ var(${rest}) -m beg // }`;
  const isThere = `{ var(${path}),regsub('[?#].*$',),concat(/) -m beg ${quote(`${prefix}/`)} }`;
  // brackets of a regular expression stand in quotes of their own inside of those of the configuration
  const origin = `%[${value},'regsub("^(https?://[^/?#]*).*$","\\1",i)']`;
  const ours = `${quoteFormat(prefix)}%[var(${path})]`;
  const rules = [
    `set-var(${name}) res.fhdr(${header})`,
    `set-var(${rest}) ${value},regsub('^https?://[^/?#]*',,i)`,
    `set-var(${host}) ${value},regsub('^https?://',,i),regsub('[/?#].*$',),regsub(':[0-9]+$',),lower if ${isAbsolute}`,
    `set-var(${path}) var(${rest})`,
    `set-var(${path}) str(/),concat(,${rest}) if !{ var(${rest}) -m beg / }`,
    `set-header ${header} ${ours} if { ${value} -m beg / } !${isOther} !${isThere}`,
    `set-header ${header} ${origin}${ours} if { var(${host}),strcmp(txn.asked_host) eq 0 } !${isOther} !${isThere}`,
  ];
  return rules.map((rule) => `http-response ${rule}`);
}
