// Pods do not exist yet. Clients ask with HEAD or GET and take a plain 404 for "no pods here" (clients.md); one that sends a pod gets
// told what is wrong instead of a wrong method.
import { Controller, Delete, Get, Post, Put, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import { readJson } from '../http/json-body.js';
import { restOf } from './answers.js';

@ApiTags('pods')
@Controller('v2/pods')
export class PodsController {
  @Get()
  @ApiOperation({ summary: '404: there are no pods' })
  list(): never {
    throw failures.uriNotFound();
  }

  @Get('*')
  @ApiOperation({ summary: '404: there are no pods' })
  one(@Req() request: FastifyRequest): never {
    throw failures.podNotFound(restOf(request));
  }

  @Delete('*')
  @ApiOperation({ summary: '404: there are no pods' })
  remove(@Req() request: FastifyRequest): never {
    throw failures.podNotFound(restOf(request));
  }

  @Post()
  @ApiOperation({ summary: 'Refused: pods are not supported yet' })
  create(@Req() request: FastifyRequest): never {
    return refusePod(request);
  }

  @Put('*')
  @ApiOperation({ summary: 'Refused: pods are not supported yet' })
  replace(@Req() request: FastifyRequest): never {
    return refusePod(request);
  }
}

function refusePod(request: FastifyRequest): never {
  readJson(request);
  throw failures.ruleViolation(
    '/',
    'pods are not supported yet by this version of Longrun. Send their containers as apps to POST /v2/apps.',
  );
}
