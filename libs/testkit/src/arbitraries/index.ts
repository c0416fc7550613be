// Table of contents: definitions made at random.
export { arbitraryAppBody } from './app-body.js';
