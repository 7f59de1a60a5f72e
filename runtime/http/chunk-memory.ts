/**
 * Frees the memory of a chunk that nobody will look at again, instead of leaving it to a collection: dead chunks pile up
 * to tens of megabytes before the engine begins one, and its threads then work for nothing else. Only where the chunk is
 * all of its memory; parts of a shared one belong to others too.
 */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
