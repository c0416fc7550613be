// Table of contents: which files are certificates of the HTTPS port, and what a good one is, for both engines alike.
export { CertificateError, noneUsable } from './certificate-error.js';
export { certificateFiles, readCertificateFile, stampOf } from './certificate-files.js';
export type { CertificateFiles } from './certificate-files.js';
export { readPem } from './read-pem.js';
export type { CertificatePem } from './read-pem.js';
