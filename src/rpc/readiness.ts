/** The component that only `drain` reports. */
const SERVER = "server";

/** Something that keeps the service from being ready. */
export interface ReadinessProblem {
  /** What has the problem, for instance "database". */
  component: string;
  /** A sentence without secrets: it is shown to whoever asks. */
  problem: string;
}

/**
 * Whether this replica can do its work, and why not. Every component is a problem until it reports itself well once.
 * After `drain` the replica stays unready for good, whatever its components say.
 */
export class Readiness {
  readonly #problems = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #isDraining = false;

  /** `components` are the names that must report before the replica is ready. */
  constructor(components: readonly string[]) {
    for (const component of components) this.#problems.set(component, "has not been checked yet");
  }

  get isReady(): boolean {
    return this.#problems.size === 0;
  }

  /** Whether `drain` was called: the state will not change any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get problems(): ReadinessProblem[] {
    return Array.from(this.#problems, ([component, problem]) => ({ component, problem }));
  }

  /** A component says how it is: a sentence that names its problem, or undefined when it is well. */
  report(component: string, problem: string | undefined): void {
    if (this.#isDraining && component === SERVER) return;
    this.#set(component, problem);
  }

  /** The replica is going away: unready from now on, and watchers end. */
  drain(): void {
    this.#isDraining = true;
    this.#set(SERVER, "is shutting down");
  }

  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(component: string, problem: string | undefined): void {
    if (this.#problems.get(component) === problem) return;
    if (problem === undefined) this.#problems.delete(component);
    else this.#problems.set(component, problem);
    for (const listener of [...this.#listeners]) listener();
  }
}
