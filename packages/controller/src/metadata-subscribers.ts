/**
 * Who is told of each committed image: at once with all there is, then after each change. An image is here as soon as the
 * subscribers have seen it, and before the reply of the change is released.
 */
import { errorMessage, type Logger } from '@millrace/base';
import { type MetadataDelta, metadataDelta } from './image/metadata-delta.js';
import { MetadataImage } from './image/metadata-image.js';

/** Called with each image after a change; the first time, at once, with what differs from nothing. */
export type MetadataListener = (image: MetadataImage, delta: MetadataDelta) => void;

export class MetadataSubscribers {
  readonly #logger: Logger;
  readonly #listeners = new Set<MetadataListener>();
  #image: MetadataImage = MetadataImage.empty;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What the listeners have seen. */
  get image(): MetadataImage {
    return this.#image;
  }

  /** Offset of the last metadata record in the image; -1: none. */
  get metadataOffset(): number {
    return this.#image.position - 1;
  }

  /** Returns how to end it. */
  add(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    this.#notify(listener, metadataDelta(MetadataImage.empty, this.#image));
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** `before` hears of the change first. */
  publish(image: MetadataImage, before: (delta: MetadataDelta) => void): void {
    const delta = metadataDelta(this.#image, image);
    this.#image = image;
    before(delta);
    for (const listener of this.#listeners) this.#notify(listener, delta);
  }

  close(): void {
    this.#listeners.clear();
  }

  /** One listener that fails must not keep the image from the others, nor the reply from the client. */
  #notify(listener: MetadataListener, delta: MetadataDelta): void {
    try {
      listener(this.#image, delta);
    } catch (error) {
      this.#logger.error('A listener could not take in a change of the metadata', {
        metadataOffset: this.metadataOffset,
        reason: errorMessage(error),
        error,
      });
    }
  }
}
