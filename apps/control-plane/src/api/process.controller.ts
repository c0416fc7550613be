// What is asked about this process: its log level and its options (api.md 9). Every node answers for itself.
import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { readJson } from '../http/json-body.js';
import { readLogLevelChange, type LogLevels } from '../log-levels.js';
import type { ApiSettings } from '../settings.js';
import { LOG_LEVELS, SETTINGS } from '../tokens.js';

@ApiTags('system')
@Controller()
export class ProcessController {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(LOG_LEVELS) private readonly levels: LogLevels,
  ) {}

  @Get('config')
  @ApiOperation({ summary: 'Options in force, without secrets' })
  config(): object {
    return this.settings.effective;
  }

  @Get('logging')
  @ApiOperation({ summary: 'Loggers with their levels' })
  logging(): object {
    return this.levels.list();
  }

  @Post('logging')
  @HttpCode(200)
  @ApiOperation({ summary: 'Change the level of a logger, for good or for durationSeconds' })
  changeLevel(@Req() request: FastifyRequest): object {
    const change = readLogLevelChange(readJson(request));
    this.levels.change(change);
    return change;
  }
}
