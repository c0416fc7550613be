// Why an instance is as it is, or is gone (promise 9): `GET /v3/instances/ID/why`, also by the id of any of its tasks.
import { Controller, Get, Inject, Param } from '@nestjs/common';
import { failures, presentWhy } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { REASONS_KEPT_MS } from '#libs/store';
import { CORE } from '../tokens.js';
import { hostsOf } from './views.js';

const DAY_MS = 24 * 3600 * 1000;

@Controller('v3/instances')
export class WhyController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get(':id/why')
  async why(@Param('id') id: string): Promise<object> {
    const { state, why } = this.core;
    const facts = await why.of(id, state);
    if (!facts) throw failures.noReasons(id, REASONS_KEPT_MS / DAY_MS);
    return presentWhy(facts, hostsOf(state));
  }
}
