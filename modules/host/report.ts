/** Takes one line about what is being done, without an end of line. How it is shown is up to the caller. */
export type Report = (line: string) => void;
