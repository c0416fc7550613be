// An agent's WebSocket as the link that its session in libs/control-core talks over: text in, frames out, no decision.
import type { WebSocket } from 'ws';
import type { AgentLink, AgentSessions } from '#libs/control-core';
import type { Logger } from '#libs/telemetry';
import { readFrame } from './agent-frame.js';

/** Close code 1012 of the WebSocket registry: dial again. */
const SERVICE_RESTART = 1012;
/** Of the reason told to the agent: a close frame has room for 123 bytes. */
const REASON_CHARACTERS_MAX = 100;

/** Until the socket closes. */
export function serveAgentSocket(socket: WebSocket, sessions: AgentSessions, logger: Logger): void {
  const session = sessions.open(linkOver(socket));
  socket.on('message', (data, isBinary) => session.take(readFrame(isBinary ? '' : String(data))));
  socket.on('close', () => session.linkClosed());
  socket.on('error', (error) => logger.warn({ err: error, agent: session.agent }, 'agent session'));
}

const linkOver = (socket: WebSocket): AgentLink => ({
  get isOpen() {
    return socket.readyState === socket.OPEN;
  },
  unsentBytes: () => socket.bufferedAmount,
  send: (frame) => socket.send(JSON.stringify(frame)),
  pause: () => socket.pause(),
  resume: () => socket.resume(),
  close: (reason) => socket.close(SERVICE_RESTART, reason.slice(0, REASON_CHARACTERS_MAX)),
  cut: () => socket.terminate(),
});
