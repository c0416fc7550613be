// What a browser finds: the way to the page of this server and to the documentation of its API (api.md 2).
import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { VERSION } from '../version.js';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Longrun</title>
<style>
body { font: 16px/1.6 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1rem; }
code { background: #8882; padding: 0 .3em; border-radius: .2em; }
</style>
</head>
<body>
<h1>Longrun ${VERSION}</h1>
<p>This server keeps long-running services alive on your hosts. It speaks Marathon's v2 API, so Marathon's tools work with it.
There is no dashboard in this version: use the API, or the command <code>longrun</code>.</p>
<ul>
<li><a href="/docs">The API, with every call</a></li>
<li><a href="/v2/info">This server: version, leader, settings</a></li>
<li><a href="/v2/apps">Apps</a>, <a href="/v2/tasks">tasks</a>, <a href="/v2/deployments">running deployments</a></li>
<li><a href="/v2/queue">What waits to be launched, and why</a>, <a href="/v3/alarms">what needs a person</a></li>
</ul>
</body>
</html>
`;

@Controller()
export class PagesController {
  @Get()
  root(@Res() reply: FastifyReply): void {
    void reply.redirect('/ui/', 302);
  }

  @Get('ui')
  page(@Res() reply: FastifyReply): void {
    void reply.type('text/html; charset=utf-8').send(PAGE);
  }

  @Get(['help', 'api-console'])
  help(@Res() reply: FastifyReply): void {
    void reply.redirect('/docs', 302);
  }
}
