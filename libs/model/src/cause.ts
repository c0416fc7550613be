// Why something happened. Every start, stop, move and route change carries one (promise 9).

export type CauseKind =
  | 'request' // a person or a client asked for it; the root of a deployment
  | 'deployment' // a rolling replacement, a start or a scaling that a person asked for
  | 'kill' // a person killed this task
  | 'crash' // it ended by itself
  | 'health' // it failed its health checks
  | 'rejected' // the agent could not launch it (port taken, image unknown, …)
  | 'lost-agent'
  | 'surplus' // more run than wanted, e.g. after a lost agent came back
  | 'shortage' // fewer run than wanted, and nothing that is known took them
  | 'shutdown' // `longrun up` ends and takes its tasks along; desired state is untouched
  | 'orphan'; // no assignment names it

export interface Cause {
  readonly kind: CauseKind;
  /** One sentence for a person, e.g. `health check /health failed 4 times: 500 Internal Server Error`. Never a secret. */
  readonly text: string;
  /** The deployment, task, agent or (of an instance that takes another one's place) instance it refers to. */
  readonly ref?: string;
}
