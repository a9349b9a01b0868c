import type { FileSystem } from '@millrace/base';

const derived = /\.(index|timeindex|txnindex|snapshot)$|^leader-epoch-(checkpoint|journal)$/;

/** Deletes all that a node can make anew from its logs: it must not be missed. */
export function deleteDerivedFiles(files: FileSystem, directory: string): void {
  for (const name of files.list(directory)) {
    const path = `${directory}/${name}`;
    if (files.stat(path)?.isDirectory === true) deleteDerivedFiles(files, path);
    else if (derived.test(name)) files.removeFile(path);
  }
}
