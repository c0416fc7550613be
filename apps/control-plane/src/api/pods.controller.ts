// Pods do not exist yet. Clients ask with HEAD or GET and take a plain 404 for "no pods here" (clients.md); one that sends a pod gets
// told what is wrong with it, and if nothing is, that there are no pods.
import { Controller, Delete, Get, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import { parsePod, PODS_UNSUPPORTED, resolveId } from '#libs/model';
import { readJson } from '../http/json-body.js';
import { restOf } from './answers.js';

@Controller('v2/pods')
export class PodsController {
  @Get()
  list(): never {
    throw failures.uriNotFound();
  }

  @Get('*')
  one(@Req() request: FastifyRequest): never {
    throw failures.podNotFound(restOf(request));
  }

  @Delete('*')
  remove(@Req() request: FastifyRequest): never {
    throw failures.podNotFound(restOf(request));
  }

  @Post()
  create(@Req() request: FastifyRequest): never {
    return refusePod(request);
  }

  @Put('*')
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
