/**
 * Collects the records of one decision and keeps the image as it will be after them, so that the second topic of a
 * request is decided on an image that has the first.
 */
import { applyMetadataRecord } from '../image/apply-metadata-record.js';
import type { MetadataImage } from '../image/metadata-image.js';
import type { KnownMetadataRecord } from '../image/metadata-record.js';

export class DecisionDraft {
  readonly #entries: KnownMetadataRecord[] = [];
  #image: MetadataImage;

  constructor(image: MetadataImage) {
    this.#image = image;
  }

  get image(): MetadataImage {
    return this.#image;
  }

  get entries(): readonly KnownMetadataRecord[] {
    return this.#entries;
  }

  add(record: KnownMetadataRecord): void {
    this.#image = applyMetadataRecord(this.#image, record, this.#image.position);
    this.#entries.push(record);
  }
}
