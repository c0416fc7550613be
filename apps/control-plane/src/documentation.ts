// OpenAPI of everything the controllers declare, as a page and as JSON at `/docs` and `/docs-json`.
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { VERSION } from './version.js';

export function serveDocumentation(app: INestApplication): void {
  const document = SwaggerModule.createDocument(
    app,
    new DocumentBuilder()
      .setTitle('Longrun')
      .setDescription("Marathon's v2 API, and under /v3 what Marathon lacks.")
      .setVersion(VERSION)
      .build(),
  );
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'docs/json' });
}
