// What is asked about this process: its log level and its options (api.md 9). Every node answers for itself.
import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { readJson } from '../http/json-body.js';
import { readLogLevelChange, type LogLevels } from '../log-levels.js';
import type { ApiSettings } from '../settings.js';
import { LOG_LEVELS, SETTINGS } from '../tokens.js';

@Controller()
export class ProcessController {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(LOG_LEVELS) private readonly levels: LogLevels,
  ) {}

  @Get('config')
  config(): object {
    return this.settings.effective;
  }

  @Get('logging')
  logging(): object {
    return this.levels.list();
  }

  @Post('logging')
  @HttpCode(200)
  changeLevel(@Req() request: FastifyRequest): object {
    const change = readLogLevelChange(readJson(request));
    this.levels.change(change);
    return change;
  }
}
