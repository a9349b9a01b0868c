import { type Address, errorCode, errorMessage, formatAddress, MillraceError } from '@millrace/base';

/** Why an address cannot be listened on, naming the setting that chose it. */
export function listenError(error: unknown, address: Address, setting: string): MillraceError {
  const where = formatAddress(address);
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new MillraceError(
        'ADDRESS_IN_USE',
        `${where} is in use by another process: stop that, or choose another port with ${setting}.`,
        { cause: error },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new MillraceError(
        'ADDRESS_NOT_AVAILABLE',
        `${where} is not an address of this machine: set ${setting} to one that is.`,
        { cause: error },
      );
    case 'EACCES':
      return new MillraceError(
        'ADDRESS_FORBIDDEN',
        `This user may not listen on ${where}: choose a port from 1024 up with ${setting}.`,
        { cause: error },
      );
    default:
      return new MillraceError(
        'ADDRESS_NOT_AVAILABLE',
        `Cannot listen on ${where} (${setting}): ${errorMessage(error)}.`,
        {
          cause: error,
        },
      );
  }
}
