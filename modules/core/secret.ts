import { randomBytes } from "node:crypto";
import { inspect } from "node:util";

/** A value that must never be seen. It prints, serializes and inspects as `[secret]`; only `reveal` gives it out. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it at the border where the value is handed on, and nowhere else. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}

/** 192 random bits in 32 letters, digits, `-` and `_`: nothing that a configuration file would have to quote. */
export function randomSecret(): Secret {
  return new Secret(randomBytes(24).toString("base64url"));
}
