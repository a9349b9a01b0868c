/** The `Network` that one process sees of the simulated network. */
import { completion, type Address, type Listener, type Network, type Socket } from '@millrace/base';
import type { Incarnation } from '../simulation/incarnation.js';
import type { Acceptor, SimulatedNetwork } from './simulated-network.js';

const selfNames = new Set(['localhost', '127.0.0.1', '::1']);
const everyAddress = new Set(['0.0.0.0', '::', '']);
const firstFreePort = 40_000;

/** A connection request that nobody answers is sent again this often, and given up after this long. */
const retryMs = 1000;
const connectTimeoutMs = 20_000;

export class NodeView implements Network {
  readonly #network: SimulatedNetwork;
  readonly #incarnation: Incarnation;

  constructor(network: SimulatedNetwork, incarnation: Incarnation) {
    this.#network = network;
    this.#incarnation = incarnation;
  }

  async listen(address: Address, onConnection: (socket: Socket) => void): Promise<Listener> {
    this.#incarnation.assertAlive();
    const { node } = this.#incarnation;
    const { host } = address;
    if (host !== node && !selfNames.has(host) && !everyAddress.has(host)) {
      throw networkError('EADDRNOTAVAIL', `address not available ${host}:${address.port}`);
    }
    let { port } = address;
    if (port === 0) for (port = firstFreePort; this.#network.hasAcceptor(node, port); port += 1);
    if (this.#network.hasAcceptor(node, port))
      throw networkError('EADDRINUSE', `address already in use ${host}:${port}`);
    const acceptor: Acceptor = {
      incarnation: this.#incarnation,
      port,
      isPublic: !selfNames.has(host),
      accept: onConnection,
    };
    this.#network.addAcceptor(acceptor);
    await this.#wait(0);
    return {
      address: { host, port },
      close: async () => {
        this.#network.removeAcceptor(acceptor);
        await this.#wait(0);
      },
    };
  }

  connect(address: Address, signal?: AbortSignal): Promise<Socket> {
    const outcome = completion<Socket>();
    const abort = (): void => {
      outcome.reject(signal?.reason);
    };
    if (signal?.aborted === true) {
      abort();
      return outcome.promise;
    }
    signal?.addEventListener('abort', abort, { once: true });
    this.#request({
      target: selfNames.has(address.host) ? this.#incarnation.node : address.host,
      port: address.port,
      deadlineUs: this.#network.options.scheduler.nowUs + connectTimeoutMs * 1000,
      isAborted: () => signal?.aborted === true,
      resolve: (socket) => {
        signal?.removeEventListener('abort', abort);
        outcome.resolve(socket);
      },
      reject: (error) => {
        signal?.removeEventListener('abort', abort);
        outcome.reject(error);
      },
    });
    return outcome.promise;
  }

  /** Sends one connection request; it is answered, refused, or sent again. */
  #request(request: ConnectRequest): void {
    const { scheduler, isKnown } = this.#network.options;
    const { links } = this.#network;
    const { node } = this.#incarnation;
    const { target, port } = request;
    this.#incarnation.assertAlive();
    if (!isKnown(target)) {
      this.#after(retryMs / 1000, 'connect', () => {
        request.reject(networkError('ENOTFOUND', `no simulated node is called ${target}`));
      });
      return;
    }
    const thereUs = links.delayUs(node, target, { nowUs: scheduler.nowUs, sizeBytes: 0 });
    scheduler.schedule({
      owner: undefined,
      delayUs: thereUs,
      kind: 'request',
      run: () => {
        const acceptor = this.#network.acceptorFor(target, port, node);
        // An answer needs the way back; without one the request looks unanswered.
        const isLost = acceptor === 'silent' || links.isCut(node, target) || links.isCut(target, node);
        if (isLost) this.#after(retryMs, 'connect', () => this.#retry(request));
        else if (acceptor === 'refused') this.#refused(request);
        else this.#accepted(request, acceptor);
      },
    });
  }

  #retry(request: ConnectRequest): void {
    if (request.isAborted()) return;
    if (this.#network.options.scheduler.nowUs < request.deadlineUs) this.#request(request);
    else request.reject(networkError('ETIMEDOUT', `connect ${request.target}:${request.port}`));
  }

  #refused(request: ConnectRequest): void {
    const { scheduler } = this.#network.options;
    const { target, port } = request;
    const backUs = this.#network.links.delayUs(target, this.#incarnation.node, {
      nowUs: scheduler.nowUs,
      sizeBytes: 0,
    });
    this.#after(backUs / 1000, 'connect', () => {
      request.reject(networkError('ECONNREFUSED', `connect ${target}:${port}`));
    });
  }

  #accepted(request: ConnectRequest, acceptor: Acceptor): void {
    const { scheduler } = this.#network.options;
    if (this.#incarnation.state === 'ended') return;
    const { node } = this.#incarnation;
    const backUs = this.#network.links.delayUs(request.target, node, { nowUs: scheduler.nowUs, sizeBytes: 0 });
    const [near, far] = this.#network.makeConnection(this.#incarnation, acceptor, scheduler.nowUs + backUs);
    scheduler.schedule({
      owner: acceptor.incarnation,
      delayUs: 0,
      kind: 'accept',
      run: () => {
        acceptor.accept(far);
      },
    });
    this.#after(backUs / 1000, 'connect', () => {
      if (request.isAborted()) near.destroy();
      // It was reset on its way here: nobody could tell its handler any more.
      else if (near.isGone) request.reject(networkError('ECONNRESET', `connect ${request.target}:${request.port}`));
      else request.resolve(near);
    });
  }

  #after(delayMs: number, kind: string, run: () => void): void {
    this.#network.options.scheduler.schedule({ owner: this.#incarnation, delayUs: delayMs * 1000, kind, run });
  }

  #wait(delayMs: number): Promise<void> {
    const done = completion();
    this.#after(delayMs, 'listen', () => {
      done.resolve();
    });
    return done.promise;
  }
}

interface ConnectRequest {
  readonly target: string;
  readonly port: number;
  readonly deadlineUs: number;
  readonly isAborted: () => boolean;
  readonly resolve: (socket: Socket) => void;
  readonly reject: (error: Error) => void;
}

function networkError(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}
