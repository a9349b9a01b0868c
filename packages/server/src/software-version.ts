/** What Hello tells peers. A test keeps it equal to the version in package.json. */
export const softwareVersion = '0.1.0';
