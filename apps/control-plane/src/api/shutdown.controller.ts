// For the supervisor's ordered end (decisions.md 25): stop all tasks, then ask how many are left.
import { Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import type { ControlCore } from '#libs/control-core';
import { CORE } from '../tokens.js';

@Controller('v3/shutdown')
export class ShutdownController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Post()
  @HttpCode(200)
  async begin(): Promise<object> {
    await this.core.shutdown.begin();
    return this.progress();
  }

  @Get()
  progress(): object {
    const { shutdown, state } = this.core;
    return { underWay: shutdown.isUnderWay, ...shutdown.progress(state) };
  }
}
