// Pods do not exist yet. Clients ask with HEAD or GET and take a plain 404 for "no pods here" (clients.md); one that sends a pod gets
// told what is wrong with it, and if nothing is, that there are no pods.
import { Controller, Delete, Get, Post, Put, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import { parsePod, PODS_UNSUPPORTED, resolveId } from '#libs/model';
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
    return refusePod(request, resolveId(`/${restOf(request)}`));
  }
}

/** `url`: the id that the body's must equal. */
function refusePod(request: FastifyRequest, url?: string): never {
  const parsed = parsePod(readJson(request));
  if (parsed.kind === 'problems') throw failures.invalidDefinition(parsed);
  if (url !== undefined && url !== parsed.id) throw failures.podIdMismatch(url, parsed.id);
  throw failures.ruleViolation('/', PODS_UNSUPPORTED);
}
