/** Names that a metric may have as values of one label, the first that come; all others are "other". */
export class BoundedNames {
  readonly #known = new Set<string>();
  readonly #namesMax: number;

  constructor(namesMax: number) {
    this.#namesMax = namesMax;
  }

  /** The name itself, or "other". */
  of(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= this.#namesMax) return "other";
    this.#known.add(name);
    return name;
  }
}
