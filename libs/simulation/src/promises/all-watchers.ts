// The promises that every run is held to. Watchers keep state, so each run makes its own.
import { capacity, deploymentsEnd, floor, noNeedlessStops, servedBeforeOldGoes } from './rollouts.js';
import {
  constraintsHold,
  noUndecidedStop,
  noWayBack,
  oneOwnerPerPort,
  oneTaskPerInstance,
  orphansGetTheirTime,
} from './ownership.js';
import { agentsComeBack, converges, nothingLeftOver, tablesArrive, type Excuse } from './progress.js';
import {
  asksBeforeRouting,
  drained,
  portsRest,
  readyBeforeRouted,
  rightApp,
  stopAfterConfirmation,
  tablesOnlyGrow,
} from './traffic.js';
import {
  acknowledgedIsKept,
  acknowledgedReportsAreStored,
  copyIsTrue,
  epochsOnlyGrow,
  massKill,
  noBugsLogged,
  statusesKept,
  toldIsStored,
} from './truth.js';
import { sharesAreObeyed, sharesEnd, sharesHoldRollouts } from './shares.js';
import { answeredWhileOneServes } from './answers.js';
import { everythingHasAReason } from './reasons.js';
import type { Watcher } from './watch.js';

export const allWatchers = (excuse: Excuse): readonly Watcher[] => [
  readyBeforeRouted(),
  stopAfterConfirmation(),
  asksBeforeRouting(),
  drained(),
  rightApp(),
  portsRest(),
  tablesOnlyGrow(),
  answeredWhileOneServes(),
  floor(),
  servedBeforeOldGoes(),
  capacity(),
  deploymentsEnd(),
  noNeedlessStops(),
  sharesHoldRollouts(),
  sharesAreObeyed(),
  sharesEnd(),
  oneOwnerPerPort(),
  oneTaskPerInstance(),
  noUndecidedStop(),
  noWayBack(),
  orphansGetTheirTime(),
  constraintsHold(),
  epochsOnlyGrow(),
  statusesKept(),
  acknowledgedReportsAreStored(),
  toldIsStored(),
  acknowledgedIsKept(),
  copyIsTrue(),
  massKill(),
  everythingHasAReason(),
  noBugsLogged(),
  converges(excuse),
  nothingLeftOver(),
  agentsComeBack(),
  tablesArrive(),
];
