import { MillraceError, parseAddress, type Address } from '@millrace/base';

/** Addresses to find the cluster by: `host:port`, several separated by commas or in a list. Throws INVALID_CONFIG. */
export function parseBootstrap(bootstrap: string | readonly string[]): readonly Address[] {
  const texts = (typeof bootstrap === 'string' ? bootstrap.split(',') : bootstrap).map((text) => text.trim());
  const addresses = texts.filter((text) => text !== '').map(parseOne);
  if (addresses.length === 0) {
    throw new MillraceError('INVALID_CONFIG', 'bootstrap is empty: give at least one address, such as 127.0.0.1:7400.');
  }
  return addresses;
}

function parseOne(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined || address.port === 0) {
    throw new MillraceError(
      'INVALID_CONFIG',
      `bootstrap address ${JSON.stringify(text)} is not HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400.`,
    );
  }
  return address;
}
