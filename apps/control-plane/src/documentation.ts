// OpenAPI as a page at `/docs` and as JSON at `/docs/json`. The document is built from the tables in documentation/.
import type { INestApplication } from '@nestjs/common';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { openApi } from './documentation/open-api.js';
import { VERSION } from './version.js';

export function serveDocumentation(app: INestApplication): void {
  const document = openApi(VERSION) as unknown as OpenAPIObject;
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'docs/json' });
}
