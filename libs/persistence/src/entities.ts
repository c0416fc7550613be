// TypeORM entities for the reads that are not hot. They stay inside this lib; the tables are made by migrations/ only.
import { EntitySchema } from 'typeorm';
import type { AppVersion, Deployment } from '#libs/model';

export interface AppVersionRow {
  readonly appId: string;
  readonly version: string;
  readonly document: AppVersion;
}
export const AppVersionEntity = new EntitySchema<AppVersionRow>({
  name: 'AppVersion',
  tableName: 'app_versions',
  columns: {
    appId: { name: 'app_id', type: 'text', primary: true },
    version: { type: 'text', primary: true },
    document: { type: 'json' },
  },
});

export interface DeploymentRow {
  readonly id: string;
  readonly version: string;
  readonly status: string;
  readonly endedAt: string | null;
  readonly document: Deployment;
}
export const DeploymentEntity = new EntitySchema<DeploymentRow>({
  name: 'Deployment',
  tableName: 'deployments',
  columns: {
    id: { type: 'text', primary: true },
    version: { type: 'text' },
    status: { type: 'text' },
    endedAt: { name: 'ended_at', type: 'bigint', nullable: true },
    document: { type: 'json' },
  },
});

export interface TokenRow {
  readonly sha256: string;
  readonly role: 'agent' | 'proxy';
}
export const TokenEntity = new EntitySchema<TokenRow>({
  name: 'Token',
  tableName: 'tokens',
  columns: { sha256: { type: 'text', primary: true }, role: { type: 'text' } },
});
