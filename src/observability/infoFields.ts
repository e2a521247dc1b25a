/** The lines of a section of INFO, `name:value`. */
export type InfoFields = readonly (readonly [name: string, value: string | number])[];
