// What a Store implementation gives the suite: handles on one set of rows, and the faults that it must survive.
import type { Store } from '#libs/store';

export interface StoreBench {
  /** A further handle, as another process would have it. */
  open(): Promise<Store>;
  /** A handle over a network that the suite can break. */
  openFragile(): Promise<FragileStore>;
  /** Moves the store's own clock forward, as leases see it. */
  passTime(ms: number): Promise<void>;
  /** Closes all handles and forgets the rows. */
  close(): Promise<void>;
}

export interface FragileStore {
  readonly store: Store;
  /** The next commit takes effect, its answer never arrives. */
  loseNextAnswer(): void;
  setReachable(reachable: boolean): void;
}
