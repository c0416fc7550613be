// The promises that every run is held to. Watchers keep state, so each run makes its own.
import { capacity, deploymentsEnd, floor, noNeedlessStops } from './rollouts.js';
import {
  constraintsHold,
  noUndecidedStop,
  oneOwnerPerPort,
  oneTaskPerInstance,
  orphansGetTheirTime,
} from './ownership.js';
import { converges, nothingLeftOver, tablesArrive, type Excuse } from './progress.js';
import { drained, readyBeforeRouted, rightApp, stopAfterConfirmation, tablesOnlyGrow } from './traffic.js';
import {
  acknowledgedIsKept,
  copyIsTrue,
  epochsOnlyGrow,
  massKill,
  noBugsLogged,
  statusesKept,
} from './truth.js';
import { everythingHasAReason } from './reasons.js';
import type { Watcher } from './watch.js';

export const allWatchers = (excuse: Excuse): readonly Watcher[] => [
  readyBeforeRouted(),
  stopAfterConfirmation(),
  drained(),
  rightApp(),
  tablesOnlyGrow(),
  floor(),
  capacity(),
  deploymentsEnd(),
  noNeedlessStops(),
  oneOwnerPerPort(),
  oneTaskPerInstance(),
  noUndecidedStop(),
  orphansGetTheirTime(),
  constraintsHold(),
  epochsOnlyGrow(),
  statusesKept(),
  acknowledgedIsKept(),
  copyIsTrue(),
  massKill(),
  everythingHasAReason(),
  noBugsLogged(),
  converges(excuse),
  nothingLeftOver(),
  tablesArrive(),
];
