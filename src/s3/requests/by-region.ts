/** More than AWS has regions. */
const REGIONS_MAX = 64;

/**
 * What the adapter has for each region, made when it is first asked for. At most 64 are kept; the one that was asked for
 * longest ago is dropped, and made anew when it is needed. So the values must own nothing that has to be closed.
 */
export class ByRegion<T> {
  readonly #create: (region: string) => T;
  /** The one that was asked for longest ago comes first. */
  readonly #made = new Map<string, T>();

  constructor(create: (region: string) => T) {
    this.#create = create;
  }

  of(region: string): T {
    const made = this.#made.get(region) ?? this.#create(region);
    this.#made.delete(region);
    this.#made.set(region, made);
    const [oldest] = this.#made.keys();
    if (this.#made.size > REGIONS_MAX && oldest !== undefined) this.#made.delete(oldest);
    return made;
  }
}
